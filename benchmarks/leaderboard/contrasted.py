r"""Discriminator contrastive divergence: the critic is trained against the short chain of samples that it drives.

:func:`dcd.contrast` fine-tunes the critic of the board for a nearly noiseless chain in sample space, the one of
:mod:`dcd.tuning.courses`: step :math:`0.3\,r^2` for samples of half range r, as many steps as the budget pays, at most
ten. The critic finds its scale, so that the knob is not the step size but the learning rate. A training that does not
stay finite is as far as can be. What training takes is reported apart, since it is spent once.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import dcd
from dcd.tuning.courses import sample_chain
from pairs import InputError, Pair

from .chains import chain_passes, draw_chains, most_steps
from .method import Contest, Drawn, Method, Plan

__all__ = ["CONTRASTED"]

RATES = (5e-5, 1.5e-4, 5e-4, 1.5e-3, 5e-3)
CONTRAST_KEY = 0xCD
UPDATES = {"critic_updates": 2, "adam_decay": 0.999}
"""Settings of :class:`dcd.Contrast` beside the learning rate, the rounds and the batch."""


def _plan(contest: Contest, budget: float) -> Plan:
    longest = sample_chain(contest.pair, contest.data.train_x)
    found = most_steps(longest, contest.prices, budget)
    if found.settings is None:
        return found
    chain = longest.replace(steps=min(found.settings["chain"]["steps"], longest.steps))
    asked = {"rounds": contest.training.contrast_rounds, "batch": contest.training.contrast_batch, **UPDATES}
    return Plan({"chain": chain.to_dict(), "contrast": asked}, contest.prices.cost(chain_passes(chain)))


def _trained(contest: Contest, chain: dcd.Langevin, asked: dict[str, Any], rate: float) -> Pair | None:
    """The pair with the critic for this chain; None where its training did not stay finite."""
    known = "contrasted", chain.steps, rate, *sorted(asked.items())
    if known not in contest.made:
        how = dcd.Contrast(learning_rate=rate, **asked)
        key = jax.random.fold_in(contest.key, CONTRAST_KEY)
        data, labels = contest.data.train_x, contest.data.train_labels
        try:
            made = dcd.contrast(contest.pair, data, key, how, chain, labels=labels)[0]
            # no log ratio, which chains do not need; what draws candidates asks for one of every pair
            contest.made[known] = made.replace(critic_kind="logit", calibrated=True)
        except InputError as error:
            if error.field != "training":  # whose loss did not stay finite
                raise
            contest.made[known] = None
    return contest.made[known]


def _run(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    chain = dcd.Langevin.from_dict(settings["chain"])
    prices, passes = contest.prices, chain_passes(chain)
    # an update passes real samples and negatives, forward and backward in the weights
    asked = settings["contrast"]
    updates = asked["critic_updates"] * 2 * asked["batch"] * prices.critic_gradient
    once = asked["rounds"] * (asked["batch"] * prices.cost(passes) + updates)
    pair = _trained(contest, chain, asked, value)
    if pair is None:
        return Drawn(np.full((n, *contest.pair.sample_shape), np.nan, np.float32), passes, prices, once)
    return Drawn(draw_chains(pair, chain, contest, n, first), passes, prices, once)


CONTRASTED = (Method("dcd", "arXiv 2004.01704", "learning rate", RATES, _plan, _run),)
