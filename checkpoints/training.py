"""Training with checkpoints: a run that is stopped goes on where it was, and ends in the same pair."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from pairs import InputError, Pair, Record
from pairs.fitting import Job, fit

from .state import load_state, save_state, state_record
from .store import save_pair

__all__ = ["Trained", "train"]

History = dict[str, list[float]]


class Trained(NamedTuple):
    """The finished pair, its state, the recorded losses, and the seconds spent over all sittings."""

    pair: Pair
    state: Any
    history: History
    seconds: float


def train(
    job: Job,
    steps: int,
    seed: int,
    folder: str | os.PathLike[str],
    data_sha256: str,
    card: dict[str, Any] | None = None,
    *,
    checkpoint_every: int = 500,
    on_progress: Callable[[int, int, dict[str, float]], None] | None = None,
    on_checkpoint: Callable[[int, Pair, History], None] | None = None,
) -> Trained:
    """Run ``job`` to ``steps`` updates; the state goes to ``folder/state``, the pair to ``folder/pair``.

    A state that is there already is taken up if it is of the same settings, seed and data.

    Args:
      job: what to train.
      steps: updates in all, those of earlier sittings included.
      seed: of all randomness.
      folder: for the state and the pair.
      data_sha256: digest of the training data; a stored run with another one is refused.
      card: provenance, kept as the pair's record.
      checkpoint_every: updates between stored states.
      on_progress: called with (done, steps, latest losses), first with where the run starts.
      on_checkpoint: called with (done, pair so far, history) before every state is stored, so that a run that goes on
        from that state lacks nothing of what this function writes.

    Raises:
      InputError: the folder holds a run with other settings, or one that is further; a loss that is not finite.
    """
    folder = Path(folder)
    settings = Record(dataclasses.asdict(job.settings)).to_dict()
    identity = {"family": job.family, "settings": settings, "seed": seed, "data": data_sha256}
    init_key, fit_key, final_key = jax.random.split(jax.random.key(seed), 3)
    state, done, history, spent = job.init(init_key), 0, {"step": []}, 0.0
    saved = folder / "state"
    if saved.exists():
        record = state_record(saved).to_dict()
        if record["identity"] != identity:
            raise InputError("out", f"{saved} is of a run with other settings or data", "choose another folder")
        if record["done"] > steps:
            raise InputError("steps", f"is {steps}, {record['done']} are done", "ask for at least as many")
        state, done = load_state(saved, state), record["done"]
        history, spent = record["history"], record["seconds"]
    if on_progress is not None:
        on_progress(done, steps, {k: v[-1] for k, v in history.items() if v})
    began, seconds = time.monotonic(), spent

    def store(at: int, state: Any, history: History) -> None:
        nonlocal seconds
        seconds = spent + time.monotonic() - began
        if on_checkpoint is not None:
            on_checkpoint(at, job.to_pair(state, final_key, Record()), history)
        save_state(saved, state, record={"identity": identity, "done": at, "history": history, "seconds": seconds})

    if done < steps:
        note = None if on_progress is None else lambda at, total, losses, left: on_progress(at, total, losses)
        state, history = fit(
            job.make_update(),
            state,
            steps,
            fit_key,
            start=done,
            history=history,
            on_progress=note,
            checkpoint_every=checkpoint_every,
            on_checkpoint=store,
        )
    pair = job.to_pair(state, final_key, Record(card or {}))
    save_pair(folder / "pair", pair, overwrite=True)
    return Trained(pair, state, history, seconds)
