r"""How often the verdict of tuning is wrong: false gains, and gains that are missed.

``python -m benchmarks.studies.verdict_error_rates --data DATA --cache FOLDER --out FILE``

Cases with a known truth (see :mod:`benchmarks.studies.verdict_scenarios`) are drawn anew for every repetition from the
rows of real runs (:mod:`benchmarks.studies.verdict_rows`), and the rule is followed look by look, as ``tune`` follows
it. Rates have Wilson's 95 % interval,

.. math:: \frac{1}{1 + z^2/m} \Big(
   \hat p + \frac{z^2}{2m} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{m} + \frac{z^2}{4 m^2}} \Big).

A case depends on the seed, its scenario and its number alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.metrics.paired import paired_measures
from dcd.tuning.rule import Rule
from dcd.tuning.sequential import confirm
from dcd.tuning.verdict import Verdict
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from .verdict_rows import CORRELATION, pools
from .verdict_scenarios import Scenario, scenarios

__all__ = ["main", "rate"]


def rate(hits: int, cases: int) -> dict[str, Any]:
    """A share with Wilson's 95 % interval.

    Example:
      >>> rate(5, 200)["interval"]
      [0.0107, 0.0572]
    """
    z, p = 1.96, hits / cases
    middle = (p + z * z / (2 * cases)) / (1 + z * z / cases)
    half = z * math.sqrt(p * (1 - p) / cases + z * z / (4 * cases**2)) / (1 + z * z / cases)
    ends = [round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)]
    return {"hits": hits, "cases": cases, "share": round(p, 4), "interval": ends}


def _case(scenario: Scenario, rule: Rule, seed: int, number: int) -> Verdict:
    name = zlib.crc32(f"{scenario.kind}/{scenario.name}/{scenario.pool}".encode())
    before, after, real = scenario.draw(np.random.default_rng([seed, name, number]), rule.looks[-1])
    draw = lambda first, count: (before[first : first + count], after[first : first + count])
    return confirm(draw, real, paired_measures, rule)


def _summary(scenario: Scenario, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    found = list(verdicts)
    outcomes = Counter(v.outcome for v in found)
    reasons = Counter(v.faults[0].name if v.faults else "" for v in found)
    open_ = Counter(f.name for v in found if not v.gain for f in v.findings if not f.met)
    return {
        "kind": scenario.kind,
        "name": scenario.name,
        "pool": scenario.pool,
        "fid": {"before": scenario.before, "after": scenario.after},
        "gain": rate(outcomes["gain"], len(found)),
        "no gain": outcomes["no gain"],
        "undecided": outcomes["undecided"],
        "fell": rate(sum(v.findings[0].met for v in found), len(found)),
        "not shown where no gain": dict(open_),
        "faults": {k: c for k, c in reasons.items() if k},
        "samples": {
            "mean": float(np.mean([v.n for v in found])),
            "by look": dict(sorted(Counter(v.n for v in found).items())),
        },
    }


def _total(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    chosen = [r for r in rows if r["kind"] == kind]
    sums = [sum(r[field]["hits"] for r in chosen) for field in ("gain", "fell")]
    cases = sum(r["gain"]["cases"] for r in chosen)
    return {"gain": rate(sums[0], cases), "fell": rate(sums[1], cases)} if cases else {}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.verdict_error_rates", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist, fashion-mnist and pairs")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the feature rows")
    parser.add_argument("--null", type=int, default=40, help="cases of every null scenario (default 40)")
    parser.add_argument("--quarter", type=int, default=40, help="cases of every scenario with a gain (default 40)")
    parser.add_argument("--harm", type=int, default=40, help="cases of every scenario with a harm (default 40)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    began, rule = time.monotonic(), Rule()
    held = pools(args.data, args.cache)
    recall = next(g for g in rule.guards if g.name == "recall")
    rows: list[dict[str, Any]] = []
    for scenario in scenarios(held, recall):
        count = {"null": args.null, "harm": args.harm}.get(scenario.kind, args.quarter)
        rows.append(_summary(scenario, (_case(scenario, rule, args.seed, i) for i in range(count))))
        gain = rows[-1]["gain"]
        line = f"{scenario.kind} {scenario.name} ({scenario.pool}): gain {gain['hits']} of {gain['cases']}"
        print(f"{line}, {rows[-1]['samples']['mean']:.0f} samples, {time.monotonic() - began:.0f} s", file=sys.stderr)
    report = {
        "rule": dataclasses.asdict(rule),
        "bounds": {
            "primary": [rule.level(k) for k in range(len(rule.looks))],
            "guards": [rule.level(k, guard=True) for k in range(len(rule.looks))],
        },
        "protocol": {
            "reference rows": 4000,
            "pool rows": len(held[0].base),
            "latent correlation": CORRELATION,
            "interval": "Wilson, 95 %",
        },
        "features": [{"pool": p.name, "name": p.net, "dim": p.base.shape[1], "sha256": p.sha256} for p in held],
        "totals": {kind: _total(rows, kind) for kind in ("null", "quarter", "refined", "harm")},
        "scenarios": rows,
        "seed": args.seed,
        "seconds": time.monotonic() - began,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    for kind, total in report["totals"].items():
        print(f"{kind}: gain {total.get('gain')}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
