r"""Methods that train before they draw: a boosted critic, and a flow, alone or as a proposal.

*Boosted* is one round of :func:`dcd.boost`: a second critic for what chains of ``ddls`` at this budget leave, whose
step size is the one chosen for them; then chains of the sum, with as many steps as the dearer gradient pays. *Flow* is
:func:`dcd.amortise` on the law of an endless ``ddls``, one pass whatever the budget; *flow-i-sir* spends the budget on
candidates of that flow, which i-SIR weighs. What training takes is reported apart, since it is spent once.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import dcd
from dcd.amortisation.training import amortisation_job
from dcd.critics.architectures import fresh_critic
from dcd.critics.boosting import boost_weight
from dcd.critics.scores import generate_set
from dcd.langevin.starts import labels_of
from pairs import Pair
from pairs.heads.sum_of_scores import summed

from .chains import chain_passes, draw_chains, most_steps
from .method import FACTORS, SHARPNESS, Contest, Drawn, Method, Plan
from .passes import Passes, Prices, flow_operations, prices
from .selecting import global_moves

__all__ = ["TRAINED"]

POOL_KEY, CRITIC_KEY, FLOW_KEY, DRAW_KEY = 0xB1, 0xB2, 0xF1, 0xF2


def _boosted_plan(contest: Contest, budget: float) -> Plan:
    first = most_steps(dcd.preset("ddls"), contest.prices, budget)
    if first.settings is None:
        return first
    pool = contest.training.pool // (contest.pair.classes or 1) * (contest.pair.classes or 1)
    asked = {
        "pool": pool,
        "critic_steps": contest.training.critic_steps,
        "pool_steps": first.settings["chain"]["steps"],
    }
    asked["pool_step_size"] = contest.chosen["ddls", budget]
    found = most_steps(dcd.preset("ddls"), _sum_prices(contest), budget)
    return found if found.settings is None else Plan(found.settings | asked, found.cost)


def _sum_prices(contest: Contest) -> Prices:
    """Prices with a second critic, whose shape is known before it is trained."""
    second = fresh_critic(contest.key, contest.pair.sample_shape, None, contest.pair.classes)
    both = contest.pair.replace(critic=summed([contest.pair.critic, second], [1.0, 1.0]))
    return prices(both, contest.prices.operations)


def _boosted(contest: Contest, asked: dict[str, Any]) -> tuple[Pair, dict[str, Any]]:
    """The pair with the sum of both critics, which samples of the first one's chain train."""
    known = "boosted", *sorted(asked.items())
    if known not in contest.made:
        chain = dcd.preset("ddls").replace(steps=asked["pool_steps"], step_size=asked["pool_step_size"])
        n, keys = asked["pool"], [jax.random.fold_in(contest.key, k) for k in (POOL_KEY, CRITIC_KEY)]
        pool = dcd.refine(contest.pair, chain, keys[0], n, batch=contest.batch).after
        made, report = dcd.boost(
            contest.pair,
            pool,
            contest.data.train_x,
            contest.data.held_x,
            keys[1],
            weight=boost_weight(chain),
            recovery=dcd.Recover(steps=asked["critic_steps"], learning_rate=5e-4),
            pool_labels=labels_of(contest.pair, np.arange(n)),
            train_labels=contest.data.train_labels,
            held_labels=contest.data.held_labels,
        )
        # a sum of log ratios, each of them calibrated
        contest.made[known] = made.replace(calibrated=True), report
    return contest.made[known]


def _boosted_run(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    asked = {k: v for k, v in settings.items() if k != "chain"}
    pair, report = _boosted(contest, asked)
    chain = dcd.Langevin.from_dict({**settings["chain"], "step_size": value})
    spent = chain_passes(dcd.preset("ddls").replace(steps=asked["pool_steps"]))
    once = asked["pool"] * contest.prices.cost(spent)
    updates = report["recover"]["steps"]
    about = {"auc_of_the_second_critic": report["recover"]["held_out"]["auc"], "updates": updates}
    samples = draw_chains(pair, chain, contest, n, first)
    return Drawn(samples, chain_passes(chain), prices(pair, contest.prices.operations), once, about)


def _wanted(contest: Contest) -> tuple[dcd.Langevin, dcd.Amortise]:
    settings = dcd.Amortise(steps=contest.training.flow_steps, batch=contest.training.flow_batch, chain_weight=0.0)
    return dcd.preset("ddls").replace(steps=0), settings


def _flow_prices(contest: Contest) -> Prices:
    """Prices with a flow, whose shape is known before it is trained."""
    if "flow prices" not in contest.made:
        training = amortisation_job(contest.pair, *_wanted(contest), None)
        fast = training.to_pair(training.init(contest.key), contest.key, contest.pair.record)
        contest.made["flow prices"] = contest.prices._replace(flow=flow_operations(fast) / contest.prices.operations)
    return contest.made["flow prices"]


def _flow(contest: Contest, sharpness: float = 1.0) -> Pair:
    """The amortised pair, trained when it is first asked for; a sharpness changes the law that weighs its samples."""
    if "flow" not in contest.made:
        chain, settings = _wanted(contest)
        contest.made["flow"] = dcd.amortise(contest.pair, chain, jax.random.fold_in(contest.key, FLOW_KEY), settings)[0]
    fast: Pair = contest.made["flow"]
    kept = fast.record.to_dict()["amortised"]
    chain = {**kept["chain"], "critic_scale": sharpness}
    return fast.replace(record=fast.record.updated(amortised={**kept, "chain": chain}))


def _flow_once(contest: Contest, settings: dict[str, Any]) -> float:
    return settings["flow_steps"] * settings["flow_batch"] * contest.prices.gradient


def _flow_settings(contest: Contest) -> dict[str, Any]:
    return {"flow_steps": contest.training.flow_steps, "flow_batch": contest.training.flow_batch}


def _flow_plan(contest: Contest, budget: float) -> Plan:
    cost = _flow_prices(contest).cost(Passes(flows=1, generators=1))
    return Plan(_flow_settings(contest) if cost <= budget else None, cost)


def _flow_run(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    fast, own = _flow(contest), _flow_prices(contest)
    samples = generate_set(fast, contest.key, n, labels_of(fast, np.arange(n) + first), first_index=first)[1]
    return Drawn(samples, Passes(flows=1, generators=1), own, _flow_once(contest, settings))


def _weighed_plan(contest: Contest, budget: float) -> Plan:
    own = _flow_prices(contest)
    last = own.cost(Passes(generators=1))
    found = global_moves(own.cost(Passes(flows=1, generators=1, critics=1)), budget - last)
    settings = None if found.settings is None else found.settings | _flow_settings(contest)
    return Plan(settings, found.cost + last)


def _weighed_run(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    fast, own = _flow(contest, value), _flow_prices(contest)
    particles, steps = settings["particles"], settings["steps"]
    key = jax.random.fold_in(contest.key, DRAW_KEY)
    found = dcd.correct(fast, n, key, particles=particles, steps=steps, first_index=first, batch=contest.batch)
    candidates = Passes(flows=1, generators=1, critics=1).times(2 + steps * (particles - 1))
    about = {"moved": found.acceptance, "not_finite": found.settings["not_finite"]}
    return Drawn(found.samples, candidates + Passes(generators=1), own, _flow_once(contest, settings), about)


_BOOST_SIZES = tuple(f * dcd.preset("ddls").step_size for f in FACTORS)
TRAINED = (
    Method("boosted", "arXiv 1702.08484", "step size", _BOOST_SIZES, _boosted_plan, _boosted_run, after="ddls"),
    Method("flow", "this toolkit", "none", (1.0,), _flow_plan, _flow_run, whole=True),
    Method("flow-i-sir", "arXiv 2111.02702", "sharpness", SHARPNESS, _weighed_plan, _weighed_run),
)
