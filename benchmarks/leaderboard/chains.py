r"""Presets of the chain at a budget: as many steps as it pays, with five sizes of the step.

A latent chain of T steps makes T + 1 gradients, one of them at its start, and one pass of the generator at its end. A
pixel chain begins with a pass of the generator and makes as many gradients of the critic alone, twice as many where the
noise comes before the gradient.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import dcd
from dcd.langevin.presets import dot, gebm
from dcd.selection.candidates import Source
from dcd.selection.selected import in_batches
from pairs import Pair, Sphere

from .method import FACTORS, Contest, Drawn, Method, Plan
from .passes import Passes, Prices

__all__ = ["CHAINS", "NO_WAY_BACK", "chain_passes", "draw_chains", "most_steps"]

NO_WAY_BACK = "a straight proposal never comes back to the sphere"
COUPLES = 100
"""Couples of samples for the slope that DOT divides by, as in the paper."""


def chain_passes(chain: dcd.Langevin) -> Passes:
    """Passes per sample of a chain.

    Example:
      >>> chain_passes(dcd.preset("ddls").replace(steps=4))
      Passes(gradients=5.0, critic_gradients=0.0, generators=1.0, critics=0.0, flows=0.0)
    """
    made = 1.0 + chain.steps * (2 if chain.noise_order == "before" else 1)
    inside = chain.space == "latent"
    return Passes(gradients=made if inside else 0.0, critic_gradients=0.0 if inside else made, generators=1.0)


def most_steps(chain: dcd.Langevin, prices: Prices, budget: float) -> Plan:
    """The longest chain within a budget, its settings under ``chain``; at least one step."""
    at_rest, one = (prices.cost(chain_passes(chain.replace(steps=s))) for s in (0, 1))
    steps = math.floor((budget - at_rest) / (one - at_rest) + 1e-9)
    if steps < 1:
        return Plan(None, one)
    chain = chain.replace(steps=steps)
    return Plan({"chain": chain.to_dict()}, prices.cost(chain_passes(chain)))


def draw_chains(pair: Pair, chain: dcd.Langevin, contest: Contest, n: int, first: int) -> Any:
    """Samples ``first`` to ``first + n - 1`` of the contest's key at the end of a chain."""
    source = Source(
        pair, contest.key, n, chain.preset, first=chain, first_index=first, batch=contest.batch, smooth=True
    )
    return next(in_batches(lambda rows, keep: (source.draw(rows, 0).samples,), n, contest.batch))


def _plan(name: str, contest: Contest, budget: float) -> Plan:
    chain = dcd.preset(name)
    if chain.metropolis and isinstance(contest.pair.prior, Sphere):
        return Plan(None, 0.0, NO_WAY_BACK)
    if name == "dot":
        chain = dot(_slope(contest))
    found = most_steps(chain, contest.prices, budget)
    if name != "gebm" or found.settings is None:
        return found
    # the published fall of the step size goes by the number of the step
    chain = gebm(found.settings["chain"]["steps"])
    return Plan({"chain": chain.to_dict()}, found.cost)


def _slope(contest: Contest) -> float:
    if "slope" not in contest.made:
        contest.made["slope"] = dcd.effective_lipschitz(contest.pair, contest.key, COUPLES)
    return contest.made["slope"]


def _run(name: str, contest: Contest, settings: dict[str, Any], value: float, n: int, first: int) -> Drawn:
    chain = dcd.Langevin.from_dict({**settings["chain"], "step_size": value})
    once = 2 * COUPLES * contest.prices.cost(Passes(generators=1, critics=1)) if name == "dot" else 0.0
    return Drawn(draw_chains(contest.pair, chain, contest, n, first), chain_passes(chain), contest.prices, once)


def _method(name: str, source: str) -> Method:
    values = tuple(f * dcd.preset(name).step_size for f in FACTORS)
    return Method(name, source, "step size", values, functools.partial(_plan, name), functools.partial(_run, name))


CHAINS = (
    _method("dcd-pixel", "arXiv 2004.01704"),
    _method("dcd-latent", "arXiv 2004.01704"),
    _method("ddls", "arXiv 2003.06060"),
    _method("ddls-mala", "arXiv 2003.06060, 2107.00352"),
    _method("dgflow-kl", "arXiv 2012.00780"),
    _method("dgflow-js", "arXiv 2012.00780"),
    _method("dgflow-logd", "arXiv 2012.00780"),
    _method("dot", "arXiv 1910.06832"),
    _method("gebm", "arXiv 2003.05033"),
)
"""The presets that a budget can lengthen. ``latent`` is ``ddls`` with a smaller step, ``repgan`` is ``ddls-mala``."""
