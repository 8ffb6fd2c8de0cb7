"""``python -m dcd refine``: draw, refine, judge before and after."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.data import read_images
from benchmarks.refine import refine_and_judge, write_samples
from benchmarks.report import print_report, to_json
from benchmarks.settings import add_settings, check_sizes, choose_features, image_range, tuned_or_settings
from pairs.command import add_common, check_out

__all__ = ["add_refine"]


def add_refine(commands: argparse._SubParsersAction) -> None:
    """Its arguments."""
    refine = commands.add_parser("refine", help="refine samples and judge them before and after")
    refine.add_argument(
        "pair", nargs="?", help="a bundled name, a stored pair or a manifest (default: the bundled pair, as tuned)"
    )
    refine.add_argument("--n", type=int, default=2000, help="samples (default 2,000)")
    refine.add_argument(
        "--data", type=Path, help="real images to compare with (default: the feature net's own test set)"
    )
    refine.add_argument("--tuned", type=Path, help="tuned.toml of python -m dcd tune: its pair, critic and chain")
    add_settings(refine)
    add_common(refine, "refined")
    refine.set_defaults(run=_refine)


def _refine(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    check_sizes(args.n, args.batch)
    pair, config, budget, gain = tuned_or_settings(args)
    image_range(pair)
    data = None if args.data is None else read_images(args.data, expect=pair.sample_shape)
    features = choose_features(pair, args.features, data)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )  # fmt: skip
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
            "settings are the preset's, not verified for this pair: "
            "python -m dcd tune PAIR DATA checks and improves them"
        )
    if gain is False:
        console.print("tuning found no gain: these are the generator's samples, unchanged")
    if result.stopped.any():
        console.print(f"{int(result.stopped.sum())} samples met NaN or infinity and rest at their last finite state")
    return 0
