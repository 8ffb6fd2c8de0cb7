"""What ``ganrefine import`` does: read weights, check and convert them, seal the pair, look at some of its samples."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import jax

from checkpoints import check_destination, save_pair
from checkpoints.archive import read_archive_metadata
from checkpoints.description import count
from checkpoints.families import recognise
from checkpoints.first_look import SAMPLES, draw, look
from checkpoints.importing import Imported, import_critic, import_files
from checkpoints.integrity import is_archive
from checkpoints.lookup import stored_pair
from checkpoints.manifest import shipped_manifests
from checkpoints.orbax_import import import_orbax
from checkpoints.weight_import import import_weights
from pairs import InputError, parse_prior
from pairs.checks import image_range, is_image
from pairs.io.next_steps import data_words, factory_words, next_step
from pairs.io.pictures import save_grid
from pairs.io.pixels import to_range, to_uint8
from pairs.io.reports import to_json
from pairs.user_nets import Factory, factory_given

from .factories import factory_of
from .import_report import account, show_import, show_look
from .inputs import read_data

__all__ = ["import_pair"]

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
"""Arguments that say what a manifest says, and their options."""


def import_pair(args: argparse.Namespace) -> int:
    """Import what the arguments name, and print a report.

    Args:
      args: The arguments of :mod:`benchmarks.commands.import_pair`.

    Returns:
      The exit code.

    Raises:
      InputError: The files cannot be read, or do not make a pair.
    """
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
        print(to_json(report), end="")
        return 0
    show_import(made)
    show_look(report["first_look"], made)
    print(f"{report['parameters']:,} numbers, saved at {path}")
    code = factory_words(args)
    if not made.pair.has_critic:
        name, more = shlex.quote(args.out), f" {shlex.join(code)}" if code else ""
        print(f"no critic yet: make one with ganrefine tune {name} DATA{more}, or ganrefine adapt {name} DATA{more}")
    else:
        print(next_step("refine", args.out, *code))
    if args.data is not None:
        print(next_step("tune", args.out, *data_words(args), *code))
    return 0


def _published(args: argparse.Namespace) -> Imported | None:
    """Nets of a published family; options that describe the nets say that they are others."""
    described = any(getattr(args, name) is not None for name in _WITHOUT_MANIFEST) or args.real_is_low
    if args.family is None and (described or not Path(args.file).is_file()):
        return None
    files = [args.file, *([args.critic] if args.critic else [])]
    return recognise(files, args.family, args.check, space=args.latents, truncation=args.truncation)


def _imported(args: argparse.Namespace) -> Imported:
    factory = factory_of(args.factory)
    with factory_given(factory):
        made = _made(args, factory)
    if factory is not None and not factory.used:
        raise InputError("factory", f"is given, and no net of '{args.file}' is code of yours", "leave it out")
    return made


def _made(args: argparse.Namespace, factory: Factory | None) -> Imported:
    shipped = args.file in shipped_manifests()
    described = args.critic is not None and Path(args.critic).suffix == ".toml"
    base = stored_pair(args.file) if described else None
    if args.critic is not None and base is not None:
        _refuse_described(args, "critic", "name", "factory")
        name = args.name or Path(args.out).resolve().name or None
        return import_critic(base, args.critic, args.files, args.check, name)
    if shipped or Path(args.file).suffix == ".toml" or (Path(args.file) / "pair.toml").is_file():
        _refuse_described(args, "file")
        folder = not shipped and Path(args.file).is_dir()
        return import_files(Path(args.file) / "pair.toml" if folder else args.file, args.files, args.check)
    if factory is not None and not is_archive(Path(args.file)):
        return _from_orbax(args, factory)
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


def _refuse_described(args: argparse.Namespace, field: str, *allowed: str) -> None:
    """Refuse arguments that say what a manifest says.

    Args:
      args: All arguments.
      field: The one that is the manifest.
      allowed: Names of arguments that may stand beside it.
    """
    given = [f for name, f in _WITHOUT_MANIFEST.items() if getattr(args, name) is not None and name not in allowed]
    given += ["CRITIC"] if args.critic and field != "critic" else []
    given += ["--real-is-low"] if args.real_is_low else []
    if given:
        raise InputError(field, f"is a manifest, which says what {given[0]} says", f"leave {given[0]} out")


def _from_orbax(args: argparse.Namespace, factory: Factory) -> Imported:
    if args.prior is None:
        raise InputError("prior", "is missing", "give --prior normal:SIZE, as it was trained")
    if args.range is None:
        raise InputError("sample_range", "is not said by a checkpoint", "give --range LOW:HIGH, or --range none")
    if args.critic is not None or args.real_is_low:
        given = "CRITIC" if args.critic is not None else "--real-is-low"
        raise InputError("factory", f"does not go with {given}", "let the factory return (generator, critic)")
    return import_orbax(
        args.file,
        factory,
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
    if args.data is None:
        return None, None
    found = read_data(args, args.data, "train", limit=SAMPLES, pair=made.pair)
    x = to_range(found.x, image_range(made.pair)) if is_image(made.pair) else found.x
    if made.pair.classes is None:
        return x, None
    if found.labels is None:
        raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled samples")
    return x, found.labels


def _picture(path: Path, made: Imported, key: Any) -> Path | None:
    """64 samples in the folder of the pair, which its seal does not cover."""
    if not is_image(made.pair):
        return None
    x = to_uint8(draw(made.pair, key, 64), image_range(made.pair))
    save_grid(path / "first-look.png", x, zoom=max(1, 64 // x.shape[1]))
    return path / "first-look.png"
