"""``ganrefine refine``: draw samples, refine them, measure them before and after."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairs import Pair
    from pairs.io.images import Images

    from ..features import Features

from .argument_types import Count, PathText
from .options import DATA, SAMPLES, add_chain, add_data_options, add_features, add_output, add_pair, add_tuned

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "the bundled pair, as tuned")
    what.add_argument("--n", type=SAMPLES, default=2000, help="samples (default 2,000)")
    label = "class of all samples, for conditional pairs (default: all in turn)"
    what.add_argument("--label", type=Count(0, 2**31 - 1), help=label)
    data = f"real images to compare with: {DATA} (default: the feature net's test set)"
    what.add_argument("--data", type=PathText(), metavar="DATA", help=data)
    add_data_options(what, "test")
    add_tuned(what)
    add_features(what)
    add_chain(parser)
    add_output(parser, "refined")


def run(args: argparse.Namespace) -> int:
    """Draw, refine, measure, write ``grid.png``, ``samples.npz`` and ``report.json``."""
    import sys

    import numpy as np
    from rich.console import Console

    from pairs.checks import check_labels
    from pairs.io.command import check_out
    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json

    from ..estimates import check_refinement
    from ..inputs import read_data, refuse_data_options, require_critic, tuned_or_settings
    from ..refinement import LEAST, refine_and_judge, write_samples

    folder = check_out(args.out)
    if args.data is None:
        refuse_data_options(args, "--data")
    pair, config, budget, gain = tuned_or_settings(args)
    require_critic(pair)
    estimate = check_refinement(pair, config, args.n, args.batch)
    labels = None if args.label is None else check_labels(pair, np.full(args.n, args.label), args.n, "--label")
    data = None
    if args.data is not None:
        data = read_data(args, args.data, "test", expect=pair.sample_shape, least=LEAST)
    features, measured = _features(pair, args.features, data)
    if not args.json:
        print(estimate.line, file=sys.stderr)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget, labels
    )
    report["verified"], report["measured"] = gain is True, measured
    write_samples(folder, pair, result, report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    console = Console()
    console.print(measured)
    console.print(f"wrote grid.png, samples.npz, report.json to {folder}")
    if gain is None:
        console.print(
            "settings are the preset's, not verified for this pair: ganrefine tune PAIR DATA checks and improves them"
        )
    if gain is False:
        kept = (
            "these are the generator's samples, unchanged" if config.steps == 0 else "its best setting was used anyway"
        )
        console.print(f"tuning proved no gain: {kept}")
    if result.stopped.any():
        console.print(f"{int(result.stopped.sum())} samples met NaN or infinity and rest at their last finite state")
    return 0


def _features(pair: Pair, name: str | None, data: Images | None) -> tuple[Features | None, str]:
    """The feature net, if one fits, and a sentence on what is measured."""
    from pairs import InputError
    from pairs.checks import is_image

    from ..inputs import choose_features

    if not is_image(pair):
        if name is not None:
            raise InputError("--features", "is given for samples that are no images", "leave it out")
        return None, "samples are no images: the critic's scores are measured, distances are not"
    try:
        chosen = choose_features(pair, name, data)
    except InputError as error:
        if name is not None or data is not None:
            raise
        said = "no bundled feature net is known to fit these samples, so distances are not measured"
        return None, f"{said}; give --data DATA ({error.problem})"
    return chosen.features, chosen.reason
