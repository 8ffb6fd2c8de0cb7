"""How wide the intervals of precision, recall, density and coverage are against what new draws of both sets give.

``python -m benchmarks.studies.neighbour_intervals --draws N --out FILE``

Real rows are drawn from N(0, I) in d dimensions, samples before and after from wider and shifted ones, correlated by
0.9. The standard error that an interval states is divided by the standard deviation of the figure over the draws, and
an interval's share of draws that hold the mean over all draws is counted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from ..commands.argument_types import Count, FilePath
from ..metrics import MetricChange, neighbour_change

__all__ = ["main", "measure"]

CASES = ((200, 200, 2), (500, 500, 8), (500, 500, 32), (400, 1000, 8))
"""Samples, real rows, dimensions."""


def _draw(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, e = rng.standard_normal((2, n, d))
    near = 0.9 * z + np.sqrt(1 - 0.81) * e
    shift = 0.8 / np.sqrt(d)
    return 1.1 * z + shift, 0.95 * near + shift / 4, rng.standard_normal((m, d))


def measure(n: int, m: int, d: int, draws: int, seed: int) -> dict[str, Any]:
    """Ratios and shares, by metric and side."""
    rng = np.random.default_rng(seed)
    runs: list[dict[str, MetricChange]] = [neighbour_change(*_draw(n, m, d, rng)) for _ in range(draws)]
    found: dict[str, Any] = {}
    for name in runs[0]:
        found[name] = {}
        for side in ("before", "after", "difference"):
            values = np.array([getattr(run[name], side) for run in runs])
            low, high = np.array([getattr(run[name], f"{side}_ci") for run in runs]).T
            spread, mean = values.std(ddof=1), values.mean()
            ratio = float(np.mean(high - low) / 2 / 1.96 / spread) if spread else None
            held = float(np.mean((low <= mean) & (mean <= high)))
            found[name][side] = {"mean": float(mean), "error_over_spread": ratio, "held": held}
    return {"n": n, "real": m, "dimensions": d, "metrics": found}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.neighbour_intervals", description="Widths of intervals."
    )
    parser.add_argument("--draws", type=Count(2, 10**6), default=200)
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=FilePath(), required=True)
    args = parser.parse_args(argv)
    cases = [measure(*case, args.draws, args.seed) for case in CASES]
    cells = [cell for case in cases for sides in case["metrics"].values() for cell in sides.values()]
    ratios = [cell["error_over_spread"] for cell in cells if cell["error_over_spread"] is not None]
    report = {
        "draws": args.draws,
        "seed": args.seed,
        "cases": cases,
        "error_over_spread": {"least": min(ratios), "most": max(ratios), "median": float(np.median(ratios))},
        "held": {"least": min(cell["held"] for cell in cells), "median": float(np.median([c["held"] for c in cells]))},
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
