"""What every command line here shares: one-line errors with exit code 2, early checks."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from ..errors import InputError
from .paths import as_path
from .signals import signals_raise

__all__ = [
    "Command",
    "Parser",
    "check_out",
    "guard",
    "join_negative",
    "run_command",
    "seed_number",
]

AGAIN = "nothing is lost but time: the same command begins anew, and the same seed gives the same result"
"""How to go on after a command that keeps nothing on its way; a command that does says so in ``GO_ON``."""
_CHOICE = re.compile(r"invalid choice: (.*) \(choose from (.*)\)", re.DOTALL)
_QUOTE = "'"
_REMEDIES = ("give ", "use ", "write ")
_LONGEST = 300


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
        choice = _CHOICE.fullmatch(problem)
        if choice:
            problem = f"is {choice[1]}; use one of {choice[2].replace(_QUOTE, '')}"
        said, _, remedy = problem.rpartition("; ")
        if not (said and remedy.startswith(_REMEDIES)):
            said, remedy = problem, f"see {self.prog} --help"
        if len(said) > _LONGEST:
            said = f"{said[:_LONGEST]}..."
        raise InputError(field.removeprefix("argument "), said, remedy)


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


def run_command(command: Command, prog: str, about: str, argv: Sequence[str]) -> int:
    """Parse the arguments of one command and run it.

    Args:
      command: A module with ``add_options(parser)`` and ``run(args) -> int``.
      prog: What the user typed before the arguments.
      about: One line for the help page.
      argv: The arguments.

    Returns:
      The exit code: that of the command, or as :func:`guard` says.
    """
    parser = Parser(prog=prog, description=f"{about[:1].upper()}{about[1:]}.")
    command.add_options(parser)

    def parsed(given: Sequence[str] | None) -> argparse.Namespace:
        args = parser.parse_args(given)
        for name, value in vars(args).items():
            if value == []:  # argparse takes the value of --name=-- for the end of options
                raise InputError(f"--{name.replace('_', '-')}", "is --", "give another value")
        return args

    return guard(lambda given: command.run(parsed(given)), join_negative(argv), getattr(command, "GO_ON", AGAIN))


def guard(run: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None, go_on: str = AGAIN) -> int:
    """Call ``run``; bad input and signals are one line on standard error.

    Args:
      run: Takes the arguments and returns the exit code.
      argv: The arguments.
      go_on: What a line about a signal says about going on.

    Returns:
      The exit code of ``run``; 2 for bad input and for files that cannot be read or written, 130 after SIGINT, 143
      after SIGTERM, 1 where memory ran out or the reader of standard output went away.
    """
    came: list[int] = []
    try:
        with signals_raise(came):
            return run(argv)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or came:  # code that was interrupted may have made another error of it
            number = signal.Signals(came[0] if came else signal.SIGINT)
            print(f"stopped by {number.name}; {go_on}", file=sys.stderr)
            return 128 + number
        return _ended(error)


def _ended(error: BaseException) -> int:
    """Say in one line what a user can put right, and return the exit code; raise everything else again."""
    match error:
        case InputError():
            line, code = str(error), 2
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case OSError(filename=str(name), strerror=str(reason)):
            line, code = str(InputError(name, reason, "check the path, who may use it and the room on its disk")), 2
        case MemoryError():
            line, code = "memory: ran out; give a smaller number of samples or a smaller --batch", 1
        case _:
            raise error
    print(f"error: {line}", file=sys.stderr)
    return code


def check_out(folder: str | os.PathLike[str]) -> Path:
    """The folder as an absolute path, if files can be written there; nothing is made yet.

    Raises:
      InputError: it is a file, or it or the nearest folder above it is not writable.
    """
    path = as_path("out", folder).absolute()
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
