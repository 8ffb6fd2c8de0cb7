"""Whether the own critics of pairs tell blends from samples.

``python -m benchmarks.studies.own_critics PAIR[=DIR] ... --out FILE``, DIR the folder of a manifest's weight files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

import interp
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from ..inputs import load

__all__ = ["main"]


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.own_critics", description="Own critics of pairs on blends."
    )
    parser.add_argument("pairs", nargs="+", metavar="PAIR[=DIR]")
    parser.add_argument("--samples", type=int, default=2000, help="samples, and blends of each kind (default 2,000)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    found = {}
    for given in args.pairs:
        name, _, folder = given.partition("=")
        pair = load(name, Path(folder) if folder else None)
        evidence = interp.blend_evidence(pair, jax.random.key(args.seed), samples=args.samples)
        found[Path(name).stem] = evidence.to_dict()
        print(f"{Path(name).stem}: {evidence.midpoints:.2f} midpoints, {evidence.cross_fades:.2f} cross-fades")
    told = sum(entry["tells"] for entry in found.values())
    report = {"seed": args.seed, "samples": args.samples, "pairs": found, "count": len(found), "told": told}
    write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
