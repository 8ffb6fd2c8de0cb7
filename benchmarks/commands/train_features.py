"""``ganrefine benchmark train-features``: train a classifier whose features serve as a metric."""

from __future__ import annotations

import argparse
from pathlib import Path

from pairs.io.command import seed_number

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("data", help="folder with labelled train and test images")
    parser.add_argument("--out", required=True, type=Path, help="new folder for weights.npz, reference.npz, card.json")
    parser.add_argument("--arch", default="a", choices=("a", "b"), help="a: 128 features; b: 96, to judge what a tuned")
    parser.add_argument("--name", help="name of the net; default: name of the output folder")
    parser.add_argument("--licence", default="unknown", help="licence of the data, for the card")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--shift", type=int, default=2, help="images are shifted by up to so many pixels (default 2)")
    parser.add_argument("--mirror", action="store_true", help="mirror half of the images: for things, not for digits")
    parser.add_argument("--json", action="store_true", help="print the card alone on standard output")


def run(args: argparse.Namespace) -> int:
    """Train and write the feature net's folder."""
    import json
    import sys

    from pairs.io.images import read_images

    from ..features.classifier_training import TrainConfig, save, train

    config = TrainConfig(
        arch=args.arch, seed=args.seed, steps=args.steps, batch=args.batch, shift=args.shift, mirror=args.mirror
    )
    train_set, test_set = read_images(args.data, "train"), read_images(args.data, "test")
    trained = train(train_set, test_set, config, lambda line: print(line, file=sys.stderr, flush=True))
    name = args.name or args.out.resolve().name
    command = (
        f"python -m benchmarks train-features {train_set.name} --out {name} --arch {config.arch}"
        f" --seed {config.seed} --steps {config.steps} --batch {config.batch}"
    )
    if config.shift != 2 or config.mirror:
        command += f" --shift {config.shift}{' --mirror' if config.mirror else ''}"
    card = save(args.out, name, trained, config, train_set, test_set, args.licence, command)
    print(
        json.dumps(card, indent=2) if args.json else f"{name}: accuracy {trained.accuracy:.4f}, {trained.seconds:.0f} s"
    )
    return 0
