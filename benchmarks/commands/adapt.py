"""``ganrefine adapt``: train, contrast and calibrate a critic for the generator. A stopped run goes on where it was."""

from __future__ import annotations

import argparse

from .argument_types import Count
from .options import NUMBER, add_chain, add_data, add_features, add_keep_work, add_output, add_pair

__all__ = ["add_options", "run"]

LOSSES = ("bce", "hinge", "wgan-gp", "kale")
"""Losses of :class:`dcd.Recover`."""
GO_ON = "the same command goes on from its last checkpoint"
"""What is said after a signal."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    add_data(what, "real images the generator was made for", "train", "20,000")
    add_features(what)
    how = parser.add_argument_group("the critic")
    how.add_argument("--keep-critic", action="store_true", help="do not train a new critic")
    how.add_argument("--loss", default="bce", choices=LOSSES, help="loss of recovery (default bce)")
    how.add_argument("--critic-steps", type=NUMBER, default=3000, help="updates of recovery (default 3,000)")
    how.add_argument("--on-features", action="store_true", help="train the critic on a feature net's features")
    rounds = "rounds of contrastive divergence (default 0: none)"
    how.add_argument("--contrast", type=Count(0, 10**6), default=0, metavar="ROUNDS", help=rounds)
    how.add_argument("--no-calibrate", action="store_true", help="leave the score as it is")
    add_chain(parser)
    add_keep_work(add_output(parser, "adapted"))


def run(args: argparse.Namespace) -> int:
    """Make the critic fit, write the pair and ``report.json``."""
    import jax
    from rich.console import Console

    import dcd
    from checkpoints import save_pair
    from dcd.critics.contrast_settings import ON_FEATURES
    from pairs import InputError
    from pairs.checks import image_range
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.next_steps import factory_words, next_step
    from pairs.io.progress_bars import progress, stages
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..folds import folds_of
    from ..inputs import KNOBS, choose_features, load, settings
    from ..kept_run import run_folder

    folder = check_out(args.out)
    idle = [name for name in ("preset", *KNOBS) if getattr(args, name) is not None]
    if idle and not args.contrast:
        remedy = "give --contrast ROUNDS, or leave it out; --critic-steps is for the updates of recovery"
        raise InputError(f"--{idle[0].replace('_', '-')}", "sets the chain of a contrast that is not asked for", remedy)
    pair = load(args.pair, args.files, args.factory)
    images, (train_x, held_x), (train_y, held_y) = folds_of(args, pair, (0.85, 0.15))
    recovery = None
    if not args.keep_critic:
        # the critic of a conditional pair, which knows its labels, is trained on; one on features is always new
        new = args.on_features or pair.classes is None or not pair.has_critic
        recovery = dcd.Recover(
            architecture="auto" if new else "critic",
            loss=args.loss,
            steps=args.critic_steps,
        )
        if args.on_features and args.loss == "bce":
            recovery = recovery.replace(r1=1.0)
    contrastive = None
    if args.contrast:
        contrastive = dcd.Contrast(rounds=args.contrast, r1=ON_FEATURES if args.on_features else None)
    chain = settings(args)
    with run_folder("adapt", args, pair, images) as work:
        net = None
        if args.on_features:
            net = choose_features(pair, args.features, images, folder=args.out).features.as_net(image_range(pair))
        say_replaced(folder, "pair", "report.json")
        with progress() as bar:
            bar.disable = args.json
            show = stages(bar)
            adapted, moves = dcd.adapt(
                pair,
                train_x,
                held_x,
                jax.random.key(args.seed),
                recovery=recovery,
                contrastive=contrastive,
                chain=chain,
                calibrated=not args.no_calibrate,
                features=net,
                train_labels=train_y,
                held_labels=held_y,
                on_progress=lambda move, done, total, _: show(move, done, total),
                work=work,
            )
        save_pair(folder / "pair", adapted, overwrite=True)
        report = {"pair": pair.name, "data": images.name, "seed": args.seed, "moves": moves}
        report |= {"versions": versions(), "hardware": hardware()}
        write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    console = Console(markup=False)
    for move, found in moves.items():
        figures = found.get("held_out") or found.get("after") or found
        console.print(f"{move}: " + ", ".join(f"{k} {v:.3g}" for k, v in figures.items() if isinstance(v, float)))
    for move, found in moves.items():
        for words in found.get("warnings", ()):
            console.print(f"warning: {move}: {words}")
    console.print(f"wrote pair and report.json to {folder}")
    print(next_step("refine", folder / "pair", *factory_words(args)))
    return 0
