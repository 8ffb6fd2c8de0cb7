"""``ganrefine evaluate``: distance of a set of images to another."""

from __future__ import annotations

import argparse

from .argument_types import FilePath, PathText
from .options import DATA, add_data_options, add_features, add_report, add_seed

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("reference", metavar="DATA", type=PathText(), help=f"real images: {DATA}")
    what.add_argument("images", metavar="IMAGES", type=PathText(), help="images to judge, likewise")
    add_data_options(what, "test", of="IMAGES")
    add_features(what)
    out = parser.add_argument_group("output")
    add_seed(out)
    out.add_argument("--out", metavar="DIR", type=FilePath(), help="folder for report.json (default: none is written)")
    add_report(out)


def run(args: argparse.Namespace) -> int:
    """Read both sets, measure, print."""
    from pairs import InputError
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.images import default_split, read_images
    from pairs.io.quality_table import print_report
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..evaluation import evaluate_one
    from ..features import default_features, load_features
    from ..refinement import LEAST

    folder = None if args.out is None else check_out(args.out)
    real = read_images(args.reference, args.split or default_split(args.reference, "test"))
    split = default_split(args.images, args.split or "test", args.array)
    fake = read_images(args.images, split, args.limit, real.shape, args.array, args.seed)
    for name, images in (("DATA", real), ("IMAGES", fake)):
        if len(images) < LEAST:
            raise InputError(name, f"holds {len(images)} images", f"give at least {LEAST}, better 2,000 or more")
    features = load_features(args.features) if args.features else default_features(real.shape, real.name)
    if folder is not None:
        say_replaced(folder, "report.json")
    report = evaluate_one(features, fake.x, real, args.seed)
    report |= {"data": real.name, "images": fake.name, "seed": args.seed}
    report |= {"versions": versions(), "hardware": hardware()}
    if folder is not None:
        write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
    return 0
