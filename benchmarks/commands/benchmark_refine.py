"""``ganrefine benchmark refine``: quality before and after refinement, on real data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import DATA, add_chain, add_features, add_output, add_pair, add_tuned

if TYPE_CHECKING:
    from pairs.io.images import Images

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "that of --tuned")
    what.add_argument("data", metavar="DATA", help=f"real images to compare with: {DATA}")
    what.add_argument("--split", default=None, help="split of DATA (default test, where there is one)")
    what.add_argument("--n", type=int, default=10_000, help="samples (default 10,000)")
    add_tuned(what)
    add_features(what)
    what.add_argument("--judge", metavar="NET", help="a second feature net, that took no part in tuning")
    add_chain(parser)
    add_output(parser, "benchmark")


def run(args: argparse.Namespace) -> int:
    """Measure and write the report, its page and its pictures."""
    import dcd
    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.html_report import write_html
    from pairs.io.pictures import side_by_side
    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json

    from ..inputs import choose_features, tuned_or_settings
    from ..refinement import as_bytes, check_sizes, diagnose_run, judge_again, refine_and_judge, write_samples

    folder = check_out(args.out)
    check_sizes(args.n, args.batch)
    pair, config, budget, _ = tuned_or_settings(args)
    image_range(pair)
    data = _read_split(args.data, args.split, pair.sample_shape)
    features = choose_features(pair, args.features, data, folder=args.out).features
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )
    if args.judge:
        judge = choose_features(pair, args.judge, data, folder=args.out, judge=True).features
        report["judge"] = judge_again(judge, pair, result, data, args.seed)
    report["diagnosis"] = diagnose_run(pair, result, data, features)
    write_samples(folder, pair, result, report)
    dcd.plot_diagnostics(folder / "diagnosis.png", result, report["diagnosis"])
    picture = side_by_side(*as_bytes(pair, result))
    plot = (folder / "diagnosis.png").read_bytes()
    write_html(folder / "report.html", report, {"before (left) and after (right)": picture, "diagnosis": plot})
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
    return 0


def _read_split(path: str, split: str | None, expect: tuple[int, ...]) -> Images:
    from pairs import InputError
    from pairs.io.images import read_images

    if split is not None:
        return read_images(path, split, expect=expect)
    try:
        return read_images(path, "test", expect=expect)
    except InputError as error:
        if error.field != "split":
            raise
        return read_images(path, expect=expect)
