"""Options of ``ganrefine path`` that would do nothing or fail after the work: each is refused before, in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

from interp.presets import PRESETS
from pairs import InputError, Pair

from ..inputs import refuse_data_options

__all__ = ["check_options", "check_with_pair"]

_LEAST_NODES = 10
_NEEDS_CRITIC = ("through", "classifier", "ratio", "shape", "strength", "refined")


def check_options(args: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is read.

    Args:
      args: Arguments of the command.

    Raises:
      InputError: An option would do nothing beside the others, or could not be served after the work.
    """
    if args.data is None and not isinstance(args.through, Path):
        refuse_data_options(args, "DATA, or images for --through")
    if args.data is None:
        _refuse(args, ("updates", "critic_on", "kept"), "is given without DATA", "name real images after PAIR")
    if args.mode == "none":
        _refuse(args, (*_NEEDS_CRITIC, "critic", "updates", "critic_on"), "is given with --mode none")
    if args.critic == "own":
        _refuse(args, ("updates", "critic_on"), "is given with --critic own")
    if args.through is not None:
        _refuse(args, ("refined",), "is given with --through")
    mode = args.mode or ("conformal" if args.preset is None else PRESETS[args.preset].mode)
    if mode in ("additive", "potential"):
        _refuse(args, ("ratio", "shape"), f"is given for the {mode} mode, whose weight is --strength alone")
    if mode == "conformal":
        remedy = "leave it out, or use --mode additive or potential"
        _refuse(args, ("strength",), "is given for the conformal mode, whose weight is --ratio and --shape", remedy)
    legs = 1 + len(args.via or ()) + bool(args.loop)
    if args.data is not None and args.points is not None and legs * (args.points - 1) < 2:
        raise InputError("--points", "is 2 with DATA, so no frame between the ends could be judged", "give 3 or more")
    if args.refined and args.refined < _LEAST_NODES:
        remedy = f"give {_LEAST_NODES} or more, or leave it out"
        raise InputError("--refined", f"is {args.refined}, too few for a graph", remedy)


def check_with_pair(args: argparse.Namespace, pair: Pair) -> None:
    """Refuse options about the critic of a path that can have none.

    Args:
      args: Arguments of the command.
      pair: The unconditional pair of the path.

    Raises:
      InputError: Such an option is given.
    """
    if pair.has_critic or args.data is not None or args.mode == "none":
        return
    remedy = "leave it out, or give DATA, on which a critic is trained"
    _refuse(args, (*_NEEDS_CRITIC, "mode", "preset"), "is given for a path whose pair has no critic", remedy)


def _refuse(args: argparse.Namespace, names: tuple[str, ...], problem: str, remedy: str | None = None) -> None:
    for name in names:
        value = getattr(args, name)
        if value is None or (name, value) in (("critic", "auto"), ("critic_on", "auto"), ("refined", 0)):
            continue
        raise InputError(f"--{name.replace('_', '-')}", problem, remedy or "leave one of them out")
