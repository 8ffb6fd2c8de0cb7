"""``ganrefine benchmark interpolate``: path quality against real data, all methods."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .argument_types import Count, Number, PathText
from .options import DATA, add_data_options, add_features, add_output, add_pair

if TYPE_CHECKING:
    from pairs import Pair

__all__ = ["add_options", "run"]

JUDGING, TRAINING, LEAST = 2000, 10_000, 500
"""Real images for the path weight, for the critic of ``--recover``, and the fewest of both together."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    images = f"real images for the critic's path weight and for --recover: {DATA}"
    what.add_argument("data", metavar="DATA", type=PathText(), nargs="?", help=images)
    add_data_options(what, "train")
    adapted = "the same generator with an adapted critic"
    what.add_argument("--adapted", metavar="PAIR", type=PathText(), help=adapted)
    what.add_argument("--recover", action="store_true", help="train that critic here, on DATA")
    add_features(what, words="net of the distance along paths (default: by name)")
    add_features(what, "--judge", "net of the Frechet distance (default: second architecture)")
    how = parser.add_argument_group("how").add_argument
    how("--pairs", type=Count(2, 10**6), default=2000, help="pairs of ends (default 2,000)")
    how("--points", type=Count(3, 1000), default=10, help="points of every path (default 10)")
    how("--segments", type=Count(2, 1000), default=8, help="segments that the solver works with (default 8)")
    how("--evaluations", type=Count(1, 10**5), default=15, help="evaluations of a path on the last level (default 15)")
    how("--ratio", type=Number(1, 1e6), default=10.0, help="weight of bad midpoints over samples (default 10)")
    shape = "how the weight grows as the score falls (default barrier)"
    how("--shape", default="barrier", choices=("barrier", "wall"), help=shape)
    metric = "what distance is measured in (default features)"
    how("--metric", default="features", choices=("features", "pixel", "critic"), help=metric)
    add_output(parser, "interpolate")


def run(args: argparse.Namespace) -> int:
    """Measure, and write ``report.json`` and ``report.html``."""
    import sys
    import warnings
    from pathlib import Path

    import interp
    from pairs import InputError
    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..estimates import check_interpolation, check_path
    from ..features import default_features, load_features
    from ..inputs import load
    from ..interpolation import measure
    from ..interpolation_page import say_which_is_nearest, write_interpolation_page

    say = lambda text: print(text, file=sys.stderr, flush=True)
    out = check_out(args.out)
    pair = load(args.pair, args.files, args.factory)
    bounds = image_range(pair)
    if args.recover and args.data is None:
        raise InputError("DATA", "is missing for --recover", "name the folder of real images")
    judge = load_features(args.judge) if args.judge else default_features(pair.sample_shape, pair.name, judge=True)
    inner = load_features(args.features) if args.features else default_features(pair.sample_shape, pair.name)
    if inner.sha256 == judge.sha256:
        raise InputError("judge", f"is {judge.name}, which measures the paths too", "name another net")
    check_path(pair, args.segments, args.points)
    check_interpolation(pair, args.pairs, args.points, judge.dim)
    net = {"features": inner.as_net(bounds), "pixel": None}.get(args.metric)
    net = interp.critic_features(pair) if args.metric == "critic" else net
    adapted = load(args.adapted, factory=args.factory) if args.adapted else None
    judging, training = _drawn(args, pair)
    if args.recover:
        adapted = _recovered(pair, training, args.seed, say)
    say_replaced(out, "report.json", "report.html")
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
        report, paths = measure(
            pair,
            args.pairs,
            settings,
            judge,
            features=net,
            adapted=adapted,
            seed=args.seed,
            real=judging,
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
    write_interpolation_page(Path(out) / "report.html", pair, report, paths)
    if args.json:
        print(to_json(report), end="")
    else:
        for name, entry in report["methods"].items():
            print(f"{name:18s} Frechet {entry['frechet']:8.3f}  critic {entry['critic_mean']:8.3f}")
        for words in say_which_is_nearest(report):
            print(words)
        print(f"wrote report.json, report.html to {out}")
    return 0


def _drawn(args: argparse.Namespace, pair: Pair) -> tuple[Any, Any]:
    """Real samples for the path weight, and others for a critic, drawn by the seed; None without DATA."""
    import numpy as np

    from pairs.checks import image_range
    from pairs.io.pixels import to_range

    from ..inputs import read_data, refuse_data_options

    if args.data is None:
        refuse_data_options(args, "DATA")
        return None, None
    images = read_data(args, args.data, "train", expect=pair.sample_shape, least=LEAST)
    order = np.random.default_rng(args.seed).permutation(len(images))
    # images that judge a critic must not have trained it
    judging = min(JUDGING, len(images) // 5) if args.recover else JUDGING
    x = to_range(images.x[order[: judging + TRAINING]], image_range(pair))
    return x[:judging], x[judging:]


def _recovered(pair: Pair, x: Any, seed: int, say: Any) -> Pair:
    import time

    import jax

    import dcd

    began = time.perf_counter()
    adapted, _ = dcd.recover(pair, x, jax.random.key(seed), dcd.Recover(steps=600, evaluate_every=200))
    say(f"critic recovered in {time.perf_counter() - began:.0f} s")
    return adapted
