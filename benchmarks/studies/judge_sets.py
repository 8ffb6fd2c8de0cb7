"""Sets of images of known kind, for :mod:`benchmarks.studies.judges`: real, spoilt, generated, refined.

``spoilt`` makes a set of each kind of damage from real images, ``trials`` the sets that a small sweep of chains
gives, as a search over settings would meet them. Sets of one pair come from the same latents, so that two of them
differ by the setting alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import numpy as np

import dcd
from pairs import InputError, Pair
from pairs.io.pixels import to_range, to_uint8

__all__ = ["spoilt", "trials", "sweep"]


def _bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, 0, 255)).astype(np.uint8)


def _blur(x: np.ndarray, passes: int) -> np.ndarray:
    for axis in (1, 2) * passes:
        padded = np.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(4)], mode="edge")
        parts = np.stack([np.take(padded, range(i, i + x.shape[axis]), axis=axis) for i in range(3)])
        x = np.tensordot(np.array([0.25, 0.5, 0.25], x.dtype), parts, axes=1)
    return x


def _principal(x: np.ndarray, kept: int) -> np.ndarray:
    """np.ndarray rebuilt from their first principal components: blurred mixtures, as a poor autoencoder makes."""
    flat = x.reshape(len(x), -1)
    centre = flat.mean(0)
    axes = np.linalg.svd(flat - centre, full_matrices=False)[2][:kept]
    return ((flat - centre) @ axes.T @ axes + centre).reshape(x.shape)


def _quarters(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The lower right quarter of each image is taken from another image."""
    mixed, other = x.copy(), x[rng.permutation(len(x))]
    rows, columns = x.shape[1] // 2, x.shape[2] // 2
    mixed[:, rows:, columns:] = other[:, rows:, columns:]
    return mixed


def _erased(x: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    found = x.copy()
    at = rng.integers(0, np.array(x.shape[1:3]) - side, (len(x), 2))
    for image, (row, column) in zip(found, at, strict=True):
        image[row : row + side, column : column + side] = 0
    return found


def spoilt(x: np.ndarray, labels: np.ndarray, n: int, seed: int) -> dict[str, np.ndarray]:
    """Sets of ``n`` images, each spoilt in one way, and ``real`` as it is. ``labels`` serve to leave classes out."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    a = x[order[:n]].astype(np.float32)
    some = x[order][labels[order] < labels.max() / 2][:n]
    noise = rng.standard_normal(a.shape).astype(np.float32)
    found = {"real": a}
    found |= {f"noise {s}": a + s * noise for s in (5, 10, 20, 40)}
    found |= {f"blur {k}": _blur(a, k) for k in (1, 2, 4)}
    found |= {"contrast 0.8": a.mean() + 0.8 * (a - a.mean()), "brightness +15": a + 15}
    found |= {f"principal {k}": _principal(a, k) for k in (20, 60)}
    found |= {"quarters": _quarters(a, rng), "erased": _erased(a, rng, max(4, x.shape[1] // 4))}
    found |= {"half of the classes": np.resize(some, a.shape), "one image in 50": np.resize(a[: n // 50], a.shape)}
    found |= {"mixed in pairs": (a + a[rng.permutation(n)]) / 2, "shifted": np.roll(a, (2, 1), (1, 2))}
    return {k: _bytes(v) for k, v in found.items()}


def sweep(steps: tuple[int, ...]) -> dict[str, dcd.Choice]:
    """The chains of the sweep by name; each is kept after several numbers of ``steps``."""
    latent = dcd.Langevin("latent", max(steps), 0.02, prior_weight=1.0, preset="ddls")
    settings = [("raw", 1.0, 0.005), ("raw", 1.0, 0.02)]
    settings += [("recovered", s, e) for s, e in ((1.0, 0.005), (1.0, 0.02), (1.0, 0.06), (3.0, 0.005), (3.0, 0.02))]
    found = {
        f"{critic}, scale {scale:g}, eta {eta:g}": dcd.Choice(critic, latent.replace(critic_scale=scale, step_size=eta))
        for critic, scale, eta in settings
    }
    pixel = dcd.Langevin("pixel", max(steps), 0.05, temperature=4e-4, preset="dcd-pixel")
    return found | {"recovered, pixel, eta 0.05": dcd.Choice("recovered", pixel)}


def trials(
    pair: Pair,
    real: np.ndarray,
    n: int,
    seed: int,
    steps: tuple[int, ...] = (5, 15, 45),
    recovery: int = 1000,
    on_progress: Callable[[str], None] | None = None,
) -> dict[str, np.ndarray]:
    """The generator's own set, named ``start``, and one set for each chain and number of steps of :func:`sweep`."""
    if pair.sample_range is None:
        raise InputError("pair", "has no sample range", "declare one: these sets are images")
    as_bytes = functools.partial(to_uint8, sample_range=pair.sample_range)
    x = to_range(real, pair.sample_range)
    cut, keys = len(x) * 9 // 10, jax.random.split(jax.random.key(seed), 3)
    critics, _ = dcd.critic_variants(pair, x[:cut], x[cut:], keys[:2], steps=recovery)
    found: dict[str, np.ndarray] = {}
    for name, choice in sweep(steps).items():
        result = dcd.run_choice(critics[choice.critic], choice, keys[2], n, batch=100, snapshots=steps)
        found["start"] = as_bytes(result.before)
        for k, x_k in result.snapshots.items():
            if np.all(np.isfinite(x_k)):
                found[f"{name}, {k} steps"] = as_bytes(x_k)
        if on_progress is not None:
            on_progress(name)
    return found
