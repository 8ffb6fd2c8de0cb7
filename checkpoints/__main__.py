"""``python -m checkpoints``: import foreign weights, inspect files.

Exit code 0 success, 2 bad input (one line on standard error), 1 anything else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from pairs import InputError

from .archive import check_destination, read_archive_metadata
from .describe import count, describe
from .manifest import import_manifest, shipped_manifests
from .store import save_pair

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, call and print."""
    parser = argparse.ArgumentParser(prog="python -m checkpoints", description="Files to pairs, safely.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("import", help="turn foreign weights into a verified pair")
    command.add_argument(
        "manifest", help=f"pair.toml that names weight files and layers, or one of {', '.join(shipped_manifests())}"
    )
    command.add_argument("--files", metavar="DIR", help="folder of the weight files (default: the manifest's)")
    command.add_argument("--out", metavar="DIR", required=True, help="new directory for the pair")
    command.add_argument("--overwrite", action="store_true", help="replace the checkpoint at --out")
    command.add_argument("--json", action="store_true", help="print the report alone, as JSON")
    command.set_defaults(run=_import)
    command = commands.add_parser("inspect", help="show what a weight file, manifest or checkpoint holds")
    command.add_argument("path", help="file, directory, or name of a bundled pair")
    command.add_argument("--json", action="store_true", help="print the report alone, as JSON")
    command.set_defaults(run=_inspect)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _import(args: argparse.Namespace) -> None:
    check_destination(args.out, args.overwrite)
    print(f"importing {args.manifest}", file=sys.stderr)
    pair = import_manifest(args.manifest, args.files)
    path = save_pair(args.out, pair, args.overwrite)
    metadata = read_archive_metadata(path)
    report = {
        "pair": pair.name,
        "out": str(path),
        "sample_shape": list(pair.sample_shape),
        "critic_kind": pair.critic_kind,
        "parameters": count(metadata["leaves"]),
        "tree_digest": metadata["tree_digest"],
    }
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        print(f"{report['pair']}: {report['parameters']:,} numbers, samples {pair.sample_shape}, saved at {path}")


def _inspect(args: argparse.Namespace) -> None:
    report = describe(args.path)
    if args.json:
        print(json.dumps(report, indent=1))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(f"{report['kind']}: {report['path']}", style="bold"))
    about = Table(box=None, pad_edge=False, show_header=False)
    about.add_column(overflow="fold")
    about.add_column(overflow="fold")
    for name, value in _rows(report["about"]):
        about.add_row(Text(name), Text(value))
    if about.row_count:
        console.print(about)
    tensors = Table("tensor", "shape", "dtype", title=f"{count(report['tensors']):,} numbers", title_justify="left")
    for name, entry in report["tensors"].items():
        tensors.add_row(Text(name), Text(str(entry["shape"])), Text(entry["dtype"]))
    console.print(tensors)


def _rows(values: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(values, dict):
        return [row for k, v in values.items() for row in _rows(v, f"{name}.{k}" if name else str(k))]
    if isinstance(values, list) and values and all(isinstance(v, (dict, str)) for v in values):
        return [(f"{name}[{i}]", v if isinstance(v, str) else json.dumps(v)) for i, v in enumerate(values)]
    return [(name, values if isinstance(values, str) else json.dumps(values))]


if __name__ == "__main__":
    sys.exit(main())
