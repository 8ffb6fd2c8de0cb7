r"""GEORCE (arXiv 2505.05961): shortest paths of a metric given as matrices, by a global linear solve per step.

With steps :math:`u_t = z_{t+1} - z_t`, matrices :math:`G_t`, :math:`g_t` the gradient of the energy through the
matrices at node t alone and :math:`c_t = \sum_{j>t} g_j`:

.. math::
   \mu = -\Bigl(\sum_t G_t^{-1}\Bigr)^{-1} \Bigl(2(z_T - z_0) + \sum_t G_t^{-1} c_t\Bigr), \qquad
   \hat u_t = -\tfrac12 G_t^{-1} (\mu + c_t)

and :math:`u \leftarrow u + \tau(\hat u - u)`. Two changes from the published method: the energy takes
the mean of the matrices at both ends of a segment (``rule="trapezoid"``; the published left
end is ``rule="left"``, asymmetric and wrong by O(1/T)), and :math:`\tau` is accepted by the Armijo
test along the direction actually taken, :math:`E(\tau) \le E + 10^{-4} \tau\, E'(0)`, so the
search cannot stall.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net

from ..metric.energy import Metric

__all__ = ["GeorceConfig", "GeorceResult", "georce", "matrix_energy", "pullback_georce"]

Rule = Literal["trapezoid", "left"]


@dataclasses.dataclass(frozen=True)
class GeorceConfig:
    """``tolerance`` on the relative decrease of energy, and on ``|grad| |z_T - z_0| / E``."""

    segments: int = 100
    iterations: int = 100
    tolerance: float = 1e-8
    rule: Rule = "trapezoid"

    def __post_init__(self) -> None:
        if self.segments < 2:
            raise InputError("segments", f"is {self.segments}", "give at least 2")
        if self.iterations < 1:
            raise InputError("iterations", f"is {self.iterations}", "give at least 1")
        if self.rule not in ("trapezoid", "left"):
            raise InputError("rule", f"is {self.rule!r}", "use trapezoid or left")


class GeorceResult(NamedTuple):
    """Nodes ``(batch, T + 1, d)``; energy scaled by T; iterations (one set of matrices each) and energy calls."""

    z: Array
    energy: Array
    converged: Array
    iterations: Array
    evaluations: Array


def _energy(matrix: Any, rule: Rule, z: Array) -> Array:
    """T times sum of u^T G u for one path ``(T + 1, d)``."""
    u, g = z[1:] - z[:-1], matrix(z)
    bar = g[:-1] if rule == "left" else 0.5 * (g[1:] + g[:-1])
    return u.shape[0] * jnp.einsum("ti,tij,tj->", u, bar, u)


def matrix_energy(metric: Net, z: ArrayLike, rule: Rule = "trapezoid") -> Array:
    """Energies of paths ``(batch, T + 1, d)`` for a metric net ``(points, d) -> (points, d, d)``."""
    return jax.vmap(partial(_energy, metric, rule))(jnp.asarray(z))


class _State(NamedTuple):
    z: Array
    energy: Array
    done: Array
    converged: Array
    iterations: Array
    evaluations: Array


def _step(matrix: Any, rule: Rule, tolerance: float, state: _State) -> _State:
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

    one = jnp.ones((), z.dtype)
    tau, energy, tries = jax.lax.while_loop(
        too_long, shorten, (one, _energy(matrix, rule, z + shift), jnp.ones((), jnp.int32))
    )
    good = (energy <= state.energy + rounding) & ~state.done
    gain = state.energy - energy
    converged = state.converged | (good & (gain <= tolerance * state.energy))
    freeze = lambda new, old: jnp.where(good, new, old)
    return _State(
        freeze(z + tau * shift, z),
        freeze(energy, state.energy),
        state.done | converged | ~good,
        converged,
        state.iterations + ~state.done,
        state.evaluations + jnp.where(state.done, 0, tries),
    )


@partial(jax.jit, static_argnums=2)
def _solve(metric: Any, z: Array, config: GeorceConfig) -> GeorceResult:
    def one(z: Array) -> GeorceResult:
        zero = jnp.zeros((), jnp.int32)
        still = jnp.all(z[0] == z[-1])
        start = _State(z, _energy(metric, config.rule, z), still, still, zero, zero)
        keep_going = lambda s: ~s.done & (s.iterations < config.iterations)
        end = jax.lax.while_loop(keep_going, partial(_step, metric, config.rule, config.tolerance), start)
        return GeorceResult(end.z, end.energy, end.converged, end.iterations, end.evaluations)

    return jax.vmap(one)(z)


def georce(metric: Net, z0: ArrayLike, z1: ArrayLike, config: GeorceConfig = GeorceConfig()) -> GeorceResult:
    """Paths between ``z0`` and ``z1`` ``(batch, d)`` from the straight line.

    Args:
      metric: pytree ``(points, d) -> (points, d, d)`` of positive definite matrices; wrap a
        closed form with :func:`pairs.wrap`.

    >>> import pairs
    >>> half_plane = pairs.wrap(lambda p, z: jnp.eye(2) / z[:, 1, None, None] ** 2)
    >>> found = georce(half_plane, [[-1.0, 1.0]], [[1.0, 1.0]])
    >>> round(float(jnp.sqrt(found.energy[0])), 3)  # arccosh(3)
    1.763
    """
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    return _solve_from_line(metric, z0, z1, config)


@partial(jax.jit, static_argnums=3)
def _solve_from_line(metric: Net, z0: Array, z1: Array, config: GeorceConfig) -> GeorceResult:
    t = jnp.linspace(0, 1, config.segments + 1, dtype=z0.dtype)[None, :, None]
    return _solve(metric, (1 - t) * z0[:, None] + t * z1[:, None], config)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Pulled:
    """``w^2 J^T J`` of a pair's metric at points ``(points, d)``."""

    metric: Metric

    def __call__(self, z: Array) -> Array:
        from .gauss_newton import _linearise

        _, jf, w, _ = _linearise(self.metric, z[:, None], None)
        jf = jf[:, 0] * w[:, 0, None, None]
        d = z.shape[-1]
        m = jnp.einsum("nDi,nDj->nij", jf, jf)
        return m + 1e-6 * jnp.trace(m, axis1=1, axis2=2)[:, None, None] / d * jnp.eye(d, dtype=z.dtype)


def pullback_georce(metric: Metric, z: Array, labels: Array | None, iterations: int, tolerance: float) -> Any:
    """GEORCE on the pull-back matrices from the given nodes; second derivatives of the generator enter."""
    from .gauss_newton import NodeState
    from .gauss_newton import _energy as chord_energy

    if labels is not None:
        raise InputError("solver", "georce does not take labels", "use lbfgs for conditional pairs")
    config = GeorceConfig(z.shape[1] - 1, iterations, tolerance)
    found = _solve(_Pulled(metric), z, config)
    return NodeState(
        found.z,
        chord_energy(metric, found.z, None),
        jnp.zeros_like(found.energy),
        found.evaluations,
        found.converged,
        found.converged,
    )
