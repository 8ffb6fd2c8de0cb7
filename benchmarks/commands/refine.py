"""``ganrefine refine``: draw samples, refine them, measure them before and after."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcd import Langevin
    from pairs import Pair
    from pairs.io.images import Images

    from ..features import Features

from .argument_types import Count, Part, PathText
from .options import DATA, SAMPLES, add_chain, add_data_options, add_features, add_output, add_pair, add_tuned

__all__ = ["add_options", "run"]

GO_ON = "the same command gives the same result; a run in shards goes on from those that are finished"


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
    out = add_output(parser, "refined")
    shards = "write files of so many samples (above 50,000: about 1,000), which needs no more memory for more samples"
    out.add_argument("--shard", type=Count(1, 10**6), metavar="N", help=shards)
    part = "compute part I of N of the shards, beside others; auto asks the scheduler; the last measures the whole"
    out.add_argument("--part", type=Part(10**6), metavar="I/N", help=part)


def run(args: argparse.Namespace) -> int:
    """Draw, refine, measure, write ``grid.png``, ``samples.npz`` or shards, and ``report.json``."""
    import sys

    import numpy as np

    from pairs.checks import check_labels
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json

    from ..estimates import check_refinement
    from ..inputs import read_data, refuse_data_options, require_critic, tuned_or_settings
    from ..refinement import LEAST, refine_and_judge, write_samples
    from ..streaming import STREAMED, refuse_shards

    folder = check_out(args.out)
    if args.data is None:
        refuse_data_options(args, "--data")
    pair, config, budget, gain = tuned_or_settings(args)
    require_critic(pair)
    streamed = args.n > STREAMED or args.shard is not None or args.part is not None
    if not streamed:
        refuse_shards(folder)
    estimate = None if streamed else check_refinement(pair, config, args.n, args.batch)
    if args.label is not None:
        check_labels(pair, np.full(1, args.label), 1, "--label")
    data = None
    if args.data is not None:
        data = read_data(args, args.data, "test", expect=pair.sample_shape, least=LEAST, pair=pair)
    features, measured = _features(pair, args.features, data)
    if estimate is None:
        return _stream(args, folder, pair, config, budget, gain, features, measured, data)
    say_replaced(folder, "grid.png", "samples.npz", "report.json")
    if not args.json:
        print(estimate.line, file=sys.stderr)
    labels = None if args.label is None else np.full(args.n, args.label, np.int32)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget, labels
    )
    report["verified"], report["measured"] = gain is True, measured
    write_samples(folder, pair, result, report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    _say(args, pair, report, gain, f"wrote grid.png, samples.npz, report.json to {folder}")
    return 0


def _stream(
    args: argparse.Namespace,
    folder: Path,
    pair: Pair,
    config: Langevin,
    budget: float,
    gain: bool | None,
    features: Features | None,
    measured: str,
    data: Images | None,
) -> int:
    """The same in shards."""
    import sys

    from pairs.io.quality_table import print_report
    from pairs.io.reports import to_json, write_json

    from ..estimates import check_streaming
    from ..streaming import stream_and_judge, write_first_samples

    # whole batches: the chains that run side by side are those of a run in memory
    shard, part = args.shard or -(-1000 // args.batch) * args.batch, args.part or (1, 1)
    width = 0 if features is None else features.dim
    estimate = check_streaming(pair, config, args.n, args.batch, shard, folder, width, part[1])
    if not args.json:
        print(estimate.line, file=sys.stderr)
    more = {"shard": shard, "part": part, "batch": args.batch, "budget": budget, "label": args.label}
    done = stream_and_judge(pair, config, args.n, args.seed, folder, features, data, show=not args.json, **more)
    report = done.report
    if report is None:
        if args.json:
            print(to_json({"part": part, "shards": len(done.files), "missing": done.missing}), end="")
        else:
            count = "1 shard" if len(done.files) == 1 else f"{len(done.files)} shards"
            print(f"part {part[0]} of {part[1]} is done, {count} in {folder}; {done.missing} of other")
            print("parts are missing, and the part that ends last measures the whole")
        return 0
    report["verified"], report["measured"] = gain is True, measured
    write_first_samples(folder, pair)
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    files = report["shards"]["count"]
    _say(args, pair, report, gain, f"wrote {files:,} shards, index.json, grid.png, report.json to {folder}")
    return 0


def _say(args: argparse.Namespace, pair: Pair, report: dict[str, Any], gain: bool | None, wrote: str) -> None:
    """What stands below the table."""
    from rich.console import Console

    from pairs.io.next_steps import data_words, factory_words, next_step

    console, steps = Console(markup=False), report["config"]["steps"]
    console.print(report["measured"])
    console.print(wrote)
    if steps and ("amortised" in pair.record or "folded" in pair.record):
        console.print(
            "warning: this pair draws refined samples, and the chain applied its critic again; give --steps 0"
        )
    elif gain is None and not steps:
        console.print("no steps: these are the generator's samples, unchanged")
    elif gain is None:
        console.print("settings are the preset's, not verified for this pair: tune checks and improves them")
        if args.pair is not None and args.data is not None:
            files = [] if args.files is None else ["--files", args.files]
            print(next_step("tune", args.pair, *data_words(args), *files, *factory_words(args)))
    if gain is False:
        kept = "these are the generator's samples, unchanged" if steps == 0 else "its best setting was used anyway"
        console.print(f"tuning proved no gain: {kept}")
    if report["stopped"]:
        console.print(f"{report['stopped']} samples met NaN or infinity and rest at their last finite state")


def _features(pair: Pair, name: str | None, data: Images | None) -> tuple[Features | None, str]:
    """The feature net, if one fits, and a sentence on what is measured."""
    from pairs import InputError
    from pairs.checks import is_image

    from ..inputs import choose_features

    if not is_image(pair) and data is None:
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
