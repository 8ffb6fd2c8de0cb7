"""``ganrefine import``: turn foreign weights into a verified, sealed pair."""

from __future__ import annotations

import argparse

from .argument_types import Count, Number, PathText, Text
from .draft import KINDS
from .options import DATA, add_data_options, add_seed

__all__ = ["add_options", "run"]

SHIPPED = ("celeba32-lsgan", "mnist-mlp-gan", "mnist-wgan-gp")
"""Names of the manifests that come with the package."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    what.add_argument(
        "file",
        metavar="FILE",
        type=PathText(),
        help="pair.toml that names weight files and layers, or one of "
        f"{', '.join(SHIPPED)}; or the generator's own file: ONNX, Keras (.h5, .keras), a whole PyTorch module, "
        "weights of a published family; "
        "or a stored pair that CRITIC gives its critic, or another one",
    )
    critic = "the critic's file, where FILE is the generator's or a stored pair; or a manifest with [pair] and [critic]"
    what.add_argument("critic", metavar="CRITIC", nargs="?", type=PathText(), help=critic)
    what.add_argument(
        "--files", type=PathText(), metavar="DIR", help="folder of the weight files of a manifest (default: its own)"
    )
    what.add_argument(
        "--check",
        type=PathText(),
        metavar="FILE",
        help="NPZ with stored z, x, score (and labels), which the pair must reproduce",
    )
    what.add_argument("--data", type=PathText(), metavar="DATA", help=f"real images to show the critic: {DATA}")
    add_data_options(what, "train", "512")
    how = parser.add_argument_group("without a manifest, where the files do not say it")
    how.add_argument(
        "--prior", type=Text(), metavar="KIND:SIZE", help="law of the latents: normal:96, uniform:64,low=0,high=1"
    )
    how.add_argument("--range", type=_range, metavar="LOW:HIGH", help="range of the samples, or none")
    how.add_argument("--critic-kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    how.add_argument("--classes", type=Count(1, 10**6), metavar="N", help="number of labels")
    how.add_argument("--sample", type=_shape, metavar="HxWxC", help="shape of a sample that comes as a vector")
    how.add_argument("--layout", choices=("channels_first", "channels_last"), help="order of the axes in ONNX files")
    how.add_argument("--name", type=Text(), metavar="NAME", help="name of the pair (default: that of the folder --out)")
    for net in ("generator", "critic"):
        how.add_argument(
            f"--{net}-key", type=Text(), metavar="KEY", help=f"part of the {net}'s file that is its module"
        )
        how.add_argument(
            f"--{net}-labels", type=Text(), metavar="INPUT", help=f"input of the {net}'s graph that takes labels"
        )
        how.add_argument(f"--{net}-output", type=Text(), metavar="OUTPUT", help=f"output of the {net}'s graph")
    code = "your own code, which is run: the function that returns the Flax modules that FILE, a directory of Orbax, "
    code += "fills, or that FILE, a stored pair, was imported with"
    how.add_argument("--factory", type=Text(1, 400), metavar="FILE.py:FUNCTION", help=code)
    how.add_argument("--real-is-low", action="store_true", help="the critic is low on real samples: turn its sign")
    published = parser.add_argument_group("published families")
    published.add_argument("--family", type=Text(), metavar="NAME", help="the family, where the tensors fit several")
    published.add_argument("--latents", choices=("z", "w"), default="z", help="of StyleGAN2: w for whitened styles")
    published.add_argument(
        "--truncation", type=Number(1e-6, 1), default=1.0, help="of StyleGAN2's styles (default 1: none)"
    )
    out = parser.add_argument_group("output")
    add_seed(out)
    out.add_argument(
        "--out", type=PathText(), metavar="DIR", required=True, help="new directory for the pair (required)"
    )
    out.add_argument("--overwrite", action="store_true", help="replace the checkpoint at --out")
    out.add_argument("--json", action="store_true", help="print the report alone, as JSON")


def run(args: argparse.Namespace) -> int:
    """Read, check, convert, seal, look."""
    from ..pair_import import import_pair

    return import_pair(args)


def _range(text: str) -> tuple[float, float] | tuple[()]:
    if text.lower() == "none":
        return ()
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form LOW:HIGH, and not none") from None


def _shape(text: str) -> tuple[int, ...]:
    sides = text.lower().split("x")
    if not all(s.isdigit() and 0 < int(s) < 2**24 for s in sides):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form HxWxC, such as 28x28x1, or 2 for points")
    return tuple(int(s) for s in sides)
