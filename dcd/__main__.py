"""``python -m dcd``: refine samples, adapt a critic, tune the chain."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from rich.console import Console

import dcd
from benchmarks.data import read_images
from benchmarks.judge import judge_for
from benchmarks.pictures import tuning_plot, write_bytes
from benchmarks.refine import refine_and_judge, write_samples
from benchmarks.report import hardware, print_report, to_json, versions, write_json
from benchmarks.settings import (
    add_settings,
    check_sizes,
    choose_features,
    folds_of,
    image_range,
    load,
    settings,
    tuned_or_settings,
)
from checkpoints import save_pair
from pairs.command import Parser, add_common, check_out, guard, progress, stages

from .tuned_file import tuned_text

__all__ = ["main"]


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m dcd", description="Better samples from a GAN somebody already trained.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_add_refine, _add_adapt, _add_tune):
        add(commands)
    args: argparse.Namespace = parser.parse_args(argv)
    return args.run(args)


def _add_refine(commands: argparse._SubParsersAction) -> None:
    refine = commands.add_parser("refine", help="refine samples and judge them before and after")
    refine.add_argument(
        "pair", nargs="?", help="a bundled name, a stored pair or a manifest (default: the bundled pair, as tuned)"
    )
    refine.add_argument("--n", type=int, default=2000, help="samples (default 2,000)")
    refine.add_argument(
        "--data", type=Path, help="real images to compare with (default: the feature net's own test set)"
    )
    refine.add_argument("--tuned", type=Path, help="tuned.toml of python -m dcd tune: its pair, critic and chain")
    add_settings(refine)
    add_common(refine, "refined")
    refine.set_defaults(run=_refine)


def _add_pair_and_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("pair", help="a bundled name, a stored pair or a manifest")
    command.add_argument("data", help="real images the generator was made for")
    command.add_argument("--split", help="split of DATA (default train, where there is one)")
    command.add_argument("--limit", type=int, default=20_000, help="use at most so many images (default 20,000)")


def _add_adapt(commands: argparse._SubParsersAction) -> None:
    adapt = commands.add_parser("adapt", help="train, contrast and calibrate the critic on data")
    _add_pair_and_data(adapt)
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


def _add_tune(commands: argparse._SubParsersAction) -> None:
    tune = commands.add_parser("tune", help="find settings that provably help, or say that none do")
    _add_pair_and_data(tune)
    tune.add_argument("--files", type=Path, help="folder of the weight files, where PAIR is a manifest")
    tune.add_argument("--features", help="feature net that judges: a bundled name or a folder")
    tune.add_argument("--judge", help="another feature net to confirm the winner with (default: the same)")
    tune.add_argument("--steps", type=int, default=60, help="longest chain of the first round (default 60)")
    tune.add_argument("--first", type=int, default=200, help="samples per choice in the first round (default 200)")
    tune.add_argument("--critic-steps", type=int, default=3000, help="updates of recovery (default 3,000)")
    tune.add_argument("--confirm", type=int, default=2000, help="samples of the confirmation (default 2,000)")
    tune.add_argument("--budget", type=int, default=0, help="most gradient evaluations of the search")
    tune.add_argument(
        "--minutes", type=float, default=5.0, help="most minutes of the search, 0 for no bound (default 5)"
    )
    add_common(tune, "tuned")
    tune.set_defaults(run=_tune)


def _refine(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    check_sizes(args.n, args.batch)
    pair, config, budget, gain = tuned_or_settings(args)
    image_range(pair)
    data = None if args.data is None else read_images(args.data, expect=pair.sample_shape)
    features = choose_features(pair, args.features, data)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )  # fmt: skip
    report["verified"] = gain is True
    write_samples(folder, pair, result, report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print_report(report)
    console = Console()
    console.print(f"wrote grid.png, samples.npz, report.json to {folder}")
    if gain is None:
        console.print(
            "settings are the preset's, not verified for this pair: "
            "python -m dcd tune PAIR DATA checks and improves them"
        )
    if gain is False:
        console.print("tuning found no gain: these are the generator's samples, unchanged")
    if result.stopped.any():
        console.print(f"{int(result.stopped.sum())} samples met NaN or infinity and rest at their last finite state")
    return 0


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


def _tune(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    config = dcd.Tune(
        steps=args.steps, n_first=args.first, confirm_n=args.confirm, budget=args.budget, minutes=args.minutes
    )
    pair = load(args.pair, args.files)
    images, (train_x, held_x, search_x, confirm_x), (train_y, held_y, *_) = folds_of(args, pair, (0.55, 0.1, 0.15, 0.2))
    features = choose_features(pair, args.features, images)
    judge = choose_features(pair, args.judge, images) if args.judge else features
    critic_key, search_key, features_key = jax.random.split(jax.random.key(args.seed), 3)
    with progress() as bar:
        bar.disable = args.json
        show = stages(bar)
        pairs, moves = dcd.critic_variants(
            pair, train_x, held_x, jnp.stack([critic_key, features_key]), features.as_net(image_range(pair)),
            steps=args.critic_steps, train_labels=train_y, held_labels=held_y,
            on_progress=lambda move, done, total, _: show(move, done, total),
        )  # fmt: skip
        job = bar.add_task("search", total=1.0)
        tuned = dcd.tune(
            pairs, search_x, confirm_x, judge_for(features, pair), search_key, config,
            confirm_judge=judge_for(judge, pair),
            on_progress=lambda what, part: bar.update(job, description=what, completed=part),
        )  # fmt: skip
    chosen = pairs[tuned.choice.critic] if tuned.choice else pair
    save_pair(folder / "pair", chosen, overwrite=True)
    write_bytes(folder / "tuned.toml", tuned_text(tuned, "pair", images.name, features.name).encode())
    report = {
        "pair": pair.name, "data": images.name, "seed": args.seed, "gain": tuned.gain,
        "verdict": "gain" if tuned.gain else "no gain: keep the generator's samples",
        "choice": tuned.choice and tuned.choice.to_dict(),
        "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
        "features": {"name": features.name, "dim": features.dim, "sha256": features.sha256},
        "folds": dict(critic=len(train_x), calibration=len(held_x), search=len(search_x), confirm=len(confirm_x)),
        "confirm_n": config.confirm_n, "evaluations": tuned.evaluations, "seconds": tuned.seconds,
        "judge": {"name": judge.name, "dim": judge.dim, "sha256": judge.sha256},
        "moves": moves, "trials": tuned.trials, "versions": versions(), "hardware": hardware(),
    }  # fmt: skip
    write_json(folder / "report.json", report)
    write_bytes(folder / "tuning.png", tuning_plot(tuned.trials))
    if args.json:
        print(to_json(report), end="")
        return 0
    console = Console()
    for name, c in tuned.confirmed.items():
        low, high = c.interval
        console.print(
            f"{name}: {c.before:.4g} before, {c.after:.4g} after, change {c.difference:.4g} [{low:.4g}, {high:.4g}]"
        )
    if tuned.choice is not None:
        console.print(f"best: {tuned.choice.label}, {tuned.choice.chain.steps} steps")
        if tuned.choice.critic == "features" and judge is features:
            console.print("its critic sees the features that judged it: check with --judge another feature net")
    console.print(f"verdict: {report['verdict']}")
    console.print(f"wrote tuned.toml, pair, report.json, tuning.png to {folder}")
    console.print(f"refine with python -m dcd refine --tuned {folder / 'tuned.toml'}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
