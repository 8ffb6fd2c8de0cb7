"""``ganrefine draft``: write the manifest of bare weights."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .argument_types import FilePath, PathText, Text
from .options import add_report

__all__ = ["add_options", "run"]

ENDS = ("tanh", "sigmoid", "none")
"""Ends that :func:`checkpoints.draft_manifest` knows."""
KINDS = ("wasserstein", "logit", "energy", "least_squares")
"""Names of :data:`pairs.CriticKind`."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("generator", type=PathText(), help="weight file of the generator (PyTorch, safetensors, NPZ)")
    what.add_argument(
        "critic", type=PathText(), nargs="?", help="weight file of the critic or discriminator, where there is one"
    )
    what.add_argument(
        "--sample", required=True, type=_shape, metavar="HxWxC", help="shape of a sample, such as 28x28x1"
    )
    what.add_argument(
        "--generator-key", type=Text(), metavar="KEY", help="part of the generator's file that is the state dict"
    )
    what.add_argument(
        "--critic-key", type=Text(), metavar="KEY", help="part of the critic's file that is the state dict"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--end", default="tanh", choices=ENDS, help="end of the generator (default tanh)")
    how.add_argument("--critic-kind", default="logit", choices=KINDS, help="what a score means (default logit)")
    out = parser.add_argument_group("output")
    out.add_argument("--out", metavar="FILE", type=FilePath(), help="manifest to write (default: print it)")
    add_report(out)


def run(args: argparse.Namespace) -> int:
    """Draft, and say what was read off, inferred and guessed."""
    from checkpoints.drafts.drafting import draft_manifest
    from pairs import InputError
    from pairs.io.files import write_bytes

    out = args.out
    if out is not None and out.exists():
        raise InputError("out", f"'{out}' exists", "give another path")
    made = draft_manifest(
        args.generator,
        args.critic,
        args.sample,
        end=args.end,
        critic_kind=args.critic_kind,
        keys=(args.generator_key, args.critic_key),
        folder=Path.cwd() if out is None else out.parent,
    )
    if out is not None:
        write_bytes(out, made.text.encode())
    if args.json:
        said = {"read": made.read, "inferred": made.inferred, "guessed": made.guessed}
        print(json.dumps({"manifest": made.text, **{k: list(v) for k, v in said.items()}}, indent=1))
        return 0
    if out is None:
        print(made.text)
    for word, lines in (("read off", made.read), ("inferred", made.inferred), ("guessed", made.guessed)):
        for line in lines:
            print(f"{word}: {line}", file=sys.stderr)
    if out is not None:
        print(f"{out} written; check what was guessed, then: ganrefine import {out} --out DIR", file=sys.stderr)
    return 0


def _shape(text: str) -> tuple[int, int, int]:
    sides = text.lower().split("x")
    if len(sides) != 3 or not all(s.isdecimal() and len(s) < 5 and int(s) for s in sides):
        raise argparse.ArgumentTypeError(f"is {text[:40]!r}; give HxWxC, three whole numbers from 1 to 9,999")
    return int(sides[0]), int(sides[1]), int(sides[2])
