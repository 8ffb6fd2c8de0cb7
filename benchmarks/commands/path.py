"""``ganrefine path``: interpolate; line, slerp and geodesic side by side.

An end is the seed of a latent, or a picture (PNG, JPEG) for which a latent is sought.
"""

from __future__ import annotations

import argparse

from pairs.io.command import seed_or_path

from .options import add_output, add_pair

__all__ = ["add_options", "run"]

MODES = ("conformal", "additive", "potential", "none")
SHAPES = ("barrier", "wall")
KEEPS = ("auto", "free", "radial", "sphere", "box")
SOLVERS = ("lbfgs", "gauss-newton", "georce", "adam")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "the bundled pair").add_argument
    end = "seed of the {} latent, or a picture (default {})"
    what("--from", dest="start", type=seed_or_path, default=0, metavar="END", help=end.format("first", 0))
    what("--to", dest="end", type=seed_or_path, default=1, metavar="END", help=end.format("last", 1))
    what("--label", type=int, help="class, for conditional pairs")
    how = parser.add_argument_group("how").add_argument
    through = "images by whose codes paths may go, or a number of draws of the prior"
    how("--through", type=seed_or_path, metavar="DATA", help=through)
    how("--classifier", metavar="NET", help="feature net with classes: also charge for images it is not sure of")
    metric = "pixel, critic (its last layer), pair (its features) or a feature net (default pixel)"
    how("--metric", default="pixel", help=metric)
    how("--mode", default="conformal", choices=MODES, help="how the critic counts (default conformal)")
    how("--strength", type=float, default=1.0, help="weight of the additive and potential modes (default 1)")
    how("--ratio", type=float, default=10.0, help="weight of bad midpoints over samples, conformal (default 10)")
    how("--shape", default="barrier", choices=SHAPES, help="how the weight grows as the score falls (default barrier)")
    how("--keep", default="auto", choices=KEEPS, help="how paths stay in the prior (default auto)")
    how("--solver", default="lbfgs", choices=SOLVERS, help="method of the geodesic (default lbfgs)")
    how("--points", type=int, default=32, help="points of every path (default 32)")
    how("--segments", type=int, default=32, help="segments that the solver works with (default 32)")
    add_output(parser, "path")


def run(args: argparse.Namespace) -> int:
    """Find the ends, solve, draw, write ``path.png``, ``path.gif`` and ``report.json``."""
    from ..paths import run_path

    return run_path(args)
