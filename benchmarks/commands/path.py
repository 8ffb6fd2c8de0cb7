"""``ganrefine path``: interpolate; line, slerp and geodesic side by side.

An end is the seed of a latent, or a picture (PNG, JPEG) for which a latent is sought.
"""

from __future__ import annotations

import argparse

from .argument_types import Count, CountOrPath, Number, PathText
from .options import WEIGHT, add_data_options, add_features, add_output, add_pair

__all__ = ["add_options", "run"]

MODES = ("conformal", "additive", "potential", "none")
SHAPES = ("barrier", "wall")
KEEPS = ("auto", "free", "radial", "sphere", "box")
SOLVERS = ("lbfgs", "gauss-newton", "georce", "adam")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    group = add_pair(parser, "the bundled pair")
    what, seed = group.add_argument, CountOrPath(0, 2**32 - 1)
    end = "seed of the {} latent, or a picture (default {})"
    what("--from", dest="start", type=seed, default=0, metavar="END", help=end.format("first", 0))
    what("--to", dest="end", type=seed, default=1, metavar="END", help=end.format("last", 1))
    what("--label", type=Count(0, 2**31 - 1), help="class, for conditional pairs")
    through = "images by whose codes paths may go, or a number of draws of the prior"
    what("--through", type=CountOrPath(50, 20_000), metavar="DATA", help=through)
    add_data_options(group, "train", "4,000")
    settings = parser.add_argument_group("how")
    how = settings.add_argument
    add_features(settings, "--classifier", "feature net with classes: also charge for images it is not sure of")
    metric = "pixel, critic (its last layer), pair (its features) or a feature net (default pixel)"
    how("--metric", default="pixel", type=PathText(), metavar="NET", help=metric)
    how("--mode", default="conformal", choices=MODES, help="how the critic counts (default conformal)")
    how("--strength", type=WEIGHT, default=1.0, help="weight of the additive and potential modes (default 1)")
    how(
        "--ratio",
        type=Number(1, 1e6),
        default=10.0,
        help="weight of bad midpoints over samples, conformal (default 10)",
    )
    how("--shape", default="barrier", choices=SHAPES, help="how the weight grows as the score falls (default barrier)")
    how("--keep", default="auto", choices=KEEPS, help="how paths stay in the prior (default auto)")
    how("--solver", default="lbfgs", choices=SOLVERS, help="method of the geodesic (default lbfgs)")
    how("--points", type=Count(2, 10_000), default=32, help="points of every path (default 32)")
    how("--segments", type=Count(2, 10_000), default=32, help="segments that the solver works with (default 32)")
    add_output(parser, "path")


def run(args: argparse.Namespace) -> int:
    """Find the ends, solve, draw, write ``path.png``, ``path.gif`` and ``report.json``."""
    from ..paths import run_path

    return run_path(args)
