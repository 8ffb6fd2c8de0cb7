"""Interpolation between real test images: encoder inversion, then ways from one to the other.

Linear in latents, cross-fade of pixels, geodesic; geodesics weighted by the pair's own bound and by a critic recovered
between codes (:func:`interp.between`), which descend from the line; and geodesics that start from the cheapest chain
through a graph of training images' codes (:func:`interp.neighbour_graph`), weighted by the bound, and by the bound
and a classifier (net *a*) together (:func:`interp.with_classifier`). All at constant speed; *chain* is the start as it
is. Compared along the path's interior: the pair's bound, and how sure another classifier (net *b*, which took no part
in training or path) is of what it sees.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import dcd
import interp
from pairs import Pair
from pairs.io.pictures import grid, png_bytes
from pairs.io.pixels import to_uint8

from ..features import Features, load_features
from .vae_images import softmax
from .vae_runs import pixels, test_images, trained, training_images

__all__ = ["Method", "encoded", "measure", "path_critic", "run"]

RECOVER = dcd.Recover(steps=2000, shift=1)
SETTINGS = interp.GeodesicSettings(points=10, segments=16, evaluations=30, tolerance=1e-4)
THROUGH = dataclasses.replace(SETTINGS, segments=32, modes=16, evaluations=15)
NODES = 4000
RIVALS = ("linear", "cross-fade", "geodesic")

_generate = jax.jit(lambda pair, z: pair.generate(z))
_score = jax.jit(lambda pair, x: pair.score(x))
_encode = jax.jit(lambda net, x: net(x))


class Method(NamedTuple):
    """Pair with the critic that weighs the paths, settings, path weight, graph of the starts."""

    pair: Pair
    settings: interp.GeodesicSettings
    weight: interp.PathWeight | None = None
    graph: interp.NeighbourGraph | None = None


def encoded(pair: Pair, x: np.ndarray) -> np.ndarray:
    """Codes of uint8 images."""
    assert pair.encoder is not None and pair.sample_range is not None
    return np.concatenate(
        [np.asarray(_encode(pair.encoder, pixels(x[i : i + 1000], pair.sample_range))) for i in range(0, len(x), 1000)]
    )


def decoded(pair: Pair, z: np.ndarray) -> np.ndarray:
    """Images of latents ``(..., d)``, ``(..., *sample)``."""
    flat = z.reshape(-1, z.shape[-1])
    made = np.concatenate([np.asarray(_generate(pair, flat[i : i + 1000])) for i in range(0, len(flat), 1000)])
    return made.reshape(*z.shape[:-1], *pair.sample_shape)


def path_critic(pair: Pair, codes: np.ndarray, seed: int) -> Pair:
    """``pair`` with a critic that tells reconstructions of images with these codes from points between the codes."""
    rebuilt = decoded(pair, codes)
    found, _ = dcd.recover(interp.between(pair, codes), rebuilt, jax.random.key(40 + seed), RECOVER)
    return pair.replace(critic=found.critic, critic_kind=found.critic_kind, calibrated=False)


def through(pair: Pair, codes: np.ndarray, settings: interp.GeodesicSettings, weight: interp.PathWeight) -> Method:
    """Paths that start from a graph of these codes, in a metric weighed on them."""
    metric, _ = interp.make_metric(pair, settings, weight=weight)
    return Method(pair, settings, weight, interp.neighbour_graph(metric, codes))


def _solve(method: Method, z0: np.ndarray, z1: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Paths at constant speed, and the chains they start from."""
    found: list[np.ndarray] = []
    chains: list[np.ndarray] = []
    pair, settings = method.pair, method.settings
    metric, weight = interp.make_metric(pair, settings, weight=method.weight)
    start = None if method.graph is None else method.graph.start(z0, z1, settings.mode_count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for i in range(0, len(z0), 50):
            a, b = z0[i : i + 50], z1[i : i + 50]
            initial = None if start is None else start[i : i + 50]
            result = interp.geodesic(pair, a, b, settings=settings, weight=weight, initial=initial)
            found.append(np.asarray(result.path))
            if initial is not None:
                chain = interp.Curve(jnp.asarray(a), jnp.asarray(b), jnp.zeros(len(a), jnp.int32), initial)
                chains.append(np.asarray(interp.constant_speed(metric, chain, settings.points)[0]))
    return np.concatenate(found), np.concatenate(chains) if chains else None


def measure(
    pair: Pair, methods: dict[str, Method], x: np.ndarray, last: Features, drawn: tuple[str, ...] = ()
) -> tuple[dict[str, Any], bytes]:
    """Figures of paths between the first and the second half of the images ``x`` (uint8), and a picture of five.

    The picture shows the methods ``drawn``.
    """
    assert pair.sample_range is not None
    real, count, points = pixels(x, pair.sample_range), len(x) // 2, SETTINGS.points
    z = encoded(pair, x)
    made = decoded(pair, z)
    z0, z1, t = z[:count], z[count : 2 * count], np.linspace(0, 1, points)
    fade = made[:count, None] + t.reshape(1, -1, 1, 1, 1) * (made[count:] - made[:count])[:, None]
    plain = dataclasses.replace(SETTINGS, mode="none")
    metric, _ = interp.make_metric(pair, plain)
    line = [
        np.asarray(interp.baseline_at_constant_speed(metric, "linear", z0[i : i + 50], z1[i : i + 50], points))
        for i in range(0, count, 50)
    ]
    frames, seconds = {"linear": decoded(pair, np.concatenate(line)), "cross-fade": fade}, {}
    for label, method in {"geodesic": Method(pair, plain), **methods}.items():
        began = time.perf_counter()
        path, chain = _solve(method, z0, z1)
        seconds[label] = time.perf_counter() - began
        frames[label] = decoded(pair, path)
        if chain is not None:
            frames[f"{label}, chain"] = decoded(pair, chain)
    critic, sure, report = {}, {}, {}
    for label, path in frames.items():
        inner = path[:, 1:-1].reshape(-1, *pair.sample_shape)
        critic[label] = np.asarray(_score(pair, inner)).reshape(count, -1).mean(axis=1)
        confidence = softmax(last.logits(to_uint8(inner, pair.sample_range))).max(axis=1)
        sure[label] = confidence.reshape(count, -1).mean(axis=1)
        steps = np.diff(path.reshape(count, points, -1), axis=1)
        report[label] = {
            "critic_mean": float(critic[label].mean()),
            "confidence": float(sure[label].mean()),
            "pixel_length": float(np.linalg.norm(steps, axis=2).sum(axis=1).mean()),
        }
        if label not in RIVALS:
            best = [np.all([v[label] >= v[k] for k in RIVALS], axis=0) for v in (critic, sure)]
            report[label]["best_share"] = {
                "critic": float(best[0].mean()),
                "confidence": float(best[1].mean()),
                "both": float(np.mean(best[0] & best[1])),
            }
    error = np.sqrt(np.mean((made - real) ** 2, axis=(1, 2, 3)))
    result = {
        "pairs": count,
        "points": points,
        "judge": last.name,
        "end_rms_error": float(error.mean()),
        "paths": report,
        "seconds": seconds,
    }
    shown = [frames[k] for k in (*RIVALS, *drawn)]
    rows = [
        np.concatenate([real[i : i + 1], p[i], real[count + i : count + i + 1]])
        for i in range(min(5, count))
        for p in shown
    ]
    sheet = grid(to_uint8(np.concatenate(rows), pair.sample_range), columns=points + 2, pad=1)
    return result, png_bytes(sheet)


def run(data: str, seed: int, work: Path, root: Path, count: int = 500) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Soft-IntroVAE."""
    images, train = test_images(root, data), training_images(root, data)
    rows = np.random.default_rng(seed).permutation(len(images))[: 2 * count]
    pair = trained("soft-intro", data, "intro", seed, work, root).pair
    assert pair.sample_range is not None
    settings, across = (dataclasses.replace(c, seed=seed) for c in (SETTINGS, THROUGH))
    codes = encoded(pair, train.x)
    nodes = codes[np.random.default_rng(seed).permutation(len(codes))[:NODES]]
    classifier = load_features(f"{data}-classifier-a").as_net(pair.sample_range, "logits")
    bound = interp.weigh(pair, jax.random.key(seed), latents=nodes)
    asked = interp.with_classifier(pair, classifier, bound)
    asked_bound = interp.weigh(asked, jax.random.key(seed), latents=nodes)
    began = time.perf_counter()
    methods = {
        "bound": Method(pair, settings),
        "path critic": Method(path_critic(pair, codes, seed), settings),
        "bound and classifier": Method(asked, settings, asked_bound),
        "bound, graph": through(pair, nodes, across, bound),
        "bound and classifier, graph": through(asked, nodes, across, asked_bound),
    }
    prepared = time.perf_counter() - began
    drawn = ("bound", "bound and classifier, graph")
    report, picture = measure(pair, methods, images.x[rows], load_features(f"{data}-classifier-b"), drawn)
    report["graph"] = {"nodes": len(nodes), "neighbours": 10, "classifier": f"{data}-classifier-a"}
    report["seconds"]["critic for paths and graphs"] = prepared
    return report, {"-intro": picture}
