"""``ganrefine refine``: draw samples, refine them, measure them before and after."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import add_chain, add_features, add_output, add_pair

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "the bundled pair, as tuned")
    what.add_argument("--n", type=int, default=2000, help="samples (default 2,000)")
    what.add_argument("--data", type=Path, help="real images to compare with (default: the feature net's test set)")
    what.add_argument("--tuned", type=Path, metavar="FILE", help="tuned.toml of 'ganrefine tune': pair, critic, chain")
    add_features(what)
    add_chain(parser)
    add_output(parser, "refined")


def run(args: argparse.Namespace) -> int:
    """Draw, refine, measure, write ``grid.png``, ``samples.npz`` and ``report.json``."""
    from rich.console import Console

    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.images import read_images
    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json

    from ..inputs import choose_features, tuned_or_settings
    from ..refinement import check_sizes, refine_and_judge, write_samples

    folder = check_out(args.out)
    check_sizes(args.n, args.batch)
    pair, config, budget, gain = tuned_or_settings(args)
    image_range(pair)
    data = None if args.data is None else read_images(args.data, expect=pair.sample_shape)
    features = choose_features(pair, args.features, data)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )
    report["verified"] = gain is True
    write_samples(folder, pair, result, report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    console = Console()
    console.print(f"wrote grid.png, samples.npz, report.json to {folder}")
    if gain is None:
        console.print(
            "settings are the preset's, not verified for this pair: ganrefine tune PAIR DATA checks and improves them"
        )
    if gain is False:
        console.print("tuning found no gain: these are the generator's samples, unchanged")
    if result.stopped.any():
        console.print(f"{int(result.stopped.sum())} samples met NaN or infinity and rest at their last finite state")
    return 0
