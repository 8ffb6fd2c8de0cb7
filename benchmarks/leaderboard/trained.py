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
from .method import FACTORS, SHARPNESS, Drawn, Job, Method, Plan
from .passes import Passes, Prices, flow_operations, prices
from .selecting import global_moves

__all__ = ["TRAINED"]

POOL_KEY, CRITIC_KEY, FLOW_KEY, DRAW_KEY = 0xB1, 0xB2, 0xF1, 0xF2


def _boosted_plan(job: Job, budget: float) -> Plan:
    first = most_steps(dcd.preset("ddls"), job.prices, budget)
    if first.settings is None:
        return first
    pool = job.training.pool // (job.pair.classes or 1) * (job.pair.classes or 1)
    asked = {"pool": pool, "critic_steps": job.training.critic_steps, "pool_steps": first.settings["chain"]["steps"]}
    asked["pool_step_size"] = job.chosen["ddls", budget]
    found = most_steps(dcd.preset("ddls"), _sum_prices(job), budget)
    return found if found.settings is None else Plan(found.settings | asked, found.cost)


def _sum_prices(job: Job) -> Prices:
    """Prices with a second critic, whose shape is known before it is trained."""
    second = fresh_critic(job.key, job.pair.sample_shape, None, job.pair.classes)
    both = job.pair.replace(critic=summed([job.pair.critic, second], [1.0, 1.0]))
    return prices(both, job.prices.operations)


def _boosted(job: Job, asked: dict[str, Any]) -> tuple[Pair, dict[str, Any]]:
    """The pair with the sum of both critics, which samples of the first one's chain train."""
    known = "boosted", *sorted(asked.items())
    if known not in job.made:
        chain = dcd.preset("ddls").replace(steps=asked["pool_steps"], step_size=asked["pool_step_size"])
        n, keys = asked["pool"], [jax.random.fold_in(job.key, k) for k in (POOL_KEY, CRITIC_KEY)]
        pool = dcd.refine(job.pair, chain, keys[0], n, batch=job.batch).after
        made, report = dcd.boost(
            job.pair,
            pool,
            job.data.train_x,
            job.data.held_x,
            keys[1],
            weight=boost_weight(chain),
            recovery=dcd.Recover(steps=asked["critic_steps"], learning_rate=5e-4),
            pool_labels=labels_of(job.pair, np.arange(n)),
            train_labels=job.data.train_labels,
            held_labels=job.data.held_labels,
        )
        # a sum of log ratios, each of them calibrated
        job.made[known] = made.replace(calibrated=True), report
    return job.made[known]


def _boosted_run(job: Job, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    asked = {k: v for k, v in settings.items() if k != "chain"}
    pair, report = _boosted(job, asked)
    chain = dcd.Langevin.from_dict({**settings["chain"], "step_size": value})
    spent = chain_passes(dcd.preset("ddls").replace(steps=asked["pool_steps"]))
    once = asked["pool"] * job.prices.cost(spent)
    updates = report["recover"]["steps"]
    about = {"auc_of_the_second_critic": report["recover"]["held_out"]["auc"], "updates": updates}
    samples = draw_chains(pair, chain, job, n, first)
    return Drawn(samples, chain_passes(chain), prices(pair, job.prices.operations), once, about)


def _wanted(job: Job) -> tuple[dcd.Langevin, dcd.Amortise]:
    settings = dcd.Amortise(steps=job.training.flow_steps, batch=job.training.flow_batch, chain_weight=0.0)
    return dcd.preset("ddls").replace(steps=0), settings


def _flow_prices(job: Job) -> Prices:
    """Prices with a flow, whose shape is known before it is trained."""
    if "flow prices" not in job.made:
        training = amortisation_job(job.pair, *_wanted(job), None)
        fast = training.to_pair(training.init(job.key), job.key, job.pair.record)
        job.made["flow prices"] = job.prices._replace(flow=flow_operations(fast) / job.prices.operations)
    return job.made["flow prices"]


def _flow(job: Job, sharpness: float = 1.0) -> Pair:
    """The amortised pair, trained when it is first asked for; a sharpness changes the law that weighs its samples."""
    if "flow" not in job.made:
        chain, settings = _wanted(job)
        job.made["flow"] = dcd.amortise(job.pair, chain, jax.random.fold_in(job.key, FLOW_KEY), settings)[0]
    fast: Pair = job.made["flow"]
    kept = fast.record.to_dict()["amortised"]
    chain = {**kept["chain"], "critic_scale": sharpness}
    return fast.replace(record=fast.record.updated(amortised={**kept, "chain": chain}))


def _flow_once(job: Job, settings: dict[str, Any]) -> float:
    return settings["flow_steps"] * settings["flow_batch"] * job.prices.gradient


def _flow_settings(job: Job) -> dict[str, Any]:
    return {"flow_steps": job.training.flow_steps, "flow_batch": job.training.flow_batch}


def _flow_plan(job: Job, budget: float) -> Plan:
    cost = _flow_prices(job).cost(Passes(flows=1, generators=1))
    return Plan(_flow_settings(job) if cost <= budget else None, cost)


def _flow_run(job: Job, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    fast, own = _flow(job), _flow_prices(job)
    samples = generate_set(fast, job.key, n, labels_of(fast, np.arange(n) + first), first_index=first)[1]
    return Drawn(samples, Passes(flows=1, generators=1), own, _flow_once(job, settings))


def _weighed_plan(job: Job, budget: float) -> Plan:
    own = _flow_prices(job)
    last = own.cost(Passes(generators=1))
    found = global_moves(own.cost(Passes(flows=1, generators=1, critics=1)), budget - last)
    settings = None if found.settings is None else found.settings | _flow_settings(job)
    return Plan(settings, found.cost + last)


def _weighed_run(job: Job, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    fast, own = _flow(job, value), _flow_prices(job)
    particles, steps = settings["particles"], settings["steps"]
    key = jax.random.fold_in(job.key, DRAW_KEY)
    found = dcd.correct(fast, n, key, particles=particles, steps=steps, first_index=first, batch=job.batch)
    candidates = Passes(flows=1, generators=1, critics=1).times(2 + steps * (particles - 1))
    about = {"moved": found.acceptance, "not_finite": found.settings["not_finite"]}
    return Drawn(found.samples, candidates + Passes(generators=1), own, _flow_once(job, settings), about)


_BOOST_SIZES = tuple(f * dcd.preset("ddls").step_size for f in FACTORS)
TRAINED = (
    Method("boosted", "arXiv 1702.08484", "step size", _BOOST_SIZES, _boosted_plan, _boosted_run, after="ddls"),
    Method("flow", "this toolkit", "none", (1.0,), _flow_plan, _flow_run, whole=True),
    Method("flow-i-sir", "arXiv 2111.02702", "sharpness", SHARPNESS, _weighed_plan, _weighed_run),
)
