r"""Feature rows of real runs on which the error rates of the verdict are measured.

A :class:`Pool` holds the rows of one generator in the space of one feature net:

* ``base``: the generator's samples :math:`G(z_i)`;
* ``moved``: the samples :math:`G(z_i')` of :math:`z' = \rho z + \sqrt{1-\rho^2}\,\varepsilon`, which have exactly the
  law of ``base`` and depend on it, as a chain's samples depend on their starts;
* ``refined``: for the bundled pair, the samples that the shipped settings make of the first latents, otherwise empty;
* ``real``: 20,000 real images with their labels, for Fashion-MNIST of the training set, for MNIST of both sets, since
  its training set here has 10,000.

Samples are quantised to bytes before the feature net, as image files would be. The rows are kept in a folder of the
caller's, so that a second run of the simulation takes minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import checkpoints
import dcd
from benchmarks.features import Features, load_features
from dcd.langevin.starts import latents_of
from pairs import InputError, Pair
from pairs.checks import image_range
from pairs.io.images import read_images
from pairs.io.pixels import to_uint8

from ..inputs import load

__all__ = ["CORRELATION", "Pool", "pools"]

CORRELATION = 0.9
"""Correlation of a moved latent with its start."""

_BATCH = 250


class Pool(NamedTuple):
    """Rows of one generator and of the real data; see the module's docstring."""

    name: str
    net: str
    sha256: str
    base: np.ndarray
    moved: np.ndarray
    refined: np.ndarray
    real: np.ndarray
    labels: np.ndarray


_samples = jax.jit(lambda pair, z: pair.generate(z))


def _generator_rows(pair: Pair, features: Features, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``n`` samples and of the samples of their moved latents."""
    key, span = jax.random.key(seed), image_range(pair)
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for first in range(0, n, _BATCH):
        z = latents_of(pair, key, np.arange(first, first + _BATCH))
        fresh = latents_of(pair, jax.random.fold_in(key, 7), np.arange(first, first + _BATCH))
        near = CORRELATION * z + jnp.sqrt(1 - CORRELATION**2) * fresh
        for rows, latents in zip(found, (z, near), strict=True):
            rows.append(features(to_uint8(np.asarray(_samples(pair, latents)), span)))
    return np.concatenate(found[0])[:n], np.concatenate(found[1])[:n]


def _refined_rows(features: Features, n: int, seed: int) -> np.ndarray:
    """Rows of the bundled pair's samples, refined with the settings that are shipped with it."""
    tuned = dcd.read_tuned(checkpoints.bundled_tuned())
    if tuned.choice is None:
        return np.empty((0, features.dim), np.float32)
    pair = load(tuned.pair)
    result = dcd.run_choice(pair, tuned.choice, jax.random.key(seed), n, batch=min(_BATCH, n))
    return features(to_uint8(result.after, image_range(pair)))


def _pool(
    pair: Pair, name: str, net: str, data: Path, splits: tuple[str, ...], n: int, n_refined: int, seed: int
) -> Pool:
    features, sets = load_features(net), [read_images(data, split) for split in splits]
    images, classes = np.concatenate([s.x for s in sets]), [s.labels for s in sets if s.labels is not None]
    if len(classes) < len(sets):
        raise InputError("data", f"in {data} has no labels", "give the IDX files of images and labels")
    order = np.random.default_rng(seed).permutation(len(images))[:20_000]
    base, moved = _generator_rows(pair, features, n, seed)
    refined = _refined_rows(features, n_refined, seed) if n_refined else np.empty((0, features.dim), np.float32)
    labels = np.concatenate(classes)[order]
    return Pool(name, net, features.sha256, base, moved, refined, features(images[order]), labels)


def pools(data: Path, cache: Path, n: int = 20_000, n_refined: int = 8000, seed: int = 0) -> list[Pool]:
    """The pools of three generators; those that lie in ``cache`` are read back.

    Args:
      data: folder with ``mnist``, ``fashion-mnist`` and ``pairs`` (the weights of the two MNIST pairs).
      cache: folder for the rows, one NPZ file for each generator, size and seed.
      n: samples of each generator.
      n_refined: refined samples of the bundled pair.
      seed: decides latents and the order of the real images.
    """
    train, both, weights = ("train",), ("train", "test"), data / "pairs"
    sources = [
        ("fashion-mnist-wgan-gp", None, "fashion-mnist-classifier-a", "fashion-mnist", train, n_refined),
        ("mnist-wgan-gp", weights / "mnist-wgan-gp", "mnist-classifier-a", "mnist", both, 0),
        ("mnist-mlp-gan", weights / "mnist-mlp-gan", "mnist-classifier-a", "mnist", both, 0),
    ]
    cache.mkdir(parents=True, exist_ok=True)
    found = []
    for name, files, net, images, splits, refined in sources:
        path = cache / f"{name}-{n}-{refined}-{seed}.npz"
        if not path.exists():
            pool = _pool(load(name, files), name, net, data / images, splits, n, refined, seed)
            part = path.with_suffix(".part.npz")
            np.savez(part, **pool._asdict())
            part.replace(path)
        with np.load(path) as held:
            values = {k: held[k].item() if held[k].ndim == 0 else held[k] for k in Pool._fields}
        found.append(Pool(**values))
    return found
