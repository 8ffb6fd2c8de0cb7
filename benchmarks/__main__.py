"""``python -m benchmarks``: quality and speed, before and after.

Each subcommand lives in a module with ``add_parser(subparsers)`` and ``run(args) -> int``.
Exit code 0 success, 2 bad input (one line), 1 anything else.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from pairs import InputError

__all__ = ["main"]

COMMANDS = (
    "benchmarks.evaluate",
    "benchmarks.features.train",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and turn :class:`pairs.InputError` into exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Quality and speed, before and after.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(name).add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
