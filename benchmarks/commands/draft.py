"""``ganrefine draft``: write the manifest of bare weights."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from .argument_types import FilePath, PathText, Text
from .options import DATA, add_data_options, add_report, add_seed

__all__ = ["add_options", "run"]

ENDS = ("tanh", "sigmoid", "none")
"""Ends that :func:`checkpoints.draft_manifest` knows."""
KINDS = ("wasserstein", "logit", "energy", "least_squares")
"""Names of :data:`pairs.CriticKind`."""
ROWS = 512
"""Images that are drawn from DATA."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument("generator", type=PathText(), help="weight file of the generator (PyTorch, safetensors, NPZ)")
    what.add_argument(
        "critic", type=PathText(), nargs="?", help="weight file of the critic or discriminator, where there is one"
    )
    what.add_argument(
        "--sample",
        required=True,
        type=_shape,
        metavar="HxWxC",
        help="shape of a sample, such as 28x28x1; 128x2 for sequences, 2 for points",
    )
    what.add_argument(
        "--data",
        type=PathText(),
        metavar="DATA",
        help=f"real images that decide what shapes leave open, by the samples nearest to them: {DATA}",
    )
    add_data_options(what, "train", f"{ROWS}")
    what.add_argument(
        "--generator-key", type=Text(), metavar="KEY", help="part of the generator's file that is the state dict"
    )
    what.add_argument(
        "--critic-key", type=Text(), metavar="KEY", help="part of the critic's file that is the state dict"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--end", choices=ENDS, help="end of the generator (default: as DATA say, else tanh)")
    how.add_argument(
        "--critic-kind", choices=KINDS, help="what a score means (default: as the scores on DATA say, else logit)"
    )
    add_seed(how)
    out = parser.add_argument_group("output")
    out.add_argument("--out", metavar="FILE", type=FilePath(), help="manifest to write (default: print it)")
    add_report(out)


def run(args: argparse.Namespace) -> int:
    """Draft, and say what was read off, inferred and guessed."""
    from checkpoints.drafts.drafting import draft_manifest
    from pairs import InputError
    from pairs.errors import printable
    from pairs.io.files import write_bytes
    from pairs.io.next_steps import data_words, next_step

    out = args.out
    if out is not None and out.exists():
        raise InputError("out", f"'{out}' exists", "give another path")
    data = _data(args)
    made = draft_manifest(
        args.generator,
        args.critic,
        args.sample,
        end=args.end,
        critic_kind=args.critic_kind,
        keys=(args.generator_key, args.critic_key),
        folder=Path.cwd() if out is None else out.parent,
        data=data,
        on_progress=None if args.json else lambda words: print(words, file=sys.stderr),
    )
    if out is not None:
        write_bytes(out, made.text.encode())
    if args.json:
        said = {"read": made.read, "inferred": made.inferred, "guessed": made.guessed}
        ranking = [dataclasses.asdict(answer) for answer in made.ranking]
        report = {"manifest": made.text, **{k: list(v) for k, v in said.items()}, "ranking": ranking}
        print(json.dumps(report, indent=1))
        return 0
    if out is None:
        print(made.text)
    for word, lines in (("read off", made.read), ("inferred", made.inferred), ("guessed", made.guessed)):
        for line in lines:
            print(printable(f"{word}: {line}"), file=sys.stderr)
    for answer in made.ranking:
        print(printable(f"ranking: {answer}"), file=sys.stderr)
    if out is not None:
        print(f"{out} written; check what was guessed; stored outputs (--check FILE) prove it", file=sys.stderr)
        known = [] if args.data is None else ["--data", *data_words(args)]
        print(next_step("import", out, "--out", f"{out.with_suffix('')}-imported", *known), file=sys.stderr)
    return 0


def _data(args: argparse.Namespace) -> Any:
    """Some of DATA as bytes."""
    from ..inputs import read_data, refuse_data_options

    if args.data is None:
        refuse_data_options(args, "--data")
        return None
    return read_data(args, args.data, "train", expect=args.sample, limit=ROWS).x


def _shape(text: str) -> tuple[int, ...]:
    sides = text.lower().split("x")
    if len(sides) > 3 or not all(s.isdecimal() and len(s) < 5 and int(s) for s in sides):
        raise argparse.ArgumentTypeError(f"is {text[:40]!r}; give HxWxC, LxC or N, whole numbers from 1 to 9,999")
    return tuple(int(s) for s in sides)
