r"""Train a classifier whose features serve as a metric: cross entropy with label smoothing.

.. math:: L = -\sum_c \big((1 - s)\,[c = y] + s / C\big) \log \mathrm{softmax}(f(x))_c

AdamW with a one-cycle cosine schedule; every image is shifted by up to ``shift`` pixels each way and,
where ``mirror`` is set, mirrored half of the time. Weights are rounded to float16 before accuracy and
statistics are taken.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
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
from pairs.feature_nets.classifier import DIMENSIONS, Arch, ClassifierApply, init
from pairs.io.images import Images

__all__ = ["TrainConfig", "Trained", "train", "save"]

ROWS = 2000
"""Real feature rows kept for KID, precision and recall."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run."""

    arch: Arch = "a"
    seed: int = 0
    steps: int = 3000
    batch: int = 128
    learning_rate: float = 2e-3
    smoothing: float = 0.05
    shift: int = 2
    mirror: bool = False

    def __post_init__(self) -> None:
        if self.arch not in DIMENSIONS:
            raise InputError("arch", f"is {self.arch!r}", f"use one of {', '.join(DIMENSIONS)}")
        for field in ("steps", "batch"):
            if getattr(self, field) < 1:
                raise InputError(field, f"is {getattr(self, field)}", "give at least 1")
        if not 0 <= self.shift <= 8:
            raise InputError("shift", f"is {self.shift}", "give 0 to 8 pixels")


class Trained(NamedTuple):
    """Parameters rounded to float16 (kept as float32 arrays) and the accuracy on the test split."""

    params: dict[str, Array]
    accuracy: float
    seconds: float


def train(train_set: Images, test_set: Images, config: TrainConfig, report: Callable[[str], None] = print) -> Trained:
    """Train on one set, measure on the other; deterministic given the seed and the machine.

    Raises:
      InputError: no labels, or the two sets differ in shape.
    """
    if train_set.labels is None or test_set.labels is None:
        raise InputError("data", "has no labels", "give IDX files with labels, or one subfolder per class")
    if train_set.shape != test_set.shape:
        raise InputError("data", f"train is {train_set.shape}, test is {test_set.shape}", "use images of one shape")
    shape, classes = train_set.shape, int(train_set.labels.max()) + 1
    start = jax.jit(lambda key: init(key, config.arch, (shape[0], shape[1], shape[2]), classes))
    params = start(jax.random.key(config.seed))
    schedule = optax.cosine_onecycle_schedule(config.steps, config.learning_rate, 0.2)
    optimizer = optax.adamw(schedule, weight_decay=1e-3)
    logits = ClassifierApply(config.arch, (0.0, 255.0), "logits")

    def loss_of(params: dict[str, Array], x: Array, y: Array) -> Array:
        target = optax.smooth_labels(jax.nn.one_hot(y, classes), config.smoothing)
        return jnp.mean(optax.softmax_cross_entropy(logits(params, x.astype(jnp.float32)), target))

    @jax.jit
    def step(params: dict[str, Array], state: Any, x: Array, y: Array) -> tuple[dict[str, Array], Any, Array]:
        loss, gradient = jax.value_and_grad(loss_of)(params, x, y)
        updates, state = optimizer.update(gradient, state, params)
        updated: Any = optax.apply_updates(params, updates)
        return updated, state, loss

    started, state = time.perf_counter(), jax.jit(optimizer.init)(params)
    rng, s, n = np.random.default_rng(config.seed), config.shift, len(train_set)
    padded = np.pad(train_set.x, ((0, 0), (s, s), (s, s), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape[:2], axis=(1, 2))
    order, at = rng.permutation(n), 0
    for i in range(config.steps):
        if at + config.batch > n:
            order, at = rng.permutation(n), 0
        chosen = order[at : at + config.batch]
        at += config.batch
        dy, dx = rng.integers(0, 2 * s + 1, (2, len(chosen)))
        x = windows[chosen, dy, dx].transpose(0, 2, 3, 1)
        if config.mirror:
            x = np.where(rng.random((len(chosen), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
        params, state, loss = step(params, state, x, train_set.labels[chosen])
        if (i + 1) % 200 == 0 or i + 1 == config.steps:
            report(f"step {i + 1}/{config.steps}  loss {float(loss):.4f}  {time.perf_counter() - started:.0f} s")
    params = {k: on_device(np.asarray(v).astype(np.float16).astype(np.float32)) for k, v in params.items()}
    predict = jax.jit(lambda p, x: jnp.argmax(logits(p, x.astype(jnp.float32)), axis=-1))
    right = [
        np.asarray(predict(params, test_set.x[i : i + 500])) == test_set.labels[i : i + 500]
        for i in range(0, len(test_set), 500)
    ]
    return Trained(params, float(np.mean(np.concatenate(right))), time.perf_counter() - started)


def save(
    out: Path,
    name: str,
    trained: Trained,
    config: TrainConfig,
    train_set: Images,
    test_set: Images,
    licence: str,
    command: str,
) -> dict[str, Any]:
    """Write ``weights.npz``, ``reference.npz`` and ``card.json`` to a new folder; returns the card."""
    from .feature_net import features_from

    if out.exists() and any(out.iterdir()):
        raise InputError("out", f"{out} is not empty", "give a new folder")
    features = features_from(name, trained.params, config.arch, train_set.shape, "")
    rows = np.asarray(features(test_set.x), np.float64)
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:ROWS])
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        weights = {k: np.asarray(v, np.float16) for k, v in trained.params.items()}
        np.savez_compressed(temporary / "weights.npz", allow_pickle=False, **weights)
        statistics = {"n": np.int64(len(rows)), "mu": rows.mean(0), "sigma": np.cov(rows, rowvar=False)}
        np.savez_compressed(temporary / "reference.npz", rows=rows[chosen].astype(np.float16), **statistics)
        card = {
            "name": name,
            "arch": config.arch,
            "dim": DIMENSIONS[config.arch],
            "input_shape": list(train_set.shape),
            "classes": int(trained.params["head.bias"].shape[0]),
            "data": {"name": train_set.name, "licence": licence, "n": len(train_set), "sha256": train_set.sha256},
            "accuracy": {"split": "test", "n": len(test_set), "value": round(trained.accuracy, 4)},
            "reference": {"split": "test", "n": len(test_set), "rows": len(chosen), "sha256": test_set.sha256},
            "training": dataclasses.asdict(config),
            "command": command,
            "files": {f: digest(temporary / f) for f in ("weights.npz", "reference.npz")},
            "jax": jax.__version__,
        }
        (temporary / "card.json").write_text(json.dumps(card, indent=2) + "\n")
        os.chmod(temporary, 0o755)
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return card


def digest(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
