"""``ganrefine import``: turn foreign weights into a verified, sealed pair."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checkpoints.importing import Imported

__all__ = ["add_options", "run"]

SHIPPED = ("celeba32-lsgan", "mnist-mlp-gan", "mnist-wgan-gp")
"""Names of the manifests that come with the package."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("manifest", help=f"pair.toml that names weight files and layers, or one of {', '.join(SHIPPED)}")
    what.add_argument("--files", metavar="DIR", help="folder of the weight files (default: the manifest's)")
    what.add_argument(
        "--check", metavar="FILE", help="NPZ with stored z, x, score (and labels), which the pair must reproduce"
    )
    out = parser.add_argument_group("output")
    out.add_argument("--out", metavar="DIR", required=True, help="new directory for the pair (required)")
    out.add_argument("--overwrite", action="store_true", help="replace the checkpoint at --out")
    out.add_argument("--json", action="store_true", help="print the report alone, as JSON")


def run(args: argparse.Namespace) -> int:
    """Read, check, convert, seal."""
    from checkpoints import check_destination, save_pair
    from checkpoints.archive import read_archive_metadata
    from checkpoints.description import count
    from checkpoints.importing import import_files

    check_destination(args.out, args.overwrite)
    print(f"importing {args.manifest}", file=sys.stderr)
    made = import_files(args.manifest, args.files, args.check)
    path = save_pair(args.out, made.pair, args.overwrite)
    metadata = read_archive_metadata(path)
    report = {
        "pair": made.pair.name,
        "out": str(path),
        "sample_shape": list(made.pair.sample_shape),
        "critic_kind": made.pair.critic_kind,
        "classes": made.pair.classes,
        "parameters": count(metadata["leaves"]),
        "tree_digest": metadata["tree_digest"],
        **_account(made),
    }
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        _show(made)
        print(f"{report['parameters']:,} numbers, saved at {path}")
    return 0


def _account(made: Imported) -> dict[str, Any]:
    tables = {
        net: [{"layer": r.path, "kind": r.kind, "module": r.module, "tensors": list(r.tensors)} for r in rows]
        for net, rows in made.tables.items()
    }
    check = made.check and {"rows": made.check.rows, "samples": made.check.samples, "scores": made.check.scores}
    return {"tensors": tables, "notes": list(made.notes), "doubts": list(made.doubts), "check": check}


def _show(made: Imported) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for net, rows in made.tables.items():
        table = Table("layer", "kind", "module", "tensors", title=net, title_justify="left", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(v) for v in (row.path, row.kind, row.module, ", ".join(row.tensors))))
        console.print(table)
    for note in made.notes:
        console.print(Text(note))
    for doubt in made.doubts:
        console.print(Text(f"warning: {doubt}", style="bold"))
    if made.check is not None:
        scores = "" if made.check.scores is None else f", scores to {made.check.scores:.1e}"
        console.print(Text(f"reproduces {made.check.rows} stored rows: samples to {made.check.samples:.1e}{scores}"))
    console.print(Text(repr(made.pair)))
