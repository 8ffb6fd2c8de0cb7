r"""A step size for a wanted acceptance rate, found by dual averaging on pilot chains and then frozen.

With acceptance :math:`a_k` at pilot step k, target :math:`\delta` and :math:`\mu = \log 10\eta_0` (Nesterov's scheme as
in arXiv 1111.4246):

.. math::
   \bar H_k &= \left(1 - \tfrac{1}{k + t_0}\right) \bar H_{k-1} + \tfrac{1}{k + t_0} (\delta - a_k) \\
   \log\eta_k &= \mu - \tfrac{\sqrt k}{\gamma} \bar H_k, \qquad
   \log\bar\eta_k = k^{-\kappa} \log\eta_k + (1 - k^{-\kappa}) \log\bar\eta_{k-1}

:math:`\bar\eta` is returned. Adaptation during sampling would break invariance, so the pilot chains are thrown away.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.arguments import checked_key
from pairs.checks import check_count, check_number

from .chain import advance, start_at_prior
from .settings import Langevin

__all__ = ["Averaging", "StepReport", "adapt_step_size", "averaging_init", "averaging_update"]

SHRINKAGE, DELAY, FORGETTING = 0.05, 10.0, 0.75


class Averaging(NamedTuple):
    r"""State of dual averaging.

    Attributes:
      rounds: k, the number of updates.
      center: :math:`\mu`.
      error: :math:`\bar H_k`.
      log_step: :math:`\log\eta_k`, the step size to try next.
      log_average: :math:`\log\bar\eta_k`, the step size to keep.
    """

    rounds: int
    center: float
    error: float
    log_step: float
    log_average: float


class StepReport(NamedTuple):
    """How the step size was found.

    Attributes:
      step_size: The step size that was frozen.
      acceptance: Mean acceptance of the pilot chains at that step size.
      target: Acceptance asked for.
      step_sizes: Step sizes that were tried, in order.
      acceptances: Mean acceptance at each of them.
    """

    step_size: float
    acceptance: float
    target: float
    step_sizes: tuple[float, ...]
    acceptances: tuple[float, ...]


def averaging_init(step_size: float) -> Averaging:
    """The state that starts at ``step_size`` and leans towards ten times that.

    Example:
      >>> round(averaging_init(0.1).center, 6)
      0.0
    """
    return Averaging(0, math.log(10 * step_size), 0.0, math.log(step_size), math.log(step_size))


def averaging_update(state: Averaging, acceptance: float, target: float) -> Averaging:
    """The state after ``acceptance`` was seen at ``exp(state.log_step)``."""
    k = state.rounds + 1
    share = 1 / (k + DELAY)
    error = (1 - share) * state.error + share * (target - acceptance)
    log_step = state.center - math.sqrt(k) / SHRINKAGE * error
    weight = k**-FORGETTING
    return Averaging(k, state.center, error, log_step, weight * log_step + (1 - weight) * state.log_average)


def adapt_step_size(
    pair: Pair,
    config: Langevin,
    key: Array,
    target: float = 0.574,
    *,
    chains: int = 64,
    steps: int = 100,
    labels: ArrayLike | None = None,
) -> tuple[Langevin, StepReport]:
    """Settings with the step size at which the Metropolis correction accepts ``target`` of the moves.

    The cost is 1.5 ``steps`` gradient evaluations of ``chains`` chains, which start at the prior and are not returned.
    A chain without correction is piloted with it: the size of its steps is then one whose discretisation error a
    correction could still afford.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain. The search starts at its ``step_size``; the pilot has no annealing.
      key: Typed key; the same key gives the same step size.
      target: Mean acceptance in (0, 1); 0.574 is optimal for MALA in many dimensions.
      chains: Chains of the pilot.
      steps: Steps that adapt, at least 10.
      labels: ``(chains,)`` classes of a conditional pair, all in turn by default.

    Returns:
      ``config`` with its ``step_size`` set, and the report.

    Raises:
      InputError: Settings out of range, or a chain that cannot be corrected (no temperature, noise before the gradient
        or scaled with it, tangent drift).

    References:
      Hoffman and Gelman, The No-U-Turn Sampler, arXiv 1111.4246.
    """
    key = checked_key(key, pair=pair, labels=labels)
    check_count("chains", chains, 1)
    check_count("steps", steps, 10)
    check_number("target", target, above=0.0, below=1.0)
    last = steps + steps // 2
    pilot = config.replace(metropolis=True, anneal=(1.0,), anneal_noise=(1.0,), steps=last)
    key = jax.random.fold_in(key, 0x57E9)
    state, c = start_at_prior(pair, pilot, key, chains, labels)
    averaging = averaging_init(config.step_size)
    tried: list[float] = []
    seen: list[float] = []
    for step in range(steps):
        now = math.exp(averaging.log_step)
        state, info = advance(pair, pilot.replace(step_size=now), key, state, step, step + 1, labels=c)
        tried.append(now)
        seen.append(float(np.mean(info.acceptance, dtype=np.float64)))
        averaging = averaging_update(averaging, seen[-1], target)
    final = math.exp(averaging.log_average)
    _, info = advance(pair, pilot.replace(step_size=final), key, state, steps, last, labels=c)
    rate = float(np.mean(info.acceptance, dtype=np.float64))
    return config.replace(step_size=final), StepReport(final, rate, target, tuple(tried), tuple(seen))
