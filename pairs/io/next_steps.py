"""The command that comes next, as it can be pasted into a shell."""

from __future__ import annotations

import argparse
import shlex

__all__ = ["data_words", "factory_words", "next_step"]


def next_step(*words: object) -> str:
    """A line that begins with ``next:`` and holds a whole command, its words quoted where a shell needs it.

    Args:
      words: The command's name and its arguments.

    Example:
      >>> next_step("refine", "my pair", "--n", 20)
      "next: ganrefine refine 'my pair' --n 20"
    """
    return f"next: {shlex.join(['ganrefine', *map(str, words)])}"


def data_words(args: argparse.Namespace) -> list[str]:
    """DATA as it was given, with the array that was named; another command has splits and limits of its own."""
    return [args.data, *(["--array", args.array] if args.array else [])]


def factory_words(args: argparse.Namespace) -> list[str]:
    """The user's own code as it was given, which every command on the pair needs."""
    return ["--factory", args.factory] if args.factory else []
