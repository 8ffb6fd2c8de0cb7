"""``python -m dcd adapt``: make a critic fit for use."""

from __future__ import annotations

import argparse

import jax
from rich.console import Console

import dcd
from benchmarks.report import hardware, to_json, versions, write_json
from benchmarks.settings import add_settings, choose_features, image_range, load, settings
from checkpoints import save_pair
from pairs.command import add_common, check_out, progress

from .data import folds_of, stages

__all__ = ["add_adapt"]


def add_adapt(commands: argparse._SubParsersAction) -> None:
    """Its arguments."""
    adapt = commands.add_parser("adapt", help="train, contrast and calibrate the critic on data")
    adapt.add_argument("pair", help="a bundled name, a stored pair or a manifest")
    adapt.add_argument("data", help="real images the generator was made for")
    adapt.add_argument("--split", help="split of DATA (default train, where there is one)")
    adapt.add_argument("--limit", type=int, default=20_000, help="use at most so many images (default 20,000)")
    adapt.add_argument("--keep-critic", action="store_true", help="do not train a new critic")
    adapt.add_argument("--loss", default="bce", help="loss of recovery: bce, hinge, wgan-gp, kale")
    adapt.add_argument("--critic-steps", type=int, default=3000, help="updates of recovery (default 3,000)")
    adapt.add_argument("--instance-noise", type=float, default=0.0, help="noise on both sides while recovering")
    adapt.add_argument("--on-features", action="store_true", help="train the critic on a feature net's features")
    adapt.add_argument("--contrast", type=int, default=0, metavar="ROUNDS", help="rounds of contrastive divergence")
    adapt.add_argument("--no-calibrate", action="store_true", help="leave the score as it is")
    add_settings(adapt)
    add_common(adapt, "adapted")
    adapt.set_defaults(run=_adapt)


def _adapt(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    pair = load(args.pair, args.files)
    images, (train_x, held_x), (train_y, held_y) = folds_of(args, pair, (0.85, 0.15))
    net = choose_features(pair, args.features, images).as_net(image_range(pair)) if args.on_features else None
    recovery = None
    if not args.keep_critic:
        # a fresh critic takes no labels: a conditional pair's own is trained on
        recovery = dcd.Recover(
            architecture="auto" if pair.classes is None else "critic", loss=args.loss, steps=args.critic_steps,
            instance_noise=args.instance_noise,
        )  # fmt: skip
        if args.on_features and args.loss == "bce":
            recovery = recovery.replace(r1=1.0)
    contrastive = dcd.Contrast(rounds=args.contrast) if args.contrast else None
    chain = settings(args)
    with progress() as bar:
        bar.disable = args.json
        show = stages(bar)
        adapted, moves = dcd.adapt(
            pair, train_x, held_x, jax.random.key(args.seed), recovery=recovery, contrastive=contrastive,
            chain=chain, calibrated=not args.no_calibrate, features=net, train_labels=train_y, held_labels=held_y,
            on_progress=lambda move, done, total, _: show(move, done, total),
        )  # fmt: skip
    save_pair(folder / "pair", adapted, overwrite=True)
    report = {"pair": pair.name, "data": images.name, "seed": args.seed, "moves": moves}
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    console = Console()
    for move, found in moves.items():
        figures = found.get("held_out", {k: found[k] for k in ("auc", "ess_fraction") if k in found})
        console.print(f"{move}: " + ", ".join(f"{k} {v:.3g}" for k, v in figures.items() if isinstance(v, float)))
    console.print(f"wrote pair and report.json to {folder}; refine with python -m dcd refine {folder / 'pair'}")
    return 0
