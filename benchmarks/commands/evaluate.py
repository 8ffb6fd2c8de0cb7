"""``ganrefine evaluate``: distance of a set of images to another, or to statistics of one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .argument_types import FilePath, PathText
from .options import DATA, add_data_options, add_features, add_report, add_seed

if TYPE_CHECKING:
    from pairs.io.images import Images

    from ..features import Features
    from ..features.statistics_file import Statistics

__all__ = ["RESIZES", "add_options", "run"]

RESIZES = ("torch-fidelity", "clean-fid", "pytorch-fid")
"""Names of :data:`benchmarks.features.RESIZES`."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    statistics = "or an NPZ of statistics (mu and sigma, or feats), as pytorch-fid and clean-fid keep them"
    what.add_argument("reference", metavar="DATA", type=PathText(), help=f"real images: {DATA}; {statistics}")
    what.add_argument("images", metavar="IMAGES", type=PathText(), help="images to judge, likewise")
    add_data_options(what, "test", of="IMAGES")
    words = "feature net that judges: a bundled name, a folder, or the file of the FID's Inception weights"
    add_features(what, words=words)
    resize = f"how Inception's images are resized: {', '.join(RESIZES)} (default: torch-fidelity's way, or DATA's)"
    what.add_argument("--resize", choices=RESIZES, metavar="NAME", help=resize)
    out = parser.add_argument_group("output")
    add_seed(out)
    out.add_argument("--out", metavar="DIR", type=FilePath(), help="folder for report.json (default: none is written)")
    written = "new NPZ file for the statistics of DATA, which then serves as DATA here, in pytorch-fid and in clean-fid"
    out.add_argument("--write-statistics", metavar="FILE", type=FilePath(), help=written)
    add_report(out)


def run(args: argparse.Namespace) -> int:
    """Read both sets, measure, print."""
    from pairs import InputError
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.images import default_split, read_images
    from pairs.io.quality_table import metric_label, print_report
    from pairs.io.reports import hardware, to_json, versions, write_json

    from .. import evaluation
    from ..features.statistics_file import check_net, holds_statistics, read_statistics, write_statistics
    from ..further_figures import say_further
    from ..refinement import LEAST

    folder = None if args.out is None else check_out(args.out)
    written = None if args.write_statistics is None else _new_file(args.write_statistics)
    statistics = real = None
    if holds_statistics(args.reference):
        statistics = read_statistics(args.reference)
    else:
        real = read_images(args.reference, args.split or default_split(args.reference, "test"))
    split = default_split(args.images, args.split or "test", args.array)
    shape = None if real is None else real.shape
    fake = read_images(args.images, split, args.limit, shape, args.array, args.seed)
    for name, images in (("DATA", real), ("IMAGES", fake)):
        if images is not None and len(images) < LEAST:
            raise InputError(name, f"holds {len(images)} images", f"give at least {LEAST}, better 2,000 or more")
    features = _net(args, real, statistics)
    said = check_net(statistics, features) if statistics else []
    if folder is not None:
        say_replaced(folder, "report.json")
    reference = statistics.reference if statistics else evaluation.as_reference(features, real)
    report = evaluation.evaluate_one(features, fake.x, reference, args.seed, None if real is None else real.x)
    report["warnings"] += said
    data = Path(args.reference).stem if real is None else real.name
    report |= {"data": data, "images": fake.name, "seed": args.seed}
    report |= {"versions": versions(), "hardware": hardware()}
    if written is not None:
        write_statistics(written, features, reference)
    if folder is not None:
        write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
        for words in say_further(report["further"], metric_label("fid", report)):
            print(words)
        if written is not None:
            print(f"wrote {written}")
    return 0


def _new_file(path: Path) -> Path:
    """A file to write that is not there yet: DATA itself is an NPZ file, and must not be written over."""
    from pairs import InputError
    from pairs.io.command import check_out

    check_out(path.parent)
    if path.suffix != ".npz":
        raise InputError("write-statistics", f"is {path}", "give a name that ends in .npz")
    if path.exists():
        raise InputError("write-statistics", f"{path} is there already", "give the name of a new file")
    return path.absolute()


def _net(args: argparse.Namespace, real: Images | None, statistics: Statistics | None) -> Features:
    """The named net; the one that made the statistics; or the bundled one for such data."""
    from pairs import InputError

    from ..features import bundled_features, default_features, load_features
    from ..features.inception import InceptionFeatures

    made = statistics.net if statistics else None
    if args.features:
        features = load_features(args.features)
    elif real is not None:
        features = default_features(real.shape, real.name)
    elif made in bundled_features():
        features = load_features(made)
    else:
        remedy = "give the file of Inception weights, or the folder of the net that made the statistics"
        raise InputError("features", f"are not given, and {args.reference} is of {made or 'Inception'}", remedy)
    if isinstance(features, InceptionFeatures):
        prefix = "inception-2015-12-05-"
        theirs = made.removeprefix(prefix) if made else None
        chosen = args.resize or (theirs if theirs in RESIZES else None)
        return features.resized_as(chosen) if chosen else features
    if args.resize:
        raise InputError("resize", f"is given and {features.name} judges", "leave it out: only Inception resizes")
    return features
