"""``ganrefine benchmark train-features``: train a classifier whose features serve as a metric."""

from __future__ import annotations

import argparse

from .argument_types import Count, Text
from .options import BATCH, NUMBER, add_data, add_output

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = parser.add_argument_group("what")
    add_data(what, "labelled images, with a test split beside the one to train on", "train")
    arch = "a: 128 features; b: 96, to judge what a tuned (default a)"
    what.add_argument("--arch", default="a", choices=("a", "b"), help=arch)
    what.add_argument("--name", type=Text(), help="name of the net (default: name of the output folder)")
    licence = "licence of the data, for the card (default unknown)"
    what.add_argument("--licence", type=Text(), default="unknown", help=licence)
    how = parser.add_argument_group("how")
    how.add_argument("--steps", type=NUMBER, default=3000, help="updates (default 3,000)")
    how.add_argument("--batch", type=BATCH, default=128, help="images per update (default 128)")
    shift = "images are shifted by up to so many pixels (default 2)"
    how.add_argument("--shift", type=Count(0, 8), default=2, help=shift)
    how.add_argument("--mirror", action="store_true", help="mirror half of the images: for things, not for digits")
    add_output(parser, None)


def run(args: argparse.Namespace) -> int:
    """Train and write the feature net's folder."""
    import json
    import sys

    from pairs import InputError
    from pairs.io.command import check_out
    from pairs.io.images import read_images

    from ..features.classifier_training import TrainConfig, save, train
    from ..inputs import read_data

    config = TrainConfig(
        arch=args.arch, seed=args.seed, steps=args.steps, batch=args.batch, shift=args.shift, mirror=args.mirror
    )
    folder = check_out(args.out)
    if args.split == "test":
        raise InputError("--split", "is test, which judges the net", "name the split to train on")
    train_set = read_data(args, args.data, "train")
    test_set = read_images(args.data, "test", array=args.array)
    trained = train(train_set, test_set, config, lambda line: print(line, file=sys.stderr, flush=True))
    name = args.name or args.out.resolve().name
    command = (
        f"ganrefine benchmark train-features {train_set.name} --out {name} --arch {config.arch}"
        f" --seed {config.seed} --steps {config.steps} --batch {config.batch}"
    )
    if config.shift != 2 or config.mirror:
        command += f" --shift {config.shift}{' --mirror' if config.mirror else ''}"
    card = save(folder, name, trained, config, train_set, test_set, args.licence, command)
    print(
        json.dumps(card, indent=2) if args.json else f"{name}: accuracy {trained.accuracy:.4f}, {trained.seconds:.0f} s"
    )
    return 0
