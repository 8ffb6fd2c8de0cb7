"""Figures of many paths by every method, and sheets with shuffled rows: for the study of paths of pairs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from interp.sheets import sheet
from pairs.io.pictures import png_bytes
from pairs.io.pixels import to_uint8

from ..metrics.fid import Moments, frechet_distance, moments
from ..metrics.fid_interval import interval
from ..paths.realism import Judge, realism

__all__ = ["distances", "figures_of", "shuffled_sheets", "summary"]

GROUPS = 20


def figures_of(judge: Judge, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of every path, and moments of the interiors by groups of paths."""
    found = realism(judge, samples)
    inner = to_uint8(samples[:, 1:-1], judge.span)
    rows = judge.choice.features(inner.reshape(-1, *inner.shape[2:])).reshape(len(inner), -1, judge.near.real.shape[1])
    for i, part in enumerate(np.array_split(rows, min(GROUPS, len(rows)))):
        law = moments(part.reshape(-1, rows.shape[2]))
        found |= {f"n{i}": np.asarray(law.n), f"mean{i}": law.mean, f"scatter{i}": law.scatter}
    return found


def distances(found: dict[str, np.ndarray], real: Moments) -> tuple[float, np.ndarray]:
    """Frechet distance of all interiors, and without each group."""
    count = sum(key.startswith("scatter") for key in found)
    parts = [Moments(int(found[f"n{i}"]), found[f"mean{i}"], found[f"scatter{i}"]) for i in range(count)]
    far = lambda laws: (lambda m: frechet_distance(m.mean, m.covariance, real.mean, real.covariance))(
        functools.reduce(Moments.merge, laws)
    )
    return float(far(parts)), np.asarray([far(parts[:i] + parts[i + 1 :]) for i in range(count)])


def summary(figures: dict[str, dict[str, np.ndarray]], real: Moments) -> dict[str, dict[str, Any]]:
    """What the report says of every method, against slerp."""
    far = {name: distances(found, real) for name, found in figures.items()}
    report = {}
    base, (base_value, base_left) = figures["slerp"], far["slerp"]
    for name, found in figures.items():
        value, left = far[name]
        spread = lambda v: float(np.std(v)) * (len(v) - 1) ** 0.5
        ratio, ratios = value / base_value, left / base_left
        entry: dict[str, Any] = {
            "frechet": value,
            "frechet_ci": interval(value, spread(left), freedom=len(left) - 1),
            "frechet_over_slerp": ratio,
            "frechet_over_slerp_ci": interval(ratio, spread(ratios), freedom=len(ratios) - 1),
            "worst_better_than_slerp": float(np.mean(found["worst"] < base["worst"])),
        }
        entry |= {k: float(found[k].mean()) for k in ("distance", "worst", "off_data", "jump", "pixel_jump")}
        entry["worst_jump"] = float(found["jump"].max())
        if "confidence" in found:
            entry |= {k: float(found[k].mean()) for k in ("confidence", "least_confidence")}
            entry["surer_than_slerp"] = float(np.mean(found["least_confidence"] > base["least_confidence"]))
        report[name] = entry
    return report


def shuffled_sheets(
    samples: dict[str, np.ndarray], span: tuple[float, float], count: int, seed: int
) -> tuple[bytes, dict[str, Any]]:
    """One sheet of pairs chosen by the seed, rows of methods in shuffled order under letters; and its key."""
    rng = np.random.default_rng(seed)
    total = len(next(iter(samples.values())))
    rows: dict[str, np.ndarray] = {}
    key: dict[str, Any] = {}
    for number, i in enumerate(np.sort(rng.permutation(total)[:count])):
        for letter, name in zip("abcdefghijklmnop", rng.permutation(list(samples)), strict=False):
            rows[f"{number + 1}{letter}"] = to_uint8(samples[name][i], span)
            key[f"{number + 1}{letter}"] = str(name)
    return png_bytes(sheet(rows, zoom=2)), key
