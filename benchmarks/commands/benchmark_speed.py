"""``ganrefine benchmark speed``: cost of a refinement step over its floor, and against PyTorch."""

from __future__ import annotations

import argparse

from .argument_types import Count
from .options import BATCH, add_output, add_pair

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "the bundled pair")
    what.add_argument("--batch", type=BATCH, default=64, help="chains moved together (default 64)")
    what.add_argument("--rounds", type=Count(1, 10**4), default=15, help="turns of all contestants (default 15)")
    what.add_argument("--torch", action="store_true", help="the same job in a PyTorch loop (extra 'peers')")
    add_output(parser, "benchmark")


def run(args: argparse.Namespace) -> int:
    """Measure, print, write ``report.json``."""
    from rich.console import Console
    from rich.table import Table

    import dcd
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..estimates import check_refinement
    from ..inputs import load
    from ..speed import measure

    folder = check_out(args.out)
    pair = load(args.pair, args.files, args.factory)
    for space in ("latent", "pixel"):
        check_refinement(pair, dcd.Langevin(space=space, steps=1), args.batch, args.batch)
    say_replaced(folder, "report.json")
    place = hardware()
    threads = place["cores"] if args.torch else None
    results = [measure(pair, space, args.batch, args.rounds, threads) for space in ("latent", "pixel")]
    found = versions()
    if args.torch:
        import importlib.metadata

        found["torch"] = importlib.metadata.version("torch")
    report = {"pair": pair.name, "seed": args.seed, "results": results, "versions": found, "hardware": place}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    for r in results:
        table = Table(title=f"{pair.name}, {r['space']} space, batch {r['batch']}, median of {r['rounds']} turns")
        table.add_column("what")
        table.add_column("value", justify="right")
        for name, value in r["ms_per_step"].items():
            table.add_row(f"{name}, ms per step on this machine", f"{value:.2f}")
        for name, value in r["ratio"].items():
            table.add_row(name, f"{value:.3f}")
        Console(markup=False).print(table)
    return 0
