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
    """A training run as :func:`checkpoints.train` takes it.

    Attributes:
      family: Name of the model family.
      settings: A frozen dataclass.
      init: From a key to the first state.
      make_update: Makes the update; called only where steps are left to do.
      to_pair: From the state, a key and a record to a pair.
      notes: From the recorded losses to warnings for the report.
    """

    family: str
    settings: Any
    init: Callable[[Array], Any]
    make_update: Callable[[], Update]
    to_pair: Callable[[Any, Array, Record], Pair]
    notes: Callable[[dict[str, list[float]]], list[str]] = lambda history: []


class FitResult(NamedTuple):
    """What a run leaves.

    Attributes:
      state: The final state.
      history: The recorded losses by name; ``history["step"]`` holds their positions.
    """

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
      update: A pure update ``(state, key, step) -> (state, losses)``, jitted by the caller.
      state: The state before update ``start``.
      steps: Number of updates of the whole run.
      key: Key of the run; update i takes ``fold_in(key, i)``, so that a run which is resumed equals one in one go.
      start: Number of updates that were done before.
      history: Losses recorded before.
      record_every: Updates between two records.
      on_progress: Called with (done, steps, latest losses, seconds left) at every record.
      checkpoint_every: Updates between two checkpoints.
      on_checkpoint: Called with (done, state, history) every ``checkpoint_every`` updates and at the end.

    Raises:
      InputError: a loss became NaN or infinite (nothing is saved after that point), or a count below 1.
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
