"""``ganrefine import``: turn foreign weights into a verified, sealed pair."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .argument_types import Count, Number, PathText, Text
from .draft import KINDS
from .options import DATA, add_data_options, add_seed

if TYPE_CHECKING:
    from checkpoints.importing import Imported

__all__ = ["add_options", "run"]

SHIPPED = ("celeba32-lsgan", "mnist-mlp-gan", "mnist-wgan-gp")
"""Names of the manifests that come with the package."""

_WITHOUT_MANIFEST = {
    "prior": "--prior",
    "range": "--range",
    "critic_kind": "--critic-kind",
    "classes": "--classes",
    "sample": "--sample",
    "layout": "--layout",
    "generator_key": "--generator-key",
    "critic_key": "--critic-key",
    "generator_labels": "--generator-labels",
    "critic_labels": "--critic-labels",
    "generator_output": "--generator-output",
    "critic_output": "--critic-output",
    "name": "--name",
    "factory": "--factory",
}


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
        "or a stored pair that CRITIC gives a new critic",
    )
    what.add_argument(
        "critic", metavar="CRITIC", nargs="?", type=PathText(), help="the critic's file, where FILE is the generator's"
    )
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
    code = "directory of Orbax as FILE: function of your own code, which is run; it returns the Flax modules to fill"
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
    import jax

    from checkpoints import check_destination, save_pair
    from checkpoints.archive import read_archive_metadata
    from checkpoints.description import count
    from checkpoints.first_look import look

    from ..import_report import account, show_import, show_look

    check_destination(args.out, args.overwrite)
    print(f"importing {args.file}", file=sys.stderr)
    made = _imported(args)
    data, labels = _data(args, made)
    path = save_pair(args.out, made.pair, args.overwrite)
    key = jax.random.key(args.seed)
    seen = look(made.pair, key, data, labels)
    picture = _picture(path, made, key)
    metadata = read_archive_metadata(path)
    report = {
        "pair": made.pair.name,
        "out": str(path),
        "sample_shape": list(made.pair.sample_shape),
        "critic_kind": made.pair.critic_kind,
        "classes": made.pair.classes,
        "parameters": count(metadata["leaves"]),
        "tree_digest": metadata["tree_digest"],
        **account(made),
        "first_look": {**seen.to_dict(), "picture": picture and str(picture)},
    }
    if args.json:
        from pairs.io.reports import to_json

        print(to_json(report), end="")
        return 0
    show_import(made)
    show_look(report["first_look"], made)
    print(f"{report['parameters']:,} numbers, saved at {path}")
    nets = (made.pair.generator, *([made.pair.critic] if made.pair.has_critic else []))
    if any(net.architecture is None for net in nets):
        print(f"refine, tune and adapt need your code: in Python, checkpoints.load_pair({args.out!r}, like=pair)")
    elif not made.pair.has_critic:
        print(f"no critic yet: make one with ganrefine tune {args.out} DATA, or ganrefine adapt {args.out} DATA")
    return 0


def _published(args: argparse.Namespace) -> Imported | None:
    """Nets of a published family; options that describe the nets say that they are others."""
    from checkpoints.families import recognise

    described = any(getattr(args, name) is not None for name in _WITHOUT_MANIFEST) or args.real_is_low
    if args.family is None and (described or not Path(args.file).is_file()):
        return None
    files = [args.file, *([args.critic] if args.critic else [])]
    return recognise(files, args.family, args.check, space=args.latents, truncation=args.truncation)


def _imported(args: argparse.Namespace) -> Imported:
    from checkpoints.importing import import_files
    from checkpoints.weight_import import import_weights
    from pairs import InputError

    if args.file in SHIPPED or Path(args.file).suffix == ".toml" or (Path(args.file) / "pair.toml").is_file():
        given = [flag for name, flag in _WITHOUT_MANIFEST.items() if getattr(args, name) is not None]
        given += ["CRITIC"] if args.critic else []
        given += ["--real-is-low"] if args.real_is_low else []
        if given:
            raise InputError("file", f"is a manifest, which says what {given[0]} says", f"leave {given[0]} out")
        folder = args.file not in SHIPPED and Path(args.file).is_dir()
        return import_files(Path(args.file) / "pair.toml" if folder else args.file, args.files, args.check)
    if args.factory is not None:
        return _from_orbax(args)
    if args.files is not None:
        raise InputError("files", "goes with a manifest", "give the paths of the weight files themselves")
    made = _published(args)
    if made is not None:
        return made
    return import_weights(
        args.file,
        args.critic,
        prior=args.prior,
        sample_range="infer" if args.range is None else args.range or None,
        critic_kind=args.critic_kind,
        classes=args.classes,
        sample_shape=args.sample,
        layout=args.layout,
        keys=(args.generator_key, args.critic_key),
        labels=(args.generator_labels, args.critic_labels),
        outputs=(args.generator_output, args.critic_output),
        real_is_low=args.real_is_low,
        check=args.check,
        name=args.name or Path(args.out).resolve().name or None,
    )


def _from_orbax(args: argparse.Namespace) -> Imported:
    from checkpoints.orbax_import import import_orbax
    from pairs import InputError, parse_prior

    from ..factories import call_factory

    if args.prior is None:
        raise InputError("prior", "is missing", "give --prior normal:SIZE, as it was trained")
    if args.range is None:
        raise InputError("sample_range", "is not said by a checkpoint", "give --range LOW:HIGH, or --range none")
    if args.critic is not None or args.real_is_low:
        given = "CRITIC" if args.critic is not None else "--real-is-low"
        raise InputError("factory", f"does not go with {given}", "let the factory return (generator, critic)")
    return import_orbax(
        args.file,
        call_factory(args.factory),
        prior=parse_prior(args.prior),
        sample_range=args.range or None,
        critic_kind=args.critic_kind,
        classes=args.classes,
        keys=(args.generator_key, args.critic_key),
        check=args.check,
        name=args.name or Path(args.out).resolve().name or None,
    )


def _data(args: argparse.Namespace, made: Imported) -> tuple[Any, Any]:
    """Some of DATA in the pair's range, and its labels where the pair has classes."""
    from checkpoints.first_look import SAMPLES
    from pairs import InputError
    from pairs.checks import image_range
    from pairs.io.images import default_split, read_images
    from pairs.io.pixels import to_range

    if args.data is None:
        return None, None
    span = image_range(made.pair)
    images = read_images(
        args.data, args.split or default_split(args.data), args.limit or SAMPLES, array=args.array, seed=args.seed
    )
    if made.pair.classes is None:
        return to_range(images.x, span), None
    if images.labels is None:
        raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled images")
    return to_range(images.x, span), images.labels


def _picture(path: Path, made: Imported, key: Any) -> Path | None:
    """64 samples in the folder of the pair, which its seal does not cover."""
    from checkpoints.first_look import draw
    from pairs.checks import image_range, is_image
    from pairs.io.pictures import save_grid
    from pairs.io.pixels import to_uint8

    if not is_image(made.pair):
        return None
    x = to_uint8(draw(made.pair, key, 64), image_range(made.pair))
    save_grid(path / "first-look.png", x, zoom=max(1, 64 // x.shape[1]))
    return path / "first-look.png"


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
