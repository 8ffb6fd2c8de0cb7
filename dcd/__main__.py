"""``python -m dcd``: refine samples, adapt a critic, tune the chain."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pairs.command import Parser, guard

from .commands.adapt import add_adapt
from .commands.refine import add_refine
from .commands.tune import add_tune

__all__ = ["main"]


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m dcd", description="Better samples from a GAN somebody already trained.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (add_refine, add_adapt, add_tune):
        add(commands)
    args: argparse.Namespace = parser.parse_args(argv)
    return args.run(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
