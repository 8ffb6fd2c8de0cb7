r"""Step size for a target acceptance rate, by dual averaging on pilot chains, then frozen.

With acceptance :math:`a_k` at pilot step k, target :math:`\delta` and :math:`\mu = \log 10\eta_0`
(Nesterov's scheme as in arXiv 1111.4246):

.. math::
   \bar H_k &= \left(1 - \tfrac{1}{k + t_0}\right) \bar H_{k-1} + \tfrac{1}{k + t_0} (\delta - a_k) \\
   \log\eta_k &= \mu - \tfrac{\sqrt k}{\gamma} \bar H_k, \qquad
   \log\bar\eta_k = k^{-\kappa} \log\eta_k + (1 - k^{-\kappa}) \log\bar\eta_{k-1}

:math:`\bar\eta` is returned. Adapting while one samples breaks invariance, so the pilot chains are thrown away.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from .chain import advance, start
from .settings import Langevin
from .starts import labels_of, latents_of

__all__ = ["StepReport", "adapt_step_size", "Averaging", "averaging_init", "averaging_update"]

SHRINKAGE, DELAY, FORGETTING = 0.05, 10.0, 0.75


class Averaging(NamedTuple):
    """State of dual averaging; ``log_step`` is what to try next, ``log_average`` what to keep."""

    rounds: int
    center: float
    error: float
    log_step: float
    log_average: float


class StepReport(NamedTuple):
    """How the step size was found."""

    step_size: float
    acceptance: float
    """Mean acceptance of the pilot chains at the frozen step size."""
    target: float
    step_sizes: tuple[float, ...]
    """Tried, in order."""
    acceptances: tuple[float, ...]
    """Mean acceptance at each."""


def averaging_init(step_size: float) -> Averaging:
    """Start at ``step_size``, leaning towards ten times that.

    >>> round(averaging_init(0.1).center, 6)
    0.0
    """
    return Averaging(0, math.log(10 * step_size), 0.0, math.log(step_size), math.log(step_size))


def averaging_update(state: Averaging, acceptance: float, target: float) -> Averaging:
    """One update with the acceptance seen at ``exp(state.log_step)``."""
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
    """``config`` with the step size at which the Metropolis correction accepts ``target`` of the moves.

    Cost: 1.5 ``steps`` gradient evaluations of ``chains`` chains, which start at the prior and are not
    returned. A chain without correction is piloted with it: the size of its steps then is one whose
    discretisation error a correction could still afford. Same key, same answer.

    Args:
      config: its ``step_size`` is where the search starts; annealing is left out of the pilot.
      target: mean acceptance in (0, 1); 0.574 is optimal for MALA in many dimensions.
      chains, steps: at least 1 and 10.
      labels: ``(chains,)`` for conditional pairs, all in turn by default.

    Raises:
      InputError: settings out of range, or a chain that cannot be corrected (no temperature,
        noise before the gradient or scaled with it, tangent drift).
    """
    for name, value, least in (("chains", chains, 1), ("steps", steps, 10)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(name, f"is {value!r}", f"give at least {least}")
    if not 0 < target < 1:
        raise InputError("target", f"is {target!r}", "give an acceptance rate between 0 and 1")
    last = steps + steps // 2
    pilot = config.replace(metropolis=True, anneal=(1.0,), anneal_noise=(1.0,), steps=last)
    key = jax.random.fold_in(key, 0x57E9)
    index = np.arange(chains)
    c = labels_of(pair, index) if labels is None else jnp.asarray(labels)
    z = latents_of(pair, key, index, c)
    state = start(pair, pilot, z if pilot.space == "latent" else pair.generate(z, c), index, c)
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
