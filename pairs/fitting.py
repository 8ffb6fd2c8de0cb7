"""One training loop for every reference family: host loop over a jitted update, resumable, with progress.

The update is pure, ``update(state, key, step) -> (state, losses)``. Everything random in
update ``i`` comes from ``fold_in(key, i)``, so a run that stops and resumes
takes the same path as one that does not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .errors import InputError
from .protocol import Pair
from .record import Record

__all__ = ["FitResult", "Job", "fit", "ema_update"]

Update = Callable[[Any, Array, int], tuple[Any, dict[str, Array]]]


class Job(NamedTuple):
    """A training run as whoever stores it sees it (:func:`checkpoints.train`).

    ``settings`` is a frozen dataclass; ``make_update`` is called only where steps are left to do.
    ``notes`` turns the recorded losses into warnings for the report.
    """

    family: str
    settings: Any
    init: Callable[[Array], Any]
    make_update: Callable[[], Update]
    to_pair: Callable[[Any, Array, Record], Pair]
    notes: Callable[[dict[str, list[float]]], list[str]] = lambda history: []


class FitResult(NamedTuple):
    """Final state and the recorded losses: ``history[name]`` is a list, ``history["step"]`` its positions."""

    state: Any
    history: dict[str, list[float]]


def ema_update(average: Any, value: Any, decay: float) -> Any:
    """Exponential moving average of a pytree, ``decay * average + (1 - decay) * value``."""
    return jax.tree.map(lambda a, v: decay * a + (1.0 - decay) * v, average, value)


def fit(
    update: Update,
    state: Any,
    steps: int,
    key: Array,
    *,
    start: int = 0,
    history: dict[str, list[float]] | None = None,
    record_every: int = 20,
    on_progress: Callable[[int, int, dict[str, float], float], None] | None = None,
    checkpoint_every: int = 500,
    on_checkpoint: Callable[[int, Any, dict[str, list[float]]], None] | None = None,
) -> FitResult:
    """Run updates ``start .. steps - 1``.

    Args:
      update: pure update; jit it before passing it in.
      on_progress: called with (done, steps, latest losses, seconds left) at every record.
      on_checkpoint: called with (done, state, history) every ``checkpoint_every`` and at the end.

    Raises:
      InputError: a loss became NaN or infinite (nothing is saved after that point).
    """
    for field, value in (("steps", steps), ("record_every", record_every), ("checkpoint_every", checkpoint_every)):
        if value < 1:
            raise InputError(field, f"is {value}", "give at least 1")
    history = {k: list(v) for k, v in (history or {"step": []}).items()}
    began = time.monotonic()
    for i in range(start, steps):
        state, losses = update(state, jax.random.fold_in(key, i), i)
        done = i + 1
        saves = on_checkpoint is not None and (done % checkpoint_every == 0 or done == steps)
        records = done % record_every == 0 or done == steps
        if records or saves:  # what is saved was looked at
            values = {k: float(jnp.asarray(v)) for k, v in losses.items()}
            bad = [k for k, v in values.items() if not math.isfinite(v)]
            if bad:
                raise InputError(
                    "training", f"{bad[0]} is not finite at step {done}", "lower the learning rate, or resume earlier"
                )
            if records:
                history.setdefault("step", []).append(done)
                for name, value in values.items():
                    history.setdefault(name, []).append(value)
            if records and on_progress is not None:
                left = (time.monotonic() - began) / (done - start) * (steps - done)
                on_progress(done, steps, values, left)
        if on_checkpoint is not None and saves:
            on_checkpoint(done, state, history)
    return FitResult(state, history)
