"""``ganrefine benchmark leaderboard``: all methods at equal gradient budgets, on the own and on a recovered critic."""

from __future__ import annotations

import argparse

from .argument_types import Count, Number
from .options import BATCH, NUMBER, add_data, add_features, add_output, add_pair

__all__ = ["add_options", "run"]

GO_ON = "the same command goes on after the last finished entry"
"""What is said after a signal."""

COUNT = Count(6, 2**19)
"""Bounds of the numbers of samples: selections number them up to 2^20, and those of tries begin in the middle."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    add_data(what, "real images, for critics and judges", "train for critics and test for judges", "20,000")
    add_features(what, words="feature net that chooses step sizes: a bundled name or a folder")
    add_features(what, "--judge", "feature net that judges: another one")
    how = parser.add_argument_group("how")
    spent = "gradient evaluations per sample (default 5 20 60)"
    how.add_argument("--budgets", type=Number(1, 10**5), nargs="+", metavar="B", default=[5.0, 20.0, 60.0], help=spent)
    how.add_argument("--n", type=COUNT, default=2000, help="samples of each method (default 2,000)")
    how.add_argument("--tried", type=COUNT, default=400, help="samples of each try (default 400)")
    how.add_argument("--critic-steps", type=NUMBER, default=3000, help="updates of the recovered one (default 3,000)")
    how.add_argument("--batch", type=BATCH, default=100, help="samples moved together (default 100)")
    add_output(parser, "leaderboard")


def run(args: argparse.Namespace) -> int:
    """Compare, print the table, write ``report.json`` and ``leaderboard.png``; finished entries are kept."""
    import dataclasses
    import sys
    import time

    import jax

    import dcd
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.files import write_bytes
    from pairs.io.progress_bars import progress, stages
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..estimates import check_refinement
    from ..inputs import load
    from ..leaderboard.board import METHODS, Protocol, leaderboard
    from ..leaderboard.critics import board_critics
    from ..leaderboard.real_data import board_data
    from ..leaderboard.showing import cost_plot, print_board

    folder = check_out(args.out)
    pair = load(args.pair, args.files, args.factory)
    protocol = Protocol(tuple(sorted(set(args.budgets))), args.n, args.tried, args.seed, args.batch)
    chain = dcd.preset("ddls").replace(steps=int(max(protocol.budgets)))
    estimate = check_refinement(pair, chain, args.n, args.batch)
    data, halves, names = board_data(args, pair, folder)
    say_replaced(folder, "report.json", "leaderboard.png")
    runs = (1 + pair.has_critic) * len(METHODS)
    drawn = args.n + len(METHODS[0].values) * args.tried
    estimate = dataclasses.replace(estimate, evaluations=int(runs * drawn * sum(protocol.budgets)))
    if not args.json:
        print(estimate.line, file=sys.stderr)
    began = time.monotonic()
    with progress() as bar:
        bar.disable = args.json
        show = stages(bar)
        critics, about = board_critics(
            pair,
            data,
            jax.random.key(args.seed),
            folder,
            args.critic_steps,
            lambda move, done, total, _: show(move, done, total),
        )
        found = leaderboard(
            critics,
            data,
            halves,
            folder / "entries",
            protocol,
            METHODS,
            on_progress=lambda words, share: show(words, round(1000 * share), 1000),
        )
    for name, short in about.items():
        found["critics"][name] |= short
    report = {
        "pair": pair.name,
        **names,
        "n": args.n,
        "tried": args.tried,
        "seed": args.seed,
        "budgets": list(protocol.budgets),
        "training": vars(protocol.training),
        **found,
        "seconds": time.monotonic() - began,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(folder / "report.json", report)
    write_bytes(folder / "leaderboard.png", cost_plot(report))
    if args.json:
        print(to_json(report), end="")
    else:
        print_board(report)
        print(f"wrote report.json and leaderboard.png to {folder}")
    return 0
