"""``ganrefine amortise``: a pair whose generator draws refined samples at once. A stopped run goes on where it was.

A flow learns a chain in latent space; a nearly noiseless chain in sample space becomes a part of the generator.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .argument_types import Count, Number
from .options import BATCH, NUMBER, WEIGHT, add_chain, add_output, add_pair, add_tuned

if TYPE_CHECKING:
    from pathlib import Path

    from dcd import Langevin
    from pairs import Pair

__all__ = ["add_options", "run"]

GO_ON = "the same command goes on from its last checkpoint"
"""What is said after a signal."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    what = add_pair(parser, "the bundled pair, as tuned")
    add_tuned(what)
    add_chain(parser)
    flow = parser.add_argument_group("the flow that learns what the chain samples (a chain in pixel space needs none)")
    flow.add_argument("--flow-steps", type=NUMBER, default=3000, help="updates (default 3,000)")
    flow.add_argument("--flow-batch", type=BATCH, default=256, help="latents per update (default 256)")
    flow.add_argument("--layers", type=Count(1, 64), default=6, help="coupling layers (default 6)")
    flow.add_argument("--width", type=Count(1, 4096), default=64, help="hidden units of each layer (default 64)")
    flow.add_argument("--learning-rate", type=Number(1e-12, 1.0), default=1e-3, help="Adam's (default 0.001)")
    weight = "0 learns the law that an endless chain samples, 1 the chain's samples (default: the nearer of both)"
    flow.add_argument("--chain-weight", type=Number(0, 1), default=None, help=weight)
    cost = "weight of the cost of transport, which keeps the flow of a short chain short (default 0)"
    flow.add_argument("--transport", type=WEIGHT, default=0.0, help=cost)
    flow.add_argument("--pool", type=Count(64, 10**6), default=4000, help="samples of the chain (default 4,000)")
    add_output(parser, "amortised")


def run(args: argparse.Namespace) -> int:
    """Train the flow or fold the chain, write the pair and ``report.json``."""
    import sys
    import time

    import jax
    from rich.console import Console

    import dcd
    from checkpoints import save_pair, train
    from dcd.amortisation.judging import judge_amortised, nearest, pools
    from dcd.amortisation.objective import check_law
    from dcd.amortisation.training import amortisation_job
    from pairs import InputError
    from pairs.io.command import check_out
    from pairs.io.earlier_results import say_replaced
    from pairs.io.next_steps import factory_words, next_step
    from pairs.io.progress_bars import progress, stages
    from pairs.io.reports import hardware, to_json, versions, write_json

    from ..estimates import check_refinement, check_training
    from ..inputs import require_critic, run_digest, tuned_or_settings

    folder = check_out(args.out)
    pair, chain, budget, gain = tuned_or_settings(args)
    require_critic(pair)
    if gain is False and chain.steps == 0:
        raise InputError(
            "tuned", "proved no gain, so that there is nothing to learn", "add --anyway to learn it anyway"
        )
    if chain.space == "pixel" and chain.steps:
        return _fold(args, folder, pair, chain, budget, gain)
    settings = dcd.Amortise(
        steps=args.flow_steps,
        batch=args.flow_batch,
        learning_rate=args.learning_rate,
        layers=args.layers,
        width=args.width,
        chain_weight=args.chain_weight,
        pool=args.pool,
        transport=args.transport,
    )
    check_refinement(pair, chain, args.flow_batch, args.flow_batch, field="--flow-batch")
    estimate = check_refinement(pair, chain, args.pool, args.batch, field="--pool")
    check_training(amortisation_job(pair, chain, settings, None))
    say_replaced(folder, "pair", "report.json")
    if not args.json:
        print(estimate.line, file=sys.stderr)
    key, began = jax.random.key(args.seed), time.monotonic()
    card = pair.record.to_dict() | {"name": f"{pair.name}-amortised"}
    with progress() as bar:
        bar.disable = args.json
        show = stages(bar)
        pool, further = pools(
            pair,
            chain,
            jax.random.fold_in(key, 1),
            settings,
            budget,
            batch=args.batch,
            on_progress=lambda done, total: show("chain", done, total),
        )
        trials = {}
        for weight in settings.trials(check_law(pair, chain) is None):
            own, words = settings.replace(chain_weight=weight), f"flow, chain weight {weight:g}"
            done = train(
                amortisation_job(pair, chain, own, pool),
                own.steps,
                args.seed,
                folder / f"flow-{weight:g}",
                run_digest(pair, chain.to_dict() | {"budget": budget}),
                card,
                on_progress=lambda at, total, losses, words=words: show(words, at, total),
            )
            found = judge_amortised(pair, done.pair, chain, own, further, jax.random.fold_in(key, 2), done.history)
            trials[weight] = done.pair, found
    made, found = nearest(trials, time.monotonic() - began, (pool, further))
    save_pair(folder / "pair", made, overwrite=True)
    report = {"pair": pair.name, "seed": args.seed, "budget": budget, "verified": gain is True, **found.to_dict()}
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    console = Console(markup=False)
    line = f"mean score {found.score_before:.4g} of the generator, {found.score_after:.4g} behind the flow"
    console.print(line if found.score_of_chain is None else f"{line}, {found.score_of_chain:.4g} after the chain")
    if found.nearness is None and found.energy_distance is not None:
        line = "the chain does not differ measurably from the generator: how near the flow comes to it cannot be said"
        console.print(line, soft_wrap=True)
    elif found.nearness is not None:
        told = ", ".join(f"{near:.2f} at chain weight {weight}" for weight, near in found.tried.items())
        console.print(f"nearness to the chain (1: its law, 0: as far as the generator): {told}")
        if found.nearness <= 0:
            console.print("the flow is no nearer to the chain than the generator: do not use it", soft_wrap=True)
    console.print(f"wrote pair and report.json to {folder}; the pair is refined already, so no steps are left")
    print(next_step("refine", folder / "pair", "--steps", 0, *factory_words(args)))
    return 0


def _fold(args: argparse.Namespace, folder: Path, pair: Pair, chain: Langevin, budget: float, gain: bool | None) -> int:
    """Put a nearly noiseless chain in sample space behind the generator: there is nothing to train."""
    import dcd
    from checkpoints import save_pair
    from pairs import InputError
    from pairs.io.earlier_results import say_replaced
    from pairs.io.next_steps import factory_words, next_step
    from pairs.io.reports import hardware, to_json, versions, write_json

    if budget < 1:
        raise InputError(
            "budget", f"is {budget:g}: a folded chain cannot pick latents first", "draw with ganrefine refine instead"
        )
    made = dcd.fold_chain(pair, chain)
    say_replaced(folder, "pair", "report.json")
    save_pair(folder / "pair", made.replace(record=made.record.updated(name=f"{pair.name}-folded")), overwrite=True)
    report = {"pair": pair.name, "seed": args.seed, "budget": budget, "verified": gain is True}
    report |= {"folded": chain.to_dict()}
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
        return 0
    print(f"the {chain.steps} steps of the chain in sample space are part of the generator now; nothing was trained")
    print(f"wrote pair and report.json to {folder}; the pair is refined already, so no steps are left")
    print(next_step("refine", folder / "pair", "--steps", 0, *factory_words(args)))
    return 0
