"""``ganrefine tune``: find settings that provably help, or say that none do."""

from __future__ import annotations

import argparse

from .options import add_data, add_features, add_output, add_pair

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    add_data(what, 20_000)
    add_features(what)
    what.add_argument(
        "--judge", metavar="NET", help="another feature net to confirm the winner with (default: the same)"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--steps", type=int, default=60, help="longest chain of the first round (default 60)")
    how.add_argument("--first", type=int, default=200, help="samples per choice in the first round (default 200)")
    how.add_argument("--critic-steps", type=int, default=3000, help="updates of recovery (default 3,000)")
    how.add_argument("--confirm", type=int, default=2000, help="samples of the confirmation (default 2,000)")
    how.add_argument(
        "--evaluations", type=int, default=0, help="most gradient evaluations of the search, 0 for no bound (default 0)"
    )
    # the option's earlier name
    how.add_argument("--budget", dest="evaluations", type=int, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    how.add_argument(
        "--minutes", type=float, default=5.0, help="most minutes of the search, 0 for no bound (default 5)"
    )
    add_output(parser, "tuned")


def run(args: argparse.Namespace) -> int:
    """Search, confirm, write ``tuned.toml``, the pair, ``report.json`` and ``tuning.png``."""
    import jax
    import jax.numpy as jnp
    from rich.console import Console

    import dcd
    from checkpoints import save_pair
    from dcd.tuning.tuned_file import tuned_text
    from pairs.checks import image_range
    from pairs.io.command import check_out, progress, stages
    from pairs.io.files import write_bytes
    from pairs.io.plots import tuning_plot
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..inputs import choose_features, folds_of, load
    from ..judges import judge_for

    folder = check_out(args.out)
    config = dcd.Tune(
        steps=args.steps, n_first=args.first, confirm_n=args.confirm, evaluations=args.evaluations, minutes=args.minutes
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
            pair,
            train_x,
            held_x,
            jnp.stack([critic_key, features_key]),
            features.as_net(image_range(pair)),
            steps=args.critic_steps,
            train_labels=train_y,
            held_labels=held_y,
            on_progress=lambda move, done, total, _: show(move, done, total),
        )
        job = bar.add_task("search", total=1.0)
        tuned = dcd.tune(
            pairs,
            search_x,
            confirm_x,
            judge_for(features, pair),
            search_key,
            config,
            confirm_judge=judge_for(judge, pair),
            on_progress=lambda what, part: bar.update(job, description=what, completed=part),
        )
    chosen = pairs[tuned.choice.critic] if tuned.choice else pair
    save_pair(folder / "pair", chosen, overwrite=True)
    write_bytes(folder / "tuned.toml", tuned_text(tuned, "pair", images.name, features.name).encode())
    report = {
        "pair": pair.name,
        "data": images.name,
        "seed": args.seed,
        "gain": tuned.gain,
        "verdict": "gain" if tuned.gain else "no gain: keep the generator's samples",
        "choice": tuned.choice and tuned.choice.to_dict(),
        "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
        "features": {"name": features.name, "dim": features.dim, "sha256": features.sha256},
        "folds": dict(critic=len(train_x), calibration=len(held_x), search=len(search_x), confirm=len(confirm_x)),
        "confirm_n": config.confirm_n,
        "evaluations": tuned.evaluations,
        "seconds": tuned.seconds,
        "judge": {"name": judge.name, "dim": judge.dim, "sha256": judge.sha256},
        "moves": moves,
        "trials": tuned.trials,
        "versions": versions(),
        "hardware": hardware(),
    }
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
    console.print(f"refine with ganrefine refine --tuned {folder / 'tuned.toml'}")
    return 0
