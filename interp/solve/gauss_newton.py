r"""Gauss-Newton / Levenberg-Marquardt on free nodes, block tridiagonal; and the bridge from nodes to curves.

Residuals :math:`r_i = \sqrt N\,\bar w_i (f_{i+1} - f_i)` of segment i depend on two nodes,

.. math::
   P_i = \partial r_i/\partial z_i, \qquad Q_i = \partial r_i/\partial z_{i+1}

so :math:`J^\top J` has diagonal blocks :math:`Q_{i-1}^\top Q_{i-1} + P_i^\top P_i` and off-diagonal blocks
:math:`P_i^\top Q_i`. The weight is differentiated, so :math:`J^\top r` is half the exact gradient. Each pair has
its own damping :math:`\mu` (times the diagonal), divided by 3 on success and multiplied by 8 on failure.

A step costs d forward derivatives of the generator at every node: for latents of up to some 32 dimensions.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError

from ..curves.sine_curve import Curve, to_coefficients
from ..metric.energy import Metric, Observed, node_weight, observe, path_energy
from ..settings import GeodesicConfig
from .georce import pullback_georce

__all__ = ["NodeState", "solve_nodes", "gauss_newton", "block_tridiagonal_solve"]

LARGEST = 64  # latent dimensions beyond which d forward derivatives a node stop being a bargain


class NodeState(NamedTuple):
    """``z`` ``(batch, n, d)`` with the ends; per pair energy, damping, flags and count."""

    z: Array
    energy: Array
    damping: Array
    evaluations: Array
    done: Array
    converged: Array


def solve_nodes(
    metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None, segments: int, iterations: int
) -> tuple[Curve, Array, Array, Array]:
    """(curve through the nodes, energy, converged, evaluations); the curve has ``config.mode_count`` modes.

    Raises:
      InputError: latents too large for Jacobians, sub-steps asked for.
    """
    d = curve.z0.shape[1]
    if d > LARGEST:
        raise InputError("solver", f"{config.solver} needs Jacobians, d = {d}", f"use lbfgs above {LARGEST} dimensions")
    if metric.substeps != 1:
        raise InputError("substeps", f"is {metric.substeps} with {config.solver}", "use lbfgs, or substeps=1")
    t = jnp.linspace(0, 1, segments + 1, dtype=curve.z0.dtype)
    start = curve(t)
    if config.solver == "georce":
        state = pullback_georce(metric, start, labels, iterations, config.tolerance)
    else:
        state = gauss_newton(metric, start, labels, iterations, config.tolerance)
    base = curve.replace(coefficients=curve.coefficients[:, :0])(t)
    modes = to_coefficients((state.z - base)[:, 1:-1])
    from .levels import fit_modes

    found = curve.replace(coefficients=fit_modes(modes, config.mode_count))
    return found, state.energy, state.converged, state.evaluations


def gauss_newton(
    metric: Metric, z: Array, labels: Array | None, iterations: int, tolerance: float = 1e-10
) -> NodeState:
    """Relax nodes ``(batch, n, d)`` with fixed ends; converged when an accepted step gains less than ``tolerance``."""
    batch = z.shape[0]
    zeros = jnp.zeros((batch,), bool)
    state = NodeState(
        z, _energy(metric, z, labels), jnp.full((batch,), 1e-3, z.dtype), jnp.ones((batch,), jnp.int32), zeros, zeros
    )
    state = state._replace(done=~jnp.isfinite(state.energy) | (state.energy <= 0))
    for i in range(iterations):
        state = _iterate(metric, labels, state, tolerance)
        if i % 2 and bool(np.all(np.asarray(state.done))):
            break
    return state


@jax.jit
def _energy(metric: Metric, z: Array, labels: Array | None) -> Array:
    return path_energy(metric, observe(metric, z, labels))


def _weight_at(metric: Metric, z: Array, score: Array) -> Array:
    """The factor of length at single nodes: a path of two equal nodes has the mean weight of one."""
    return node_weight(metric, Observed(jnp.zeros((*z.shape[:2], 1), z.dtype), score, z))


def _linearise(metric: Metric, z: Array, labels: Array | None) -> tuple[Array, Array, Array, Array]:
    """Features, their Jacobians ``(batch, n, D, d)``, node weights and their gradients, by d forward derivatives."""
    batch, n, d = z.shape

    def at(z: Array) -> tuple[Array, Array]:
        seen = observe(metric, z, labels)
        scale = seen.features.shape[-1] ** -0.5 if metric.unit == "mean" else 1.0
        return seen.features * scale, _weight_at(metric, z, seen.score)

    def along(e: Array) -> tuple[Array, Array]:
        return jax.jvp(at, (z,), (jnp.broadcast_to(e, z.shape),))[1]

    f, w = at(z)
    jf, jw = jax.vmap(along, out_axes=-1)(jnp.eye(d, dtype=z.dtype))
    return f, jf, w, jw


@partial(jax.jit, static_argnums=3)
def _iterate(metric: Metric, labels: Array | None, state: NodeState, tolerance: float) -> NodeState:
    z = state.z
    f, jf, w, jw = _linearise(metric, z, labels)
    df = f[:, 1:] - f[:, :-1]
    bar = 0.5 * (w[:, 1:] + w[:, :-1])
    p = -bar[..., None, None] * jf[:, :-1] + 0.5 * df[..., None] * jw[:, :-1, None]
    q = bar[..., None, None] * jf[:, 1:] + 0.5 * df[..., None] * jw[:, 1:, None]
    r = bar[..., None] * df
    pp, qq = jnp.einsum("bnDi,bnDj->bnij", p, p), jnp.einsum("bnDi,bnDj->bnij", q, q)
    pq = jnp.einsum("bnDi,bnDj->bnij", p, q)
    gradient = jnp.einsum("bnDi,bnD->bni", q, r)[:, :-1] + jnp.einsum("bnDi,bnD->bni", p, r)[:, 1:]
    diagonal = qq[:, :-1] + pp[:, 1:]
    d = z.shape[-1]
    own = jnp.einsum("bnii->bni", diagonal)
    trace = jnp.mean(own, axis=-1, keepdims=True)  # where the generator stands still along one axis
    damp = state.damping[:, None, None] * own + (1e-6 * trace + 1e-12 * jnp.max(trace, axis=1, keepdims=True))
    blocks = diagonal + damp[..., None] * jnp.eye(d, dtype=z.dtype)
    step = -jax.vmap(block_tridiagonal_solve)(blocks, pq[:, 1:-1], gradient)
    trial = z.at[:, 1:-1].add(step)
    energy = path_energy(metric, observe(metric, trial, labels))
    live = ~state.done
    better = live & jnp.isfinite(energy) & (energy <= state.energy)
    gain = state.energy - energy
    converged = state.converged | (better & (gain <= tolerance * state.energy))
    damping = jnp.where(better, jnp.maximum(state.damping / 3, 1e-9), jnp.where(live, state.damping * 8, state.damping))
    done = state.done | converged | (damping > 1e8)
    keep = better[:, None, None]
    return NodeState(
        jnp.where(keep, trial, z),
        jnp.where(better, energy, state.energy),
        damping,
        state.evaluations + live,
        done,
        converged,
    )


def block_tridiagonal_solve(diagonal: Array, upper: Array, rhs: Array) -> Array:
    """Solve a symmetric positive block-tridiagonal system by block elimination.

    Args:
      diagonal: ``(n, d, d)``. upper: ``(n - 1, d, d)``, block (i, i + 1). rhs: ``(n, d)``.
    """

    def eliminate(carry: tuple[Array, Array], row: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], tuple]:
        schur, load = carry
        next_diagonal, up, next_rhs = row
        solved = jnp.linalg.solve(schur, jnp.concatenate([up, load[:, None]], axis=1))
        following = next_diagonal - up.T @ solved[:, :-1]
        return (following, next_rhs - up.T @ solved[:, -1]), (solved[:, :-1], solved[:, -1])

    def substitute(x: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        ratio, load = row
        x = load - ratio @ x
        return x, x

    (schur, load), kept = jax.lax.scan(eliminate, (diagonal[0], rhs[0]), (diagonal[1:], upper, rhs[1:]))
    last = jnp.linalg.solve(schur, load)
    _, rest = jax.lax.scan(substitute, last, kept, reverse=True)
    return jnp.concatenate([rest, last[None]])
