r"""The density a chain climbs or samples, from a pair.

.. math:: \log\pi(u) = \beta\,\Phi(D(u)) + \alpha \log p_0(u) - \kappa \lVert u - u_0\rVert

up to a constant. In latent space :math:`D(u)` is :math:`D(G(u))`. :math:`\Phi` turns the
weights of the f-divergence flows (arXiv 2012.00780) into a potential, so that every preset has one:
``kl`` :math:`d`, ``js`` :math:`\log(1+e^d)`, ``logd`` :math:`-\log(1+e^{-d})`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Pair, Prior

from .kernel import Evaluation, Target
from .settings import Langevin, Structure

__all__ = ["Parts", "Weights", "parts_of", "weights_of", "make_target", "make_projection", "to_samples"]


class Parts(NamedTuple):
    """What of a pair a chain needs, as a pytree whose weights are arguments of the compiled step."""

    generator: Net
    critic: Net
    prior: Prior


class Weights(NamedTuple):
    """The target's numbers: data, not structure, so that changing them compiles nothing."""

    critic_scale: ArrayLike
    prior_weight: ArrayLike
    tether: ArrayLike


def parts_of(pair: Pair) -> Parts:
    return Parts(pair.generator, pair.critic, pair.prior)


def weights_of(config: Langevin) -> Weights:
    return Weights(config.critic_scale, config.prior_weight, config.tether)


_POTENTIALS = {"kl": lambda d: d, "js": jax.nn.softplus, "logd": lambda d: -jax.nn.softplus(-d)}


def make_target(
    parts: Parts,
    structure: Structure,
    weights: Weights,
    sample_range: tuple[float, float] | None,
    labels: Array | None = None,
) -> Target:
    """The target as ``(position, origin) -> Evaluation``; one forward and one backward pass of the nets.

    With Metropolis correction a pixel outside ``sample_range`` has density zero.
    """
    potential = _POTENTIALS[structure.divergence]
    extra = () if labels is None else (labels,)

    def log_density(u: Array, origin: Array) -> tuple[Array, tuple[Array, Array]]:
        x = parts.generator(u, *extra) if structure.space == "latent" else u
        score = parts.critic(x, *extra)
        value = weights.critic_scale * potential(score)
        if structure.space == "latent":
            prior = parts.prior.log_prob(u, labels)
            # where alpha is 0 the support still counts under Metropolis correction, and 0 * inf must not
            value = value + jnp.where(weights.prior_weight == 0, 0.0, weights.prior_weight * _finite_part(prior))
            if structure.metropolis:
                value = jnp.where(jnp.isneginf(prior), -jnp.inf, value)
        elif structure.metropolis and sample_range is not None:
            flat = x.reshape(x.shape[0], -1)
            inside = jnp.all((flat >= sample_range[0]) & (flat <= sample_range[1]), axis=1)
            value = jnp.where(inside, value, -jnp.inf)
        if structure.tether:
            offset = (u - origin).reshape(u.shape[0], -1)
            value = value - weights.tether * _safe_norm(offset)
        return jnp.sum(value), (value, score)

    def target(u: Array, origin: Array) -> Evaluation:
        (_, (value, score)), gradient = jax.value_and_grad(log_density, has_aux=True)(u, origin)
        return Evaluation(value, score, gradient)

    return target


def _finite_part(log_prob: Array) -> Array:
    return jnp.where(jnp.isneginf(log_prob), 0.0, log_prob)


def _safe_norm(v: Array) -> Array:
    """Norm whose gradient at zero is zero: a subgradient, where the true one does not exist."""
    square = jnp.sum(v * v, axis=1)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def make_projection(
    parts: Parts, structure: Structure, sample_range: tuple[float, float] | None
) -> Callable[[Array], Array]:
    """Map back to the support: the prior's in latent space, the sample range in pixel space."""
    if structure.space == "latent":
        return parts.prior.project
    if sample_range is None:
        return lambda x: x
    return lambda x: jnp.clip(x, *sample_range)


def to_samples(parts: Parts, structure: Structure, position: Array, labels: Array | None = None) -> Array:
    """The samples that positions stand for."""
    if structure.space == "pixel":
        return position
    return parts.generator(position) if labels is None else parts.generator(position, labels)
