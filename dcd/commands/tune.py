"""``python -m dcd tune``: settings that provably help, or the answer that none do."""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
from rich.console import Console

import dcd
from benchmarks.judge import judge_for
from benchmarks.pictures import tuning_plot, write_bytes
from benchmarks.report import hardware, to_json, versions, write_json
from benchmarks.settings import choose_features, image_range, load
from checkpoints import save_pair
from pairs.command import add_common, check_out, progress

from ..tuned_file import tuned_text
from .data import folds_of, stages

__all__ = ["add_tune"]


def add_tune(commands: argparse._SubParsersAction) -> None:
    """Its arguments."""
    tune = commands.add_parser("tune", help="find settings that provably help, or say that none do")
    tune.add_argument("pair", help="a bundled name, a stored pair or a manifest")
    tune.add_argument("data", help="real images the generator was made for")
    tune.add_argument("--split", help="split of DATA (default train, where there is one)")
    tune.add_argument("--limit", type=int, default=20_000, help="use at most so many images (default 20,000)")
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
