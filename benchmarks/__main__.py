"""``python -m benchmarks``: quality and speed, before and after.

Each subcommand lives in a module with ``add_parser(subparsers)`` and ``run(args) -> int``.
Exit code 0 success, 2 bad input (one line), 1 anything else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from pairs.command import Parser, guard

__all__ = ["main"]

COMMANDS = (
    "benchmarks.evaluate",
    "benchmarks.refine",
    "benchmarks.speed",
    "benchmarks.interpolate",
    "benchmarks.features.train",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and turn :class:`pairs.InputError` into exit code 2."""
    return guard(_run, argv)


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m benchmarks", description="Quality and speed, before and after.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(name).add_parser(subparsers)
    args = parser.parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
