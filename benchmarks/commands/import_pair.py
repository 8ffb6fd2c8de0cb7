"""``ganrefine import``: turn foreign weights into a verified, sealed pair."""

from __future__ import annotations

import argparse
import json
import sys

__all__ = ["add_options", "run"]

SHIPPED = ("mnist-mlp-gan", "mnist-wgan-gp")
"""Names of the manifests that come with the package."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("manifest", help=f"pair.toml that names weight files and layers, or one of {', '.join(SHIPPED)}")
    what.add_argument("--files", metavar="DIR", help="folder of the weight files (default: the manifest's)")
    out = parser.add_argument_group("output")
    out.add_argument("--out", metavar="DIR", required=True, help="new directory for the pair (required)")
    out.add_argument("--overwrite", action="store_true", help="replace the checkpoint at --out")
    out.add_argument("--json", action="store_true", help="print the report alone, as JSON")


def run(args: argparse.Namespace) -> int:
    """Read, check, convert, seal."""
    from checkpoints import check_destination, import_manifest, save_pair
    from checkpoints.archive import read_archive_metadata
    from checkpoints.description import count

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
    return 0
