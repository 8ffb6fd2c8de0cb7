"""Options that several commands share. Nothing here needs JAX, so help pages come at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from .argument_types import Count, FilePath, Interval, Number, PathText, Text

__all__ = [
    "BATCH",
    "DATA",
    "NUMBER",
    "PRESET_NAMES",
    "SAMPLES",
    "SPLITS",
    "STEPS",
    "WEIGHT",
    "add_chain",
    "add_data",
    "add_data_options",
    "add_features",
    "add_files",
    "add_keep_work",
    "add_output",
    "add_pair",
    "add_report",
    "add_seed",
    "add_tuned",
]

PRESET_NAMES = (
    "ddls",
    "ddls-mala",
    "dcd-latent",
    "dcd-pixel",
    "dcd-toy",
    "dgflow-js",
    "dgflow-kl",
    "dgflow-logd",
    "dot",
    "gebm",
    "latent",
    "repgan",
    "ttc",
)
"""Names of :data:`dcd.PRESETS`."""

SPLITS = ("train", "test", "validation")
"""Splits that file and folder names tell apart."""

PAIR = "a bundled name, a stored pair or a pair.toml"
DATA = "a folder or file of IDX, NPZ or PNG/JPEG (points and series: NPZ, NPY or CSV)"

SAMPLES = Count(6, 10**9)
"""Bounds of a number of samples: distances need a distribution, and noise is numbered by 32 bits."""
STEPS = Count(0, 10**6)
"""Bounds of a chain's length."""
NUMBER = Count(1, 10**9)
"""Bounds of a number of updates or images."""
BATCH = Count(1, 2**16)
"""Bounds of what is computed side by side."""
WEIGHT = Number(0, 1e6)
"""Bounds of a weight or temperature."""


def add_pair(parser: argparse.ArgumentParser, default: str | None = None) -> argparse._ArgumentGroup:
    """PAIR and ``--files``; PAIR may be left out where ``default`` says what is taken then."""
    group = parser.add_argument_group("what")
    if default is None:
        group.add_argument("pair", metavar="PAIR", type=PathText(), help=PAIR)
    else:
        group.add_argument("pair", metavar="PAIR", type=PathText(), nargs="?", help=f"{PAIR} (default: {default})")
    files = "folder of the weight files, where PAIR is a manifest"
    group.add_argument("--files", type=FilePath(), metavar="DIR", help=files)
    code = "your own code, which is run, where PAIR was imported with it: the function that returns its Flax modules"
    group.add_argument("--factory", type=Text(1, 400), metavar="FILE.py:FUNCTION", help=code)
    return group


def add_data(group: argparse._ArgumentGroup, words: str, split: str, limit: str = "all") -> None:
    """DATA and the options about it."""
    group.add_argument("data", metavar="DATA", type=PathText(), help=f"{words}: {DATA}")
    add_data_options(group, split, limit)


def add_data_options(group: argparse._ArgumentGroup, split: str, limit: str = "all", of: str = "DATA") -> None:
    """``--split``, ``--array`` and ``--limit``, the same on every command that reads images.

    Args:
      group: Where the options go.
      split: The default split, for the help page.
      limit: The default limit, for the help page.
      of: What the limit and the array are of, for the help page.
    """
    taken = f"split of DATA: {', '.join(SPLITS)} (default: {split}, where there is one)"
    group.add_argument("--split", choices=SPLITS, metavar="NAME", help=taken)
    named = f"array of {of} in an NPZ file (default: the first of x, images, arr_0, after)"
    group.add_argument("--array", type=Text(), metavar="NAME", help=named)
    drawn = f"use at most so many images of {of}, drawn by the seed without replacement (default: {limit})"
    group.add_argument("--limit", type=NUMBER, metavar="N", help=drawn)


def add_tuned(group: argparse._ArgumentGroup) -> None:
    """``--tuned`` and ``--anyway``."""
    tuned = "tuned.toml of 'ganrefine tune': pair, critic, chain"
    group.add_argument("--tuned", type=FilePath(), metavar="FILE", help=tuned)
    group.add_argument("--anyway", action="store_true", help="use its best setting even where it proved no gain")


def add_features(
    group: argparse._ArgumentGroup,
    flag: str = "--features",
    words: str = "feature net that judges: a bundled name or a folder",
) -> None:
    """``--features``, or another option that names a feature net."""
    group.add_argument(flag, metavar="NET", type=PathText(), help=words)


def add_chain(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The chain's settings."""
    group = parser.add_argument_group("how")
    presets = f"{', '.join(PRESET_NAMES)} (default latent)"
    group.add_argument("--preset", choices=PRESET_NAMES, metavar="NAME", help=presets)
    group.add_argument("--steps", type=STEPS, help="number of steps (default: the preset's)")
    size = "eta in x + eta * grad + sqrt(2 eta T) * noise"
    group.add_argument("--step-size", type=Number(1e-12, 1e6), help=size)
    group.add_argument("--temperature", type=WEIGHT, help="T in the same formula")
    group.add_argument("--critic-scale", type=Number(-1e6, 1e6), help="factor on the critic's score")
    group.add_argument("--prior-weight", type=WEIGHT, help="weight of the prior's log density (latent space)")
    group.add_argument("--metropolis", action="store_true", default=None, help="accept or reject each step (MALA)")
    still = "coordinates A to B - 1 of the state do not move"
    group.add_argument("--hold", type=Interval(10**9), metavar="A:B", help=still)
    group.add_argument("--batch", type=BATCH, default=64, help="chains moved together (default 64)")
    return group


def add_files(parser: argparse.ArgumentParser, out: str | None) -> argparse._ArgumentGroup:
    """``--out`` and ``--json``; ``--out`` is required where no folder is the default."""
    group = parser.add_argument_group("output")
    where = "required" if out is None else f"default {out}"
    group.add_argument(
        "--out",
        type=FilePath(),
        metavar="DIR",
        default=out and Path(out),
        required=out is None,
        help=f"folder to write to ({where})",
    )
    add_report(group)
    return group


def add_report(group: argparse._ArgumentGroup) -> None:
    """``--json``."""
    group.add_argument("--json", action="store_true", help="print the report alone on standard output")


def add_seed(group: argparse._ArgumentGroup) -> None:
    """``--seed``."""
    # keys hold 32 bits: a longer seed would silently be cut to the key of a shorter one
    group.add_argument(
        "--seed", type=Count(0, 2**32 - 1), default=0, help="a run is a function of its seed (default 0)"
    )


def add_keep_work(group: argparse._ArgumentGroup) -> None:
    """``--keep-work``."""
    kept = "keep DIR/work, from which a stopped run goes on, where the run has ended"
    group.add_argument("--keep-work", action="store_true", help=kept)


def add_output(parser: argparse.ArgumentParser, out: str | None) -> argparse._ArgumentGroup:
    """``--seed``, ``--out``, ``--json``."""
    group = add_files(parser, out)
    add_seed(group)
    return group
