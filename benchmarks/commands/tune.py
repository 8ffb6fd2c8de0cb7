"""``ganrefine tune``: find settings that provably help, or say that none do. A stopped run goes on where it was."""

from __future__ import annotations

import argparse

from .argument_types import Count, Number
from .options import BATCH, NUMBER, add_data, add_features, add_keep_work, add_output, add_pair

__all__ = ["add_options", "run"]

LEAST = 500
"""Real images that the verdict needs."""
SPENT = Count(0, 10**12)
GO_ON = "the same command goes on from the critics, trials and looks that are finished"
"""What is said after a signal."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser)
    most = "20,000; those beyond them train the critic of the samples, up to 1 GiB"
    add_data(what, "real images the generator was made for", "train", most)
    add_features(what)
    add_features(what, "--judge", "another feature net to confirm the winner with (default: the same)")
    how = parser.add_argument_group("how")
    how.add_argument("--steps", type=Count(1, 10**5), default=20, help="longest chain of the first round (default 20)")
    how.add_argument(
        "--first", type=Count(16, 10**6), default=200, help="samples per choice in the first round (default 200)"
    )
    how.add_argument("--critic-steps", type=NUMBER, default=3000, help="updates of recovery (default 3,000)")
    confirm = "samples of the confirmation's first look; it may take four times as many (default 2,000)"
    how.add_argument("--confirm", type=Count(500, 10**7), default=2000, help=confirm)
    rounds = "rounds that add a critic for what the best chain leaves; as many evaluations again (default 0)"
    how.add_argument("--boosts", type=Count(0, 20), default=0, help=rounds)
    turns = "turns of contrastive divergence, for the best chain and for one of samples (default 8 each)"
    how.add_argument("--contrasts", type=Count(0, 1000), default=8, help=turns)
    pool = "refined samples that each of those critics is recovered from (default 3,000)"
    how.add_argument("--pool", type=Count(64, 10**6), default=3000, help=pool)
    how.add_argument("--batch", type=BATCH, default=100, help="chains that are moved together (default 100)")
    spent = "most gradient evaluations of the search, 0 for no bound (default 450,000)"
    how.add_argument("--evaluations", type=SPENT, default=450_000, help=spent)
    # the option's earlier name
    how.add_argument("--budget", dest="evaluations", type=SPENT, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    stop = "begin no further choice after so many minutes, and name what was left out (default 0: no stop)"
    how.add_argument("--minutes", type=Number(0, 10**6), default=0.0, help=stop)
    add_keep_work(add_output(parser, "tuned"))


def run(args: argparse.Namespace) -> int:
    """Search, confirm, write ``tuned.toml``, the pair, ``report.json`` and ``tuning.png``."""
    import sys

    import jax
    import jax.numpy as jnp
    from rich.console import Console

    import dcd
    from checkpoints import save_pair
    from dcd.diagnostics.operations import gradient_operations
    from dcd.tuning.faults import Fault, own_judge
    from dcd.tuning.search import TURNS_SHARE
    from dcd.tuning.tuned_file import tuned_text
    from pairs import InputError
    from pairs.checks import image_range, is_image
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.files import write_bytes
    from pairs.io.next_steps import data_words, factory_words, next_step
    from pairs.io.plots import tuning_plot
    from pairs.io.progress_bars import progress, stages
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..estimates import check_refinement
    from ..folds import folds_of
    from ..inputs import choose_features, classifier_of, load
    from ..judges import judge_for
    from ..kept_run import run_folder
    from ..time_estimates import rough_time, seconds_of

    folder = check_out(args.out)
    config = dcd.Tune(
        steps=args.steps,
        n_first=args.first,
        confirm_n=args.confirm,
        evaluations=args.evaluations,
        minutes=args.minutes,
        batch=args.batch,
        boosts=args.boosts,
        contrasts=args.contrasts,
        pool=args.pool,
    )
    pair = load(args.pair, args.files, args.factory)
    images, parts_x, parts_y = folds_of(args, pair, (0.55, 0.1, 0.15, 0.2), rest=True)
    train_x, held_x, search_x, confirm_x, rest_x = parts_x
    train_y, held_y, *_, rest_y = parts_y
    if len(confirm_x) < LEAST:
        problem = f"leaves {len(confirm_x)} images for the verdict, which needs {LEAST}"
        raise InputError("data", problem, f"give at least {5 * LEAST:,} images")
    longest = dcd.Langevin(steps=args.steps)
    for field, n, times in (("--confirm", args.confirm, 4), ("--first", args.first, 9), ("--pool", args.pool, 1)):
        check_refinement(pair, longest, n, config.batch, field=field, times=times)
    with run_folder("tune", args, pair, images) as work:
        chosen = choose_features(pair, args.features, images, folder=args.out)
        features, judge = chosen.features, chosen.features
        if args.judge or not is_image(pair):
            judge = choose_features(pair, args.judge, images, folder=args.out, judge=True).features
        work.part("nets").agree(**{"--features": features.sha256, "--judge": judge.sha256})
        say_replaced(folder, "tuned.toml", "pair", "report.json", "tuning.png")
        if not args.json:
            said = [chosen.reason]
            if args.evaluations:
                contrasts = TURNS_SHARE if args.contrasts else 0
                parts = {"the search": 1, "boosting": min(args.boosts, 1), "contrastive divergence": contrasts}
                most = args.evaluations * sum(parts.values())
                lasts = rough_time(seconds_of(most * gradient_operations(pair)))
                named = " and ".join(name for name, count in parts.items() if count)
                what = "gradient evaluations through the generator, or what costs as much"
                said.append(f"at most {most:,} {what}, in {named}, roughly {lasts}")
            print("; ".join(said), file=sys.stderr)

        def known_faults(choice: dcd.Choice) -> tuple[Fault, ...]:
            # boosting adds a critic on features to any other one, contrastive divergence does not
            own = choice.critic.removesuffix("+cd") in ("raw", "recovered", "samples")
            seen = () if own or feature_net is None else (features.sha256,)
            fault = own_judge(judge.sha256, seen)
            return () if fault is None else (fault,)

        critic_key, search_key, features_key = jax.random.split(jax.random.key(args.seed), 3)
        feature_net = features.as_net(image_range(pair)) if is_image(pair) else None
        maps = features.maps_net(image_range(pair)) if is_image(pair) else None
        classifier = classifier_of(pair, features, held_x, held_y)
        critic_data = dcd.CriticData(
            train_x, held_x, feature_net, max(1, args.critic_steps // 2), train_y, held_y, rest_x, rest_y
        )
        with progress() as bar:
            bar.disable = args.json
            show = stages(bar)
            pairs, moves = dcd.critic_variants(
                pair,
                train_x,
                held_x,
                jnp.stack([critic_key, features_key]),
                feature_net,
                steps=args.critic_steps,
                train_labels=train_y,
                held_labels=held_y,
                maps=maps,
                classifier=classifier,
                on_progress=lambda move, done, total, _: show(move, done, total),
                work=work,
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
                train_real=train_x[:2000],
                faults=known_faults,
                critic_data=critic_data,
                on_progress=lambda what, part: bar.update(job, description=what, completed=part),
                work=work,
            )
        verdict = tuned.verdict
        kept = pair if pair.has_critic else next(iter(pairs.values()))  # a critic that was made is kept in either case
        save_pair(folder / "pair", tuned.pair or kept, overwrite=True)
        write_bytes(folder / "tuned.toml", tuned_text(tuned, "pair", images.name, features.name).encode())
        report = {
            "pair": pair.name,
            "data": images.name,
            "seed": args.seed,
            "gain": tuned.gain,
            "verdict": "no gain" if verdict is None else verdict.outcome,
            "reason": "no choice beat the generator in the search" if verdict is None else verdict.reason,
            "findings": [] if verdict is None else [f._asdict() for f in verdict.findings],
            "faults": [] if verdict is None else [f._asdict() for f in verdict.faults],
            "untried": list(tuned.untried),
            "choice": tuned.choice and tuned.choice.to_dict(),
            "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
            "features": {"name": features.name, "dim": features.dim, "sha256": features.sha256},
            "folds": dict(
                critic=len(train_x),
                calibration=len(held_x),
                search=len(search_x),
                confirm=len(confirm_x),
                rest=len(rest_x),
            ),
            "confirm_n": 0 if verdict is None else verdict.n,
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
    console = Console(markup=False)
    if tuned.choice is not None:
        console.print(f"best: {tuned.choice.label}, {tuned.choice.chain.steps} steps")
    if verdict is not None:
        for finding in verdict.findings:
            console.print(finding.words)
        for fault in verdict.faults:
            console.print(f"warning: {fault.name}: {fault.words}")
    if tuned.untried:
        console.print(f"not tried: {len(tuned.untried)}; the first: {tuned.untried[0]}")
    console.print(f"verdict: {report['verdict']}: {report['reason']}")
    console.print(f"wrote tuned.toml, pair, report.json, tuning.png to {folder}")
    code = factory_words(args)
    file, net = folder / "tuned.toml", ["--features", args.features] if args.features else []
    print(next_step("refine", "--tuned", file, *net, *code))
    if not tuned.gain and tuned.choice is not None:
        console.print("that keeps the generator's samples; --anyway uses the best setting all the same")
    data = data_words(args) if is_image(pair) else []  # benchmark and the judge of paths read images
    if data:
        print(next_step("benchmark", "refine", "--tuned", file, *data, *net, *code))
    label = [] if pair.classes is None else ["--label", 0]
    print(next_step("path", folder / "pair", *data, *label, *code))
    return 0
