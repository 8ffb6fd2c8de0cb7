r"""A feature net trained on images without labels: two views of one image shall be near, all others far.

SimCLR's objective (arXiv 2002.05709). Of a batch of B images two random views each pass the net; with unit outputs
:math:`z_i` of the head, :math:`z_{p(i)}` the other view of the same image and temperature :math:`\tau`,

.. math:: L = -\frac{1}{2B} \sum_{i=1}^{2B} \log
   \frac{\exp(\langle z_i, z_{p(i)}\rangle / \tau)}{\sum_{j \ne i} \exp(\langle z_i, z_j\rangle / \tau)}.

The views are those of :mod:`~benchmarks.features.views`, the net is :mod:`~pairs.feature_nets.strided`, and the
features are its layer before the head. AdamW with a one-cycle cosine schedule; weights are rounded to float16 before
statistics are taken. One run is short enough to be repeated, so it is not resumable; a finished net is kept in a folder
named by a digest of images and settings.

References:
  A Simple Framework for Contrastive Learning of Visual Representations, arXiv 2002.05709.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from pairs import InputError
from pairs.arrays import on_device
from pairs.feature_nets.strided import DIM, StridedApply, init

from .bundle import load_features
from .feature_net import Features
from .folder import write_folder
from .strided_features import StridedFeatures
from .views import random_view

__all__ = ["SelfSupervised", "Trained", "train_unlabelled", "self_supervised_features"]

HEAD = 64
SPLIT = "data"
"""Name of the statistics that a net keeps of the images it was trained on."""


@dataclasses.dataclass(frozen=True)
class SelfSupervised:
    """Settings of one training run.

    Attributes:
      seed: decides weights, order and views.
      steps: updates.
      batch: images of one update, two views of each.
      learning_rate: peak of the schedule.
      temperature: tau above.
      zoom: see :func:`~benchmarks.features.views.random_view`.
      shift: likewise.
      light: likewise.
    """

    seed: int = 0
    steps: int = 600
    batch: int = 128
    learning_rate: float = 2e-3
    temperature: float = 0.2
    zoom: float = 0.2
    shift: float = 0.1
    light: float = 0.2

    def __post_init__(self) -> None:
        for field, least in (("steps", 1), ("batch", 2), ("learning_rate", 0), ("temperature", 1e-3)):
            if getattr(self, field) < least:
                raise InputError(field, f"is {getattr(self, field)}", f"give at least {least}")
        for field, most in (("zoom", 1.0), ("shift", 0.5), ("light", 1.0)):
            if not 0 <= getattr(self, field) <= most:
                raise InputError(field, f"is {getattr(self, field)}", f"give 0 to {most:g}")


class Trained(NamedTuple):
    """Parameters rounded to float16 (kept as float32 arrays), the mean loss of the last tenth, and the time."""

    params: dict[str, Array]
    loss: float
    seconds: float


def contrastive_loss(z: Array, temperature: float) -> Array:
    """The loss above for outputs ``(2B, d)``, first views before second views.

    >>> z = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(contrastive_loss(z, 1.0)), 4)  # log(e + 1 + 1) - 1
    0.5514
    """
    z = z / (jnp.linalg.norm(z, axis=1, keepdims=True) + 1e-8)
    n = len(z)
    scores = jnp.where(jnp.eye(n, dtype=bool), -jnp.inf, z @ z.T / temperature)
    partner = (jnp.arange(n) + n // 2) % n
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, partner))


@functools.cache
def _update(settings: SelfSupervised) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """Optimiser and compiled update of these settings, one for all seeds."""
    optimizer = optax.adamw(optax.cosine_onecycle_schedule(settings.steps, settings.learning_rate, 0.2))
    head = StridedApply(output="head")

    def loss_of(params: dict[str, Array], key: Array, images: Array) -> Array:
        view = lambda k: random_view(k, images, settings.zoom, settings.shift, settings.light)
        both = jnp.concatenate([view(k) for k in jax.random.split(key)])
        return contrastive_loss(head(params, both), settings.temperature)

    @jax.jit
    def step(params: dict[str, Array], state: Any, key: Array, images: Array) -> tuple[dict[str, Array], Any, Array]:
        loss, slope = jax.value_and_grad(loss_of)(params, key, images.astype(jnp.float32))
        change, state = optimizer.update(slope, state, params)
        updated: Any = optax.apply_updates(params, change)
        return updated, state, loss

    return optimizer, step


def train_unlabelled(
    x: np.ndarray, settings: SelfSupervised | None = None, on_progress: Callable[[int, int, float], None] | None = None
) -> Trained:
    """Train on uint8 images ``(n, H, W, C)``; deterministic given the seed and the machine.

    Args:
      x: the images.
      settings: extent and views.
      on_progress: called with (steps done, steps in all, loss) every 50 steps.

    Raises:
      InputError: fewer images than a batch, other numbers than bytes, sides below 8 pixels.
    """
    settings = settings or SelfSupervised()
    if x.ndim != 4 or x.dtype != np.uint8 or min(x.shape[1:3]) < 8 or x.shape[3] not in (1, 3):
        problem = f"are {x.dtype} of shape {x.shape}"
        raise InputError("images", problem, "give uint8 (n, H, W, 1 or 3) with sides of 8 pixels or more")
    if len(x) < settings.batch:
        raise InputError("images", f"are {len(x)}", f"give at least {settings.batch}, better some thousands")
    shape = (x.shape[1], x.shape[2], x.shape[3])
    key, (optimizer, step) = jax.random.key(settings.seed), _update(dataclasses.replace(settings, seed=0))
    began, rng = time.perf_counter(), np.random.default_rng(settings.seed)
    params = jax.jit(lambda k: init(k, shape, HEAD))(jax.random.fold_in(key, 0))
    state = jax.jit(optimizer.init)(params)
    order, at, losses = rng.permutation(len(x)), 0, []
    for i in range(settings.steps):
        if at + settings.batch > len(x):
            order, at = rng.permutation(len(x)), 0
        chosen = order[at : at + settings.batch]
        at += settings.batch
        params, state, loss = step(params, state, jax.random.fold_in(key, i + 1), x[chosen])
        losses.append(loss)
        if on_progress is not None and ((i + 1) % 50 == 0 or i + 1 == settings.steps):
            on_progress(i + 1, settings.steps, float(loss))
    last = float(np.mean([float(v) for v in losses[-max(1, settings.steps // 10) :]]))
    if not np.isfinite(last):
        raise InputError("learning_rate", f"{settings.learning_rate:g} makes the loss diverge", "give a smaller one")
    params = {k: on_device(np.asarray(v).astype(np.float16).astype(np.float32)) for k, v in params.items()}
    return Trained(params, last, time.perf_counter() - began)


def self_supervised_features(
    x: np.ndarray,
    folder: str | Path,
    settings: SelfSupervised | None = None,
    *,
    name: str = "images",
    on_progress: Callable[[int, int, float], None] | None = None,
) -> Features:
    """The feature net of these images: read from ``folder`` where it is kept there, else trained and kept.

    Args:
      x: uint8 images ``(n, H, W, C)``, the user's own.
      folder: where nets are kept, each in a folder of its own.
      settings: extent and views; they and the images decide the name of that folder.
      name: name of the data, for the card.
      on_progress: see :func:`train_unlabelled`.

    Returns:
      Features with the statistics of up to 10,000 of the images, drawn by the seed, as reference ``data``.
    """
    settings = settings or SelfSupervised()
    digest = hashlib.sha256(repr(x.shape).encode() + np.ascontiguousarray(x).tobytes()).hexdigest()
    recipe = json.dumps([digest, dataclasses.asdict(settings), HEAD], sort_keys=True)
    title = f"self-supervised-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    out = Path(folder) / title
    if not (out / "card.json").is_file():
        trained = train_unlabelled(x, settings, on_progress)
        shape = (x.shape[1], x.shape[2], x.shape[3])
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(len(x))[:10_000])
        features = StridedFeatures(title, DIM, "", shape, "strided", trained.params)
        card = {
            "name": title,
            "arch": "strided",
            "dim": DIM,
            "input_shape": list(shape),
            "classes": 0,
            "head": HEAD,
            "labels": "none: contrastive training on the images alone",
            "data": {"name": name, "n": len(x), "sha256": digest},
            "training": {**dataclasses.asdict(settings), "loss": round(trained.loss, 4)},
            "seconds": round(trained.seconds, 1),
        }
        write_folder(out, card, trained.params, features(x[chosen]).astype(np.float64), SPLIT, digest)
    return load_features(out)
