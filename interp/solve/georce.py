r"""GEORCE (arXiv 2505.05961): shortest paths of a metric given as matrices, by a global linear solve per step.

With steps :math:`u_t = z_{t+1} - z_t`, matrices :math:`G_t`, :math:`g_t` the gradient of the energy through the
matrices at node t alone and :math:`c_t = \sum_{j>t} g_j`:

.. math::
   \mu = -\Bigl(\sum_t G_t^{-1}\Bigr)^{-1} \Bigl(2(z_T - z_0) + \sum_t G_t^{-1} c_t\Bigr), \qquad
   \hat u_t = -\tfrac12 G_t^{-1} (\mu + c_t)

and :math:`u \leftarrow u + \tau(\hat u - u)`. There are two changes from the published method. The energy takes the
mean of the matrices at both ends of a segment (``rule="trapezoid"``; the published left end is ``rule="left"``,
asymmetric and wrong by O(1/T)). And :math:`\tau` is accepted by the Armijo test along the direction that is taken,
:math:`E(\tau) \le E + 10^{-4} \tau\, E'(0)`, so that the search cannot stall.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Net
from pairs.checks import check_choice, check_count, check_number

__all__ = ["GeorceSettings", "GeorceState", "georce", "georce_init", "georce_step"]

Rule = Literal["trapezoid", "left"]


@dataclasses.dataclass(frozen=True)
class GeorceSettings:
    """How GEORCE solves.

    Attributes:
      segments: T.
      iterations: The largest number of steps.
      tolerance: A path is converged when an accepted step gains less than this share of its energy.
      rule: Which matrices a segment takes.

    Raises:
      InputError: A setting is out of bounds.
    """

    segments: int = 100
    iterations: int = 100
    tolerance: float = 1e-8
    rule: Rule = "trapezoid"

    def __post_init__(self) -> None:
        check_count("segments", self.segments, 2)
        check_count("iterations", self.iterations)
        check_number("tolerance", self.tolerance, at_least=0)
        check_choice("rule", self.rule, get_args(Rule))


class GeorceState(NamedTuple):
    """Paths, and what is known about them; all arrays lead with the batch where there is one.

    Attributes:
      z: Nodes with the ends, ``(batch, T + 1, d)``.
      energy: T times the sum of ``u^T G u``.
      done: Whether the path has stopped.
      converged: Whether it stopped because a step gained little.
      iterations: Steps so far, one set of matrices each.
      evaluations: Energies so far.
    """

    z: Array
    energy: Array
    done: Array
    converged: Array
    iterations: Array
    evaluations: Array


def georce(metric: Net, z0: ArrayLike, z1: ArrayLike, settings: GeorceSettings = GeorceSettings()) -> GeorceState:
    """Shortest paths, from the straight line.

    Args:
      metric: Pytree ``(points, d) -> (points, d, d)`` of positive definite matrices; :func:`pairs.wrap` makes one of a
        closed form.
      z0: First ends, ``(batch, d)``.
      z1: Last ends, ``(batch, d)``.
      settings: Resolution and stop.

    Example:
      >>> import pairs
      >>> half_plane = pairs.wrap(lambda p, z: jnp.eye(2) / z[:, 1, None, None] ** 2)
      >>> found = georce(half_plane, [[-1.0, 1.0]], [[1.0, 1.0]])
      >>> round(float(jnp.sqrt(found.energy[0])), 3)  # arccosh(3)
      1.763

    References:
      arXiv 2505.05961.
    """
    return _solve_from_line(metric, jnp.asarray(z0), jnp.asarray(z1), settings)


@partial(jax.jit, static_argnums=3)
def _solve_from_line(metric: Net, z0: Array, z1: Array, settings: GeorceSettings) -> GeorceState:
    def one(z: Array) -> GeorceState:
        keep_going = lambda s: ~s.done & (s.iterations < settings.iterations)
        step = partial(georce_step, metric, settings.rule, settings.tolerance)
        return jax.lax.while_loop(keep_going, step, georce_init(metric, settings.rule, z))

    t = jnp.linspace(0, 1, settings.segments + 1, dtype=z0.dtype)[None, :, None]
    return jax.vmap(one)((1 - t) * z0[:, None] + t * z1[:, None])


def georce_init(matrix: Any, rule: Rule, z: Array) -> GeorceState:
    """The state of one path with nodes ``z``, ``(T + 1, d)``; equal ends are done."""
    zero, still = jnp.zeros((), jnp.int32), jnp.all(z[0] == z[-1])
    return GeorceState(z, _energy(matrix, rule, z), still, still, zero, zero)


def georce_step(matrix: Any, rule: Rule, tolerance: float, state: GeorceState) -> GeorceState:
    """One step of one path; ``matrix`` is the metric, the other arguments are as in :class:`GeorceSettings`."""
    z = state.z
    count = z.shape[0] - 1
    u = z[1:] - z[:-1]
    # matrices and their pull-back in one pass: for a generator they are the cost of a step
    g, pull = jax.vjp(matrix, z)
    bar = g[:-1] if rule == "left" else 0.5 * (g[1:] + g[:-1])
    outer, none = u[:, :, None] * u[:, None, :], jnp.zeros_like(g[:1])
    from_left = jnp.concatenate([outer, none])
    share = from_left if rule == "left" else 0.5 * (from_left + jnp.concatenate([none, outer]))
    by_node = pull(share)[0][1:-1]
    c = jnp.concatenate([jnp.cumsum(by_node[::-1], axis=0)[::-1], jnp.zeros_like(z[:1])])
    inverse = jnp.linalg.inv(bar)
    mu = -jnp.linalg.solve(jnp.sum(inverse, axis=0), 2 * (z[-1] - z[0]) + jnp.einsum("tij,tj->i", inverse, c))
    direction = -0.5 * jnp.einsum("tij,tj->ti", inverse, mu + c) - u
    shift = jnp.concatenate([jnp.zeros_like(z[:1]), jnp.cumsum(direction, axis=0)])
    shift = shift.at[-1].set(0.0)  # zero but for rounding
    # slope of T * sum u^T G u along the direction: 2 u^T G du + dG terms
    slope = count * (2 * jnp.einsum("ti,tij,tj->", u, bar, direction) + jnp.sum(by_node * shift[1:-1]))
    rounding = 4 * jnp.finfo(z.dtype).eps * jnp.abs(state.energy)

    def too_long(carry: tuple[Array, Array, Array]) -> Array:
        tau, energy, tries = carry
        return ~(energy <= state.energy + 1e-4 * tau * slope + rounding) & (tries < 30)

    def shorten(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        tau, _, tries = carry
        return 0.5 * tau, _energy(matrix, rule, z + 0.5 * tau * shift), tries + 1

    whole = jnp.ones((), z.dtype), _energy(matrix, rule, z + shift), jnp.ones((), jnp.int32)
    tau, energy, tries = jax.lax.while_loop(too_long, shorten, whole)
    good = (energy <= state.energy + rounding) & ~state.done
    converged = state.converged | (good & (state.energy - energy <= tolerance * state.energy))
    return GeorceState(
        jnp.where(good, z + tau * shift, z),
        jnp.where(good, energy, state.energy),
        state.done | converged | ~good,
        converged,
        state.iterations + ~state.done,
        state.evaluations + jnp.where(state.done, 0, tries),
    )


def _energy(matrix: Any, rule: Rule, z: Array) -> Array:
    """T times the sum of u^T G u for one path ``(T + 1, d)``."""
    u, g = z[1:] - z[:-1], matrix(z)
    bar = g[:-1] if rule == "left" else 0.5 * (g[1:] + g[:-1])
    return u.shape[0] * jnp.einsum("ti,tij,tj->", u, bar, u)
