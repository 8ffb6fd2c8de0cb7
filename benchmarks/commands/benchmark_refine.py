"""``ganrefine benchmark refine``: quality before and after refinement, on real data."""

from __future__ import annotations

import argparse

from .options import SAMPLES, add_chain, add_data, add_features, add_output, add_pair, add_tuned

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "that of --tuned")
    add_data(what, "real images to compare with", "test")
    what.add_argument("--n", type=SAMPLES, default=10_000, help="samples (default 10,000)")
    add_tuned(what)
    add_features(what)
    add_features(what, "--judge", "a second feature net, that took no part in tuning")
    add_chain(parser)
    add_output(parser, "benchmark")


def run(args: argparse.Namespace) -> int:
    """Measure and write the report, its page and its pictures."""
    import sys

    import dcd
    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json

    from ..estimates import check_refinement
    from ..evaluation import as_reference
    from ..further_figures import further_figures
    from ..inputs import choose_features, read_data, require_critic, tuned_or_settings
    from ..refinement import LEAST, as_bytes, diagnose_run, judge_again, refine_and_judge, write_samples
    from ..refinement_page import say_what_came_out, write_refinement_page
    from ..streaming import refuse_shards

    folder = check_out(args.out)
    refuse_shards(folder)
    pair, config, budget, _ = tuned_or_settings(args)
    image_range(pair)
    require_critic(pair)
    estimate = check_refinement(pair, config, args.n, args.batch)
    data = read_data(args, args.data, "test", expect=pair.sample_shape, least=LEAST)
    features = choose_features(pair, args.features, data, folder=args.out).features
    judge = choose_features(pair, args.judge, data, folder=args.out, judge=True).features if args.judge else None
    say_replaced(folder, "report.html", "report.json", "grid.png", "samples.npz")
    if not args.json:
        print(estimate.line, file=sys.stderr)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )
    if judge is not None:
        report["judge"] = judge_again(judge, pair, result, data, args.seed)
    before, after = as_bytes(pair, result)
    sides = {"before": before, "after": after}
    rows = {side: features(x) for side, x in sides.items()}
    report["further"] = further_figures(features, sides, rows, as_reference(features, data), args.seed)
    report["diagnosis"] = diagnose_run(pair, result, data, features)
    write_samples(folder, pair, result, report)
    dcd.plot_diagnostics(folder / "diagnosis.png", result, report["diagnosis"])
    curves = "score, energy and moves of every step; scores, latents and classes before, after and of real images"
    plots = {curves: (folder / "diagnosis.png").read_bytes()}
    write_refinement_page(folder / "report.html", pair, report, result, plots)
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
        print("\n".join(say_what_came_out(report)))
        print(f"wrote report.html, report.json, grid.png, samples.npz to {folder}")
    return 0
