"""What every command line here shares: one-line errors with exit code 2, progress on standard error, early checks."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..errors import InputError

__all__ = [
    "Parser",
    "guard",
    "join_negative",
    "run_command",
    "Command",
    "check_out",
    "progress",
    "stages",
    "seed_number",
    "seed_or_path",
]


class Command(Protocol):
    """What a module of a command line offers."""

    def add_options(self, parser: Parser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command; the result is the exit code."""
        ...


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are :class:`InputError` lines."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        field, _, problem = message.partition(": ")
        if not problem or " " in field.replace("argument ", ""):
            field, problem = "arguments", message
        raise InputError(field.removeprefix("argument "), problem, f"see {self.prog} --help")


def join_negative(argv: Sequence[str]) -> list[str]:
    """Arguments, values that begin with a minus and a digit joined to their options: argparse would misread them.

    Example:
      >>> join_negative(["--range", "-1:1", "--step-size", "-1e-3", "--json"])
      ['--range=-1:1', '--step-size=-1e-3', '--json']
    """
    joined: list[str] = []
    for word in argv:
        option = joined[-1] if joined else ""
        if re.match(r"-\.?\d", word) and re.fullmatch(r"--[a-z][a-z-]*", option):
            joined[-1] = f"{option}={word}"
        else:
            joined.append(word)
    return joined


def seed_number(text: str) -> int:
    """A seed: keys hold 32 bits, so a longer one would silently be cut to the same key as a shorter."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**32 - 1}")
    return value


def seed_or_path(text: str) -> int | Path:
    """A seed where ``text`` is a number, else the path of a file.

    Example:
      >>> seed_or_path("7"), seed_or_path("a.png").name
      (7, 'a.png')
    """
    if text.lstrip("+-").isdigit():
        return seed_number(text)
    return Path(text).expanduser()


def run_command(command: Command, prog: str, about: str, argv: Sequence[str]) -> int:
    """Parse the arguments of one command and run it.

    Args:
      command: A module with ``add_options(parser)`` and ``run(args) -> int``.
      prog: What the user typed before the arguments.
      about: One line for the help page.
      argv: The arguments.

    Returns:
      The exit code: that of the command, 2 for bad input, which is one line on standard error.
    """
    parser = Parser(prog=prog, description=f"{about[:1].upper()}{about[1:]}.")
    command.add_options(parser)
    return guard(lambda given: command.run(parser.parse_args(given)), join_negative(argv))


def guard(run: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Call ``run``; bad input is one line on standard error and exit code 2."""
    try:
        return run(argv)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def check_out(folder: str | os.PathLike[str]) -> Path:
    """The folder as an absolute path, if files can be written there; nothing is made yet.

    Raises:
      InputError: it is a file, or it or the nearest folder above it is not writable.
    """
    path = Path(folder).expanduser().absolute()
    nearest = path
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError("out", f"'{nearest}' is a file", "give a folder")
    try:  # permissions, read-only mounts and special file systems all show here, and only here
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        problem = f"'{nearest}' is not writable ({error.strerror})"
        raise InputError("out", problem, "give a folder you may write to") from None
    return path


def progress() -> Progress:
    """A progress bar with time left, on standard error; a line at most every 15 seconds where that is a file."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console) if console.is_terminal else _Lines(console=console)


def stages(bar: Progress) -> Callable[[str, int, int], None]:
    """A bar for each move, made when it begins, so that time left is that move's own."""
    tasks: dict[str, TaskID] = {}

    def show(move: str, done: int, total: int) -> None:
        if move not in tasks:
            tasks[move] = bar.add_task(move, total=total)
        bar.update(tasks[move], completed=done)

    return show


class _Lines(Progress):
    """Progress as lines of a log: a bar redraws nothing there until it ends."""

    every = 15.0
    said = (0.0, "")

    def get_renderables(self) -> Iterable[RenderableType]:
        return ()

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        task = self._tasks[task_id]
        left = "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
        line = f"{task.description}: {task.percentage:.0f} %"
        due = time.monotonic() - self.said[0] >= self.every or task.percentage >= 100
        if self.disable or not task.total or not due or line == self.said[1]:
            return
        self.said = (time.monotonic(), line)
        print(line + left, file=sys.stderr, flush=True)
