"""Options that several commands share. Nothing here needs JAX, so help pages come at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from pairs.io.command import seed_number

__all__ = [
    "DATA",
    "PRESET_NAMES",
    "add_chain",
    "add_data",
    "add_features",
    "add_output",
    "add_pair",
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

PAIR = "a bundled name, a stored pair or a pair.toml"
DATA = "a folder or file of IDX, NPZ or PNG/JPEG"


def add_pair(parser: argparse.ArgumentParser, default: str | None = None) -> argparse._ArgumentGroup:
    """PAIR and ``--files``; PAIR may be left out where ``default`` says what is taken then."""
    group = parser.add_argument_group("what")
    if default is None:
        group.add_argument("pair", metavar="PAIR", help=PAIR)
    else:
        group.add_argument("pair", metavar="PAIR", nargs="?", help=f"{PAIR} (default: {default})")
    group.add_argument("--files", type=Path, metavar="DIR", help="folder of the weight files, where PAIR is a manifest")
    return group


def add_data(group: argparse._ArgumentGroup, limit: int | None, split: str = "train") -> None:
    """DATA, ``--split`` and ``--limit``."""
    group.add_argument("data", metavar="DATA", help=f"real images the generator was made for: {DATA}")
    group.add_argument("--split", help=f"split of DATA (default {split}, where there is one)")
    group.add_argument("--limit", type=int, default=limit, help=f"use at most so many images (default {limit:,})")


def add_tuned(group: argparse._ArgumentGroup) -> None:
    """``--tuned`` and ``--anyway``."""
    group.add_argument("--tuned", type=Path, metavar="FILE", help="tuned.toml of 'ganrefine tune': pair, critic, chain")
    group.add_argument("--anyway", action="store_true", help="use its best setting even where it proved no gain")


def add_features(group: argparse._ArgumentGroup) -> None:
    """``--features``."""
    group.add_argument("--features", metavar="NET", help="feature net that judges: a bundled name or a folder")


def add_chain(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The chain's settings."""
    group = parser.add_argument_group("how")
    group.add_argument("--preset", help=f"{', '.join(PRESET_NAMES)} (default latent)")
    group.add_argument("--steps", type=int, help="number of steps (default: the preset's)")
    group.add_argument("--step-size", type=float, help="eta in x + eta * grad + sqrt(2 eta T) * noise")
    group.add_argument("--temperature", type=float, help="T in the same formula")
    group.add_argument("--critic-scale", type=float, help="factor on the critic's score")
    group.add_argument("--prior-weight", type=float, help="weight of the prior's log density (latent space)")
    group.add_argument("--metropolis", action="store_true", default=None, help="accept or reject each step (MALA)")
    group.add_argument("--hold", type=_interval, metavar="A:B", help="coordinates A to B - 1 of the state do not move")
    group.add_argument("--batch", type=int, default=64, help="chains moved together (default 64)")
    return group


def add_output(parser: argparse.ArgumentParser, out: str | None) -> argparse._ArgumentGroup:
    """``--seed``, ``--out``, ``--json``."""
    group = parser.add_argument_group("output")
    group.add_argument("--seed", type=seed_number, default=0, help="a run is a function of its seed (default 0)")
    where = "required" if out is None else f"default {out}"
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=out and Path(out),
        required=out is None,
        help=f"folder to write to ({where})",
    )
    group.add_argument("--json", action="store_true", help="print the report alone on standard output")
    return group


def _interval(text: str) -> tuple[int, int]:
    first, _, end = text.partition(":")
    try:
        return int(first), int(end)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B") from None
