"""``python -m dcd``: refine samples, adapt a critic, tune the chain."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.data import read_images
from benchmarks.refine import (
    add_settings,
    choose_features,
    is_image,
    load,
    refine_and_judge,
    settings,
    write_samples,
)
from benchmarks.report import print_report, to_json
from pairs import InputError
from pairs.command import Parser, add_common, check_out, guard

__all__ = ["main"]


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m dcd", description="Better samples from a GAN somebody already trained.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    refine = commands.add_parser("refine", help="refine samples and judge them before and after")
    refine.add_argument("pair", nargs="?", help="a bundled name, a stored pair or a manifest (default: the bundled pair)")
    refine.add_argument("--n", type=int, default=2000, help="samples (default 2,000)")
    refine.add_argument("--data", type=Path, help="real images to compare with (default: the feature net's own test set)")
    add_settings(refine)
    add_common(refine, "refined")
    refine.set_defaults(run=_refine)
    args = parser.parse_args(argv)
    return args.run(args)


def _refine(args: argparse.Namespace) -> int:
    config, folder = settings(args), check_out(args.out)
    if args.n < 1:
        raise InputError("n", f"is {args.n}", "give at least 6")
    pair = load(args.pair, args.files)
    if not is_image(pair):
        raise InputError("pair", f"has samples of shape {pair.sample_shape}", "this command is for images; call dcd.refine")
    data = None if args.data is None else read_images(args.data, expect=pair.sample_shape)
    features = choose_features(pair, args.features, data)
    report, result = refine_and_judge(pair, config, args.n, args.seed, features, data, args.batch, not args.json)
    report["verified"] = False
    write_samples(folder, pair, result, report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    console = Console()
    console.print(f"wrote grid.png, samples.npz, report.json to {folder}")
    if result.stopped.any():
        console.print(f"{int(result.stopped.sum())} samples met NaN or infinity and rest at their last finite state")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
