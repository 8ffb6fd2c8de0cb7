"""How often the warnings of the first look are right: on pairs as they are, and on the same pairs with known faults.

A pair is looked at once a seed, with 512 real samples where there are any. What a warning says is judged by what is
known: a fault that was put in, or, where it says how the critic ranks two sets, by the ranking on the samples of the
other seeds (it is right where they agree on the side of 1/2). What is counted in the look itself is right by itself, so
that a turned sign and ranks can be wrong. A fault is seen where the warning that names it comes.

``python -m benchmarks.studies.first_look DATA --manifests DIR --out benchmarks/results/first_look.json``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
from checkpoints.first_look import SAMPLES, FirstLook, look
from checkpoints.importing import import_manifest
from pairs import Pair
from pairs.checks import image_range
from pairs.io.command import guard
from pairs.io.images import read_images
from pairs.io.pixels import to_range
from pairs.io.reports import hardware, versions, write_json

from ..commands.argument_types import Count, FilePath
from .first_look_faults import FAULTS, Fault

__all__ = ["holds", "kinds_of", "main", "row"]

BUNDLED = {"fashion-mnist-wgan-gp": "fashion-mnist", "fashion-mnist-wgan-gp-adapted": "fashion-mnist"}
STRANGERS = {"mnist-mlp-gan": "mnist", "mnist-wgan-gp": "mnist", "mnist-cwgan-gp": "mnist"}
STRANGERS |= {"fashion-dcgan-a": "fashion-mnist", "celeba32-lsgan": None, "anime32-dcgan": None}
"""Pairs and the data that they were trained on, where these are at hand."""

KINDS = {
    "outside": "of the values lie outside",
    "half": "the lower half of the declared",
    "alike": "all samples are alike",
    "constant": "the critic is constant",
    "flipped": "trained with 1 for fake",
    "samples over data": "scores samples above data",
    "noise over data": "scores noise above data",
    "noise over samples": "scores noise above samples",
    "nan samples": "samples hold NaN",
    "nan scores": "the critic returns NaN",
    "size": "data are ",
}
"""Words by which a warning is known."""
LITERAL = ("outside", "half", "alike", "constant", "nan samples", "nan scores", "size")
"""Kinds that say no more than what was counted in the look itself."""


def kinds_of(found: FirstLook) -> set[str]:
    """Kinds of the warnings.

    Args:
      found: A first look.
    """
    return {kind for kind, words in KINDS.items() for warning in found.warnings if words in warning}


def holds(kind: str, fault: Fault, others: list[FirstLook]) -> bool:
    """Whether what a warning says holds: it names the fault, or ranks two sets as other draws do.

    Args:
      kind: Of the warning, a key of ``KINDS``.
      fault: What was done to the pair.
      others: Looks with other seeds.
    """
    if kind == fault.seen_by or kind in LITERAL:
        return True
    worse, _, better = kind.partition(" over ")
    ranked = [f.auc[key] for f in others if (key := f"{better} over {worse}") in f.auc]
    return bool(ranked) and float(np.mean(ranked)) < 0.5


def row(name: str, pair: Pair, real: Any, labels: Any, change: str, seeds: int) -> dict[str, Any] | None:
    """What the first look says of a pair with a fault, over some seeds.

    Args:
      name: The pair's.
      pair: The pair.
      real: Real samples ``(n, *sample)`` in the pair's range, or None.
      labels: Their classes, for conditional pairs.
      change: Name of the fault.
      seeds: Number of looks.
    """
    fault = FAULTS[change]
    made = None if fault.needs_data and real is None else fault.change(pair, real, 0)
    if made is None:
        return None
    looks = [look(made[0], jax.random.key(seed), made[1], labels) for seed in range(seeds)]
    kinds = [kinds_of(found) for found in looks]
    right, wrong = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for seed, told in enumerate(kinds):
        others = [found for i, found in enumerate(looks) if i != seed]
        for kind in told:
            (right if holds(kind, fault, others) else wrong)[kind] += 1
    some = lambda counts: {kind: n for kind, n in counts.items() if n}
    seen = sum(bool(told) if fault.seen_by == "any" else fault.seen_by in told for told in kinds)
    return {
        "pair": name,
        "with_data": real is not None,
        "change": change,
        "looks": seeds,
        "seen": seen if fault.seen_by else None,
        "right": some(right),
        "wrong": some(wrong),
        "auc": {k: [f.auc[k] for f in looks if k in f.auc] for k in sorted({k for f in looks for k in f.auc})},
    }


def _pairs(data: Path, manifests: Path) -> Iterator[tuple[str, Pair, Any, Any]]:
    for name, images in (BUNDLED | STRANGERS).items():
        if name in BUNDLED:
            pair = checkpoints.resolve(name)
        else:
            own = manifests / f"{name}.toml"
            pair = import_manifest(own if own.exists() else name, data / "pairs" / name)
        real, labels = None, None
        if images is not None:
            found = read_images(data / images, "train", SAMPLES, pair.sample_shape)
            real, labels = to_range(found.x, image_range(pair)), found.labels if pair.classes else None
            yield name, pair, real, labels
        yield name, pair, None, None


def _counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By fault: looks, faults seen, and warnings by kind, right and wrong ones; ``further`` name something else."""
    counts: dict[str, Any] = {}
    for change, fault in FAULTS.items():
        mine = [r for r in rows if r["change"] == change]
        sums = {side: {k: sum(r[side].get(k, 0) for r in mine) for k in KINDS} for side in ("right", "wrong")}
        told = {side: {k: n for k, n in kinds.items() if n} for side, kinds in sums.items()}
        further = sum(n for k, n in told["right"].items() if k != fault.seen_by)
        counts[change] = {key: sum(r[key] or 0 for r in mine) for key in ("looks", "seen")} | told
        counts[change]["further"] = further
    return counts


def _run(argv: Any) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.first_look", description=__doc__)
    parser.add_argument("data", metavar="DATA", type=FilePath(), help="folder with pairs, mnist and fashion-mnist")
    parser.add_argument("--manifests", type=FilePath(), required=True, metavar="DIR", help="folder of NAME.toml")
    parser.add_argument("--seeds", type=Count(2, 100), default=3, help="looks a pair and fault (default 3)")
    parser.add_argument("--out", type=FilePath(), required=True, help="JSON file of the result")
    args = parser.parse_args(argv)
    rows, began = [], time.monotonic()
    for name, pair, real, labels in _pairs(args.data, args.manifests):
        found = [row(name, pair, real, labels, change, args.seeds) for change in FAULTS]
        rows += [r for r in found if r is not None]
        print(f"{name}, {'with' if real is not None else 'no'} data, {time.monotonic() - began:.0f} s", file=sys.stderr)
    report = {"counts": _counted(rows), "seeds": args.seeds, "samples": SAMPLES, "seconds": time.monotonic() - began}
    write_json(args.out, report | {"rows": rows, "versions": versions(), "hardware": hardware()})
    return 0


def main(argv: Any = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
