r"""What distances between feature sets cost: the Frechet distance by two ways, and precision and recall of many rows.

``python -m benchmarks.studies.distance_cost --out benchmarks/results/distance_cost.json``

The Frechet distance of two sets of rows is taken in turns by one Cholesky factor and one eigenproblem without vectors
(the way of :mod:`benchmarks.metrics.fid`), and by two full symmetric eigenproblems, which it replaced. Precision and
recall run alone; their memory is the peak of what numpy allocates beside the rows.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from ..metrics import frechet_distance, moments, precision_recall

__all__ = ["feature_rows", "main"]


def _by_roots(m1: np.ndarray, s1: np.ndarray, m2: np.ndarray, s2: np.ndarray) -> float:
    """The Frechet distance with a symmetric root of one covariance."""
    values, vectors = np.linalg.eigh(s2)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = root @ s1 @ root
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0, None)).sum()
    return float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * overlap)


def feature_rows(rng: np.random.Generator, n: int, d: int, mix: np.ndarray, shift: float) -> np.ndarray:
    """Rows that are correlated and not negative, as features are."""
    return np.maximum(rng.standard_normal((n, d), np.float32) @ mix + np.float32(shift), 0)


def _frechet(args: argparse.Namespace) -> dict[str, Any]:
    rng, d = np.random.default_rng(args.seed), args.dimensions
    mix = (rng.standard_normal((d, d), np.float32) * np.exp(-6 * np.arange(d) / d)[:, None] / d**0.5).astype(np.float32)
    a, b = (moments(feature_rows(rng, args.rows, d, mix, s)) for s in (0.3, 0.35))
    given = a.mean, a.covariance, b.mean, b.covariance
    ways = {"one factor": frechet_distance, "two eigenproblems": _by_roots}
    times: dict[str, list[float]] = {name: [] for name in ways}
    values = {}
    for _ in range(args.turns):
        for name, way in ways.items():
            began = time.perf_counter()
            values[name] = way(*given)
            times[name].append(time.perf_counter() - began)
    ratios = np.array(times["two eigenproblems"]) / np.array(times["one factor"])
    report: dict[str, Any] = {"rows": args.rows, "dimensions": d, "seconds": times, "values": values}
    report["relative_difference"] = abs(values["one factor"] / values["two eigenproblems"] - 1)
    return report | {"ratio": float(np.median(ratios)), "ratios": [float(r) for r in ratios]}


def _neighbours(args: argparse.Namespace) -> dict[str, Any]:
    rng, d = np.random.default_rng(args.seed), args.neighbour_dimensions
    real, fake = (rng.standard_normal((args.neighbours, d), np.float32) for _ in range(2))
    tracemalloc.start()
    began = time.perf_counter()
    found = precision_recall(real, fake)
    seconds, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    report = {"rows": args.neighbours, "dimensions": d, "seconds": seconds, "peak_bytes_beside_rows": peak}
    return report | {"precision": found.precision, "recall": found.recall}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.distance_cost", description="Distances' cost.")
    parser.add_argument("--rows", type=int, default=5000, help="rows of a set (default 5,000)")
    parser.add_argument("--dimensions", type=int, default=2048, help="of the Frechet distance (default 2,048)")
    parser.add_argument("--turns", type=int, default=5, help="paired runs (default 5)")
    parser.add_argument("--neighbours", type=int, default=50_000, help="rows for precision and recall")
    parser.add_argument("--neighbour-dimensions", type=int, default=2048, help="their dimensions (default 2,048)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    report: dict[str, Any] = {"seed": args.seed, "frechet": _frechet(args)}
    print(report["frechet"], file=sys.stderr, flush=True)
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(args.out, report)
    report["precision and recall"] = _neighbours(args)
    write_json(args.out, report)
    print(report["precision and recall"], file=sys.stderr, flush=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
