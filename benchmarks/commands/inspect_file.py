"""``ganrefine inspect``: show what a weight file, a manifest or a stored pair holds."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .argument_types import PathText

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("path", type=PathText(), help="file, directory, or name of a bundled pair")
    parser.add_argument("--json", action="store_true", help="print the report alone, as JSON")


def run(args: argparse.Namespace) -> int:
    """Describe the file."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from checkpoints.description import count, describe

    report = describe(args.path)
    if args.json:
        print(json.dumps(report, indent=1))
        return 0

    # a file or a pipe has no width at which a name should break
    console = Console(markup=False, width=None if sys.stdout.isatty() else 10_000)
    console.print(Text(f"{report['kind']}: {report['path']}", style="bold"))
    about = Table(box=None, pad_edge=False, show_header=False)
    about.add_column(overflow="fold")
    about.add_column(overflow="fold")
    for name, value in _rows(report["about"]):
        about.add_row(Text(name), Text(value))
    if about.row_count:
        console.print(about)
    tensors = Table(title=f"{count(report['tensors']):,} numbers", title_justify="left")
    for name in ("tensor", "shape", "dtype"):
        tensors.add_column(name, overflow="fold")
    for name, entry in report["tensors"].items():
        tensors.add_row(Text(name), Text(str(entry["shape"])), Text(entry["dtype"]))
    console.print(tensors)
    return 0


def _rows(values: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(values, dict):
        return [row for k, v in values.items() for row in _rows(v, f"{name}.{k}" if name else str(k))]
    if isinstance(values, list) and values and all(isinstance(v, (dict, str)) for v in values):
        return [(f"{name}[{i}]", v if isinstance(v, str) else json.dumps(v)) for i, v in enumerate(values)]
    return [(name, values if isinstance(values, str) else json.dumps(values))]
