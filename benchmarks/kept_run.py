"""``DIR/work``: what a command has finished, so that the same command goes on after a stop of any kind."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path

from pairs import Pair
from pairs.digests import tree_digest, whole_digest
from pairs.io.images import Images
from pairs.io.work import Work
from pairs.io.work_folder import work_folder

__all__ = ["WORK", "run_folder"]

WORK = "work"
"""Name of the folder in that of ``--out``."""
_ELSEWHERE = ("pair", "data", "files", "factory", "features", "judge")
"""Arguments that are told by their content: paths may be written in several ways."""
_SHOWN = ("out", "json", "keep_work")
"""Arguments that change nothing of what is computed."""


def run_folder(command: str, args: argparse.Namespace, pair: Pair, images: Images) -> AbstractContextManager[Work]:
    """Claim ``DIR/work`` for a command line, before anything is computed.

    Args:
      command: Name of the command.
      args: Its arguments.
      pair: What PAIR says.
      images: What DATA says.

    Raises:
      InputError: Another command line was at work there, or is; the first option that differs is named.
    """
    options = {k: v for k, v in vars(args).items() if k not in (*_ELSEWHERE, *_SHOWN)}
    run = {f"--{k.replace('_', '-')}": str(v) if isinstance(v, Path) else v for k, v in options.items()}
    run |= {"command": command, "PAIR": whole_digest(pair), "DATA": tree_digest(images.name, (images.x, images.labels))}
    return work_folder(args.out / WORK, run, keep=args.keep_work, field="out")
