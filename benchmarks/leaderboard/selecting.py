r"""Selection at a budget: as many candidates per sample as it pays, with five sharpnesses of the ratio.

A candidate passes the generator and the critic once. Selection has no step size; what is tried in its place is the
factor s of :math:`e^{s\,d}`, 1 in the papers. OBRS and DRS keep the share of the candidates that the budget allows;
MH-GAN and i-SIR see as many as it allows, and pass the one they end at once more.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

import dcd
from dcd.selection.candidates import MOST_CANDIDATES, Source
from dcd.selection.discriminator_rejection import drs_logit
from pairs import Pair, Sphere

from .chains import NO_WAY_BACK
from .method import FACTORS, SHARPNESS, Contest, Drawn, Method, Plan, sharpened
from .passes import Passes, Prices

__all__ = ["EX2", "SELECTIONS", "drs_gamma", "global_moves"]

CANDIDATE = Passes(generators=1, critics=1)
PILOT = 4096
PARTICLES = 8
"""Of i-SIR and Ex2, the current sample included, as by default in the library."""
LOCAL_STEPS = 3


def drs_gamma(log_ratio: np.ndarray, acceptance: float) -> float:
    r"""The :math:`\gamma` at which discriminator rejection accepts a share of these candidates, by bisection.

    Example:
      >>> d = np.linspace(-3.0, 1.0, 500)
      >>> gamma = drs_gamma(d, 0.25)
      >>> round(float(dcd.selection.drs_acceptance(d, d.max(), gamma).mean()), 6)
      0.25
    """
    logits = drs_logit(log_ratio, float(np.max(log_ratio)))
    low, high = -60.0 + float(logits.min()), 60.0 + float(logits.max())
    for _ in range(80):
        middle = (low + high) / 2
        share = float(np.exp(-np.logaddexp(0.0, middle - logits)).mean())
        low, high = (middle, high) if share > acceptance else (low, middle)
    return (low + high) / 2


def _share(contest: Contest, budget: float) -> Plan:
    one = contest.prices.cost(CANDIDATE)
    if one > budget:
        return Plan(None, one)
    share = max(one / budget, 1 / MOST_CANDIDATES)
    return Plan({"acceptance": share}, one / share)


def _rejection(method: str, contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    pair, share = sharpened(contest.pair, value), settings["acceptance"]
    shared: dict[str, Any] = {"pilot": PILOT, "first_index": first, "batch": contest.batch}
    if method == "obrs":
        found = dcd.obrs(pair, n, contest.key, budget=share, **shared)
    else:
        # the library's pilot depends on the key alone, so that this is the one that sets its constants
        d = Source(pair, contest.key, n, "DRS", first_index=first, batch=contest.batch).pilot(PILOT)
        found = dcd.drs(pair, n, contest.key, gamma=drs_gamma(d, share), **shared)
    once = contest.prices.cost(CANDIDATE) * PILOT * (1 if method == "obrs" else 2)
    about = {"exhausted": int(found.exhausted.sum()), "acceptance": found.acceptance}
    return Drawn(found.samples, CANDIDATE.times(float(found.tried.mean())), contest.prices, once, about)


def _proposals(contest: Contest, budget: float) -> Plan:
    one = contest.prices.cost(CANDIDATE)
    count = min(math.floor(budget / one + 1e-9) - 1, MOST_CANDIDATES)
    return Plan(None, 3 * one) if count < 2 else Plan({"proposals": count}, one * (count + 1))


def _mh_gan(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    real = None if contest.pair.classes is not None else contest.data.held_x
    pair, count = sharpened(contest.pair, value), settings["proposals"]
    found = dcd.mh_gan(pair, n, contest.key, proposals=count, real_x=real, first_index=first, batch=contest.batch)
    about = {"acceptance": found.acceptance, "capped": int(found.exhausted.sum())}
    once = 0.0 if real is None else contest.prices.cost(Passes(critics=len(real)))
    return Drawn(found.samples, CANDIDATE.times(count + 1), contest.prices, once, about)


def global_moves(candidate: float, budget: float) -> Plan:
    """Rounds of sampling importance resampling within a budget; fewer particles where it pays no whole round.

    Example:
      >>> global_moves(0.5, 20.0).settings
      {'particles': 8, 'steps': 5}
    """
    fresh = min(math.floor(budget / candidate + 1e-9) - 2, MOST_CANDIDATES - 1)
    if fresh < 1:
        return Plan(None, 3 * candidate)
    particles = min(PARTICLES, fresh + 1)
    steps = fresh // (particles - 1)
    cost = candidate * (2 + steps * (particles - 1))
    return Plan({"particles": particles, "steps": steps}, cost)


def _isir(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    found = dcd.isir(sharpened(contest.pair, value), n, contest.key, first_index=first, batch=contest.batch, **settings)
    count = 2 + settings["steps"] * (settings["particles"] - 1)
    return Drawn(found.samples, CANDIDATE.times(count), contest.prices, 0.0, {"moved": found.acceptance})


def _round(local_steps: int) -> Passes:
    return CANDIDATE.times(PARTICLES - 1) + Passes(gradients=local_steps + 1)


def _ex2_plan(contest: Contest, budget: float) -> Plan:
    prices: Prices = contest.prices
    if isinstance(contest.pair.prior, Sphere):
        return Plan(None, 0.0, NO_WAY_BACK)
    ends = prices.cost(CANDIDATE.times(2))
    for local in range(LOCAL_STEPS, 0, -1):
        one = prices.cost(_round(local))
        rounds = min(math.floor((budget - ends) / one + 1e-9), (MOST_CANDIDATES - 1) // (PARTICLES - 1))
        if rounds >= 1:
            settings = {"particles": PARTICLES, "steps": rounds, "local_steps": local}
            return Plan(settings, ends + rounds * one)
    return Plan(None, ends + prices.cost(_round(1)))


def _ex2(contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    pair: Pair = contest.pair
    found = dcd.ex2(pair, n, contest.key, step_size=value, first_index=first, batch=contest.batch, **settings)
    passes = CANDIDATE.times(2) + _round(settings["local_steps"]).times(settings["steps"])
    about = {"acceptance": found.acceptance, "global_moves": found.settings["global_moves"]}
    return Drawn(found.samples, passes, contest.prices, 0.0, about)


SELECTIONS = (
    Method("drs", "arXiv 1810.06758", "sharpness", SHARPNESS, _share, functools.partial(_rejection, "drs")),
    Method("obrs", "arXiv 2311.00460", "sharpness", SHARPNESS, _share, functools.partial(_rejection, "obrs")),
    Method("mh-gan", "arXiv 1811.11357", "sharpness", SHARPNESS, _proposals, _mh_gan),
    Method(
        "i-sir",
        "arXiv 2111.02702",
        "sharpness",
        SHARPNESS,
        lambda contest, budget: global_moves(contest.prices.cost(CANDIDATE), budget),
        _isir,
    ),
)
EX2 = Method("ex2", "arXiv 2111.02702", "step size", tuple(0.01 * f for f in FACTORS), _ex2_plan, _ex2)
"""Global moves among candidates and local moves along the gradient, step size 0.01 by default in the library."""
