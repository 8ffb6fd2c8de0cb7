"""``ganrefine evaluate``: distance of a set of images to another."""

from __future__ import annotations

import argparse

from pairs.io.command import seed_number

from .options import DATA, add_features

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("reference", help=f"real images: {DATA}")
    what.add_argument("images", help="images to judge, likewise")
    what.add_argument("--split", help="split of the reference, where it has several")
    what.add_argument("--array", help="array of IMAGES in an NPZ file, for example before")
    what.add_argument("--limit", type=int, help="use LIMIT images of IMAGES, drawn by the seed")
    add_features(what)
    out = parser.add_argument_group("output")
    out.add_argument("--seed", type=seed_number, default=0, help="a run is a function of its seed (default 0)")
    out.add_argument("--out", metavar="DIR", help="folder for report.json (default: none is written)")
    out.add_argument("--json", action="store_true", help="print the report alone on standard output")


def run(args: argparse.Namespace) -> int:
    """Read both sets, measure, print."""
    from pathlib import Path

    from pairs.io.images import read_images
    from pairs.io.quality_table import print_report
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..evaluation import evaluate_one
    from ..features import default_features, load_features

    real = read_images(args.reference, args.split)
    fake = read_images(args.images, limit=args.limit, expect=real.shape, array=args.array, seed=args.seed)
    features = load_features(args.features) if args.features else default_features(real.shape, real.name)
    report = evaluate_one(features, fake.x, real, args.seed)
    report |= {"data": real.name, "images": fake.name, "seed": args.seed}
    report |= {"versions": versions(), "hardware": hardware()}
    if args.out:
        write_json(Path(args.out) / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
    return 0
