"""``ganrefine benchmark interpolate``: path quality against real data, all methods."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .options import add_output, add_pair

if TYPE_CHECKING:
    from pairs import Pair

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    what.add_argument("data", metavar="DATA", nargs="?", help="real images: the critic's path weight, --recover")
    what.add_argument("--adapted", metavar="PAIR", help="the same generator with an adapted critic")
    what.add_argument("--recover", action="store_true", help="train that critic here, on DATA's training split")
    what.add_argument("--pairs", type=int, default=2000)
    what.add_argument("--points", type=int, default=10)
    what.add_argument("--segments", type=int, default=8)
    what.add_argument("--evaluations", type=int, default=15)
    what.add_argument("--ratio", type=float, default=10.0)
    what.add_argument("--shape", default="barrier", choices=("barrier", "wall"))
    what.add_argument("--metric", default="features", choices=("features", "pixel", "critic"))
    what.add_argument("--features", metavar="NAME", help="net of the distance along paths (default: by name)")
    what.add_argument("--judge", metavar="NAME", help="net of the Frechet distance (default: second architecture)")
    add_output(parser, "interpolate")


def run(args: argparse.Namespace) -> int:
    """Measure and write ``report.json``."""
    import sys
    import warnings
    from pathlib import Path

    import interp
    from pairs import InputError
    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.images import read_images
    from pairs.io.pixels import to_range
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..features import default_features, load_features
    from ..inputs import load
    from ..interpolation import measure

    say = lambda text: print(text, file=sys.stderr, flush=True)
    out = check_out(args.out)
    pair = load(args.pair, args.files)
    bounds = image_range(pair)
    judge = load_features(args.judge) if args.judge else default_features(pair.sample_shape, pair.name, judge=True)
    inner = load_features(args.features) if args.features else default_features(pair.sample_shape, pair.name)
    if inner.sha256 == judge.sha256:
        raise InputError("judge", f"is {judge.name}, which measures the paths too", "name another net")
    net = {"features": inner.as_net(bounds), "pixel": None}.get(args.metric)
    net = interp.critic_features(pair) if args.metric == "critic" else net
    adapted = load(args.adapted) if args.adapted else None
    x = None if args.data is None else to_range(read_images(args.data, "train", expect=pair.sample_shape).x, bounds)
    if args.recover:
        adapted = _recovered(pair, x, args.seed, say)
    settings = interp.GeodesicSettings(
        points=args.points,
        segments=args.segments,
        evaluations=args.evaluations,
        seed=args.seed,
        tolerance=1e-3,
        path_weight=interp.PathWeightSettings(ratio=args.ratio, shape=args.shape),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report, _ = measure(
            pair,
            args.pairs,
            settings,
            judge,
            features=net,
            adapted=adapted,
            seed=args.seed,
            real=None if x is None else x[-2000:],
            say=say,
        )
    report = {
        "pair": pair.name,
        "seed": args.seed,
        "pairs": args.pairs,
        "points": args.points,
        "config": settings.to_dict(),
        "metric": args.metric,
        "features": {"name": inner.name, "sha256": inner.sha256},
        "judge": {"name": judge.name, "dim": judge.dim, "sha256": judge.sha256, "reference": judge.reference("test").n},
        **report,
        "warnings": sorted({str(w.message) for w in caught}),
        "versions": versions(),
        "hardware": hardware(),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(Path(out) / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        for name, entry in report["methods"].items():
            print(f"{name:18s} Frechet {entry['frechet']:8.3f}  critic {entry['critic_mean']:8.3f}")
    return 0


def _recovered(pair: Pair, x: Any, seed: int, say: Any) -> Pair:
    import time

    import jax

    import dcd
    from pairs import InputError

    if x is None:
        raise InputError("data", "is missing for --recover", "name the folder of real images")
    began = time.perf_counter()
    # the last 2,000 images judge the critic, so it must not have seen them
    adapted, _ = dcd.recover(pair, x[:-2000][:10000], jax.random.key(seed), dcd.Recover(steps=600, evaluate_every=200))
    say(f"critic recovered in {time.perf_counter() - began:.0f} s")
    return adapted
