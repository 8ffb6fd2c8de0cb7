"""A critic for paths, trained at once: what lies between, beside and among samples against real images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import dcd
from interp.metric.blends import SHARES, blends
from pairs import Net, Pair

__all__ = ["UPDATES", "Steering", "nodes_of", "trained_critic"]

UPDATES = 600
"""Updates of the critic for paths."""
_POOL = 4096
_CHAIN_STEPS, _STEP = 20, 0.01


class Steering(NamedTuple):
    """A pair whose critic is to steer its paths.

    Attributes:
      pair: The pair with that critic.
      record: How the critic came about, as JSON values.
    """

    pair: Pair
    record: dict[str, Any]


def trained_critic(
    pair: Pair,
    x: np.ndarray,
    labels: np.ndarray | None,
    seed: int,
    updates: int = UPDATES,
    features: Net | None = None,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> Steering:
    """Train a critic on the blends of a pair (:mod:`interp.metric.blends`) and real samples.

    Args:
      pair: The pair; its generator is kept.
      x: Real samples ``(n, *sample)`` in its range.
      labels: Their classes, for a conditional pair.
      seed: Seed of pools and training.
      updates: Largest number of updates.
      features: Net on whose features the critic stands; None for the samples themselves.
      on_progress: Called with (updates done, updates in all, seconds left).
    """
    key = jax.random.key(seed)
    negatives = blends(pair, jax.random.fold_in(key, 1), count=_POOL)
    tell = None
    if on_progress is not None:
        report = on_progress
        tell = lambda done, total, values, left: report(done, total, left)
    config = dcd.Recover(steps=updates, evaluate_every=200, r1=None if features is None else 1.0)
    again = jax.random.fold_in(key, 2)
    if features is None:
        made, found = dcd.recover(negatives, x, again, config, labels=labels, on_progress=tell)
    else:
        made, found = dcd.recover_on_features(negatives, x, again, config, features, labels=labels, on_progress=tell)
    record = {
        "updates": found.steps,
        "best_update": found.best_step,
        "real": len(x),
        "held_out_auc": found.held_out.auc,
        "negatives": dict(zip(("latent blends", "cross-fades", "moved by noise", "samples"), SHARES, strict=True)),
        "noise": float(negatives.generator.params["scale"]),
        "seconds": found.seconds,
    }
    return Steering(pair.replace(critic=made.critic, critic_kind=made.critic_kind, calibrated=False), record)


def nodes_of(pair: Pair, count: int, seed: int, hold: tuple[int, int] | None = None) -> np.ndarray:
    """Latents ``(count, *latent)`` of refined samples: draws of the prior, moved by a short chain along the critic.

    Args:
      pair: An unconditional pair with the critic that steers.
      count: Number of nodes.
      seed: Seed of draws and chain.
      hold: Coordinates that the chain leaves as they are.
    """
    chain = dcd.preset("ddls").replace(steps=_CHAIN_STEPS, step_size=_STEP, hold=hold or ())
    found = dcd.refine(pair, chain, jax.random.fold_in(jax.random.key(seed), 3), count, batch=min(200, count))
    return found.positions[~found.stopped]
