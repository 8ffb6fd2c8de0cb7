"""``ganrefine path``: interpolate; line, slerp and geodesic side by side.

An end is the seed of a latent, or a picture (PNG, JPEG) for which a latent is sought. With DATA a critic for paths is
trained and a net that took no part judges every frame; without, the pair's own critic steers where it tells blends from
samples, else the answer is slerp. The report says what was decided and why; options set any part by hand.
"""

from __future__ import annotations

import argparse

from .argument_types import Count, CountOrPath, FilePath, Number, PathText
from .options import DATA, NUMBER, WEIGHT, add_data_options, add_features, add_output, add_pair

__all__ = ["add_options", "run"]

MODES = ("conformal", "additive", "potential", "none")
SHAPES = ("barrier", "wall")
KEEPS = ("auto", "free", "radial", "sphere", "box")
CRITICS = ("auto", "own", "trained")
PRESETS = ("released-mnist", "released-celeba-hq", "released-lsun-bedroom", "forerunner-swiss-roll", "forerunner-mnist")
SOLVERS = ("lbfgs", "gauss-newton", "georce", "adam")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    group = add_pair(parser, "the bundled pair")
    what, seed = group.add_argument, CountOrPath(0, 2**32 - 1)
    what("data", metavar="DATA", nargs="?", type=PathText(), help=f"real images for critic and judge: {DATA}")
    end = "seed of the {} latent, or a picture (default {})"
    what("--from", dest="start", type=seed, default=0, metavar="END", help=end.format("first", 0))
    what("--to", dest="end", type=seed, default=1, metavar="END", help=end.format("last", 1))
    what("--via", type=seed, nargs="+", metavar="END", help="stops between, in their order")
    what("--loop", action="store_true", help="return to the first end")
    label = Count(0, 2**31 - 1)
    what("--label", type=label, help="class, for conditional pairs")
    what("--to-label", type=label, metavar="LABEL", help="class of the last end: from class to class")
    through = "images by whose codes paths may go, or a number of draws of the prior"
    what("--through", type=CountOrPath(50, 20_000), metavar="DATA", help=through)
    add_data_options(group, "train", "20,000; 4,000 for --through", of="DATA, or of --through without DATA")
    settings = parser.add_argument_group("how", "what is left out is decided, and the report says why")
    how = settings.add_argument
    critic = "auto, own, or trained on DATA (default auto)"
    how("--critic", choices=CRITICS, help=critic)
    how("--updates", type=NUMBER, metavar="N", help="updates of the critic that is trained (default 600)")
    stands = "pixel, pair (its features) or a feature net that the trained critic stands on (default auto)"
    how("--critic-on", type=PathText(), metavar="NET", help=stands)
    how("--refined", type=Count(0, 20_000), metavar="N", help="refined samples by whose latents paths may go")
    add_features(settings, "--classifier", "net with classes: also charge for images it is not sure of; or off")
    metric = "auto, pixel, critic (its last layer), pair (its features) or a feature net (default auto)"
    how("--metric", type=PathText(), metavar="NET", help=metric)
    add_features(settings, "--judge", "net that judges frames, with DATA: auto, self-supervised, or a feature net")
    how("--preset", choices=PRESETS, metavar="NAME", help=f"settings of released code: {', '.join(PRESETS)}")
    how("--mode", choices=MODES, help="how the critic counts (default conformal)")
    how("--strength", type=WEIGHT, help="weight of the additive and potential modes (default 1)")
    ratio = "weight of bad midpoints over samples, or the wall's height (default 10; 30 for a trained critic's wall)"
    how("--ratio", type=Number(1, 1e6), help=ratio)
    shape = "how the weight grows as the score falls (default barrier; wall for a trained critic)"
    how("--shape", choices=SHAPES, help=shape)
    how("--keep", choices=KEEPS, help="how paths stay in the prior (default auto)")
    how("--solver", choices=SOLVERS, help="method of the geodesic (default lbfgs)")
    how("--points", type=Count(2, 10_000), help="points of every path, of one leg (default 32)")
    how("--segments", type=Count(2, 10_000), help="segments that the solver works with (default 32)")
    kept = "folder of trained critics, for the next path of this pair (default: kept in --out)"
    settings.add_argument("--kept", type=FilePath(), metavar="DIR", help=kept)
    add_output(parser, "path")


def run(args: argparse.Namespace) -> int:
    """Decide, find the ends, solve, judge, draw; write pictures, films, a page and ``report.json``."""
    from ..paths.run import run_path

    return run_path(args)
