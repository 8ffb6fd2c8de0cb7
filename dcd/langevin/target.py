r"""The density that a chain climbs or samples, made from a pair.

.. math:: \log\pi(u) = \beta\,\Phi(D(u)) + \alpha \log p_0(u) - \kappa \lVert u - u_0\rVert

up to a constant. In latent space :math:`D(u)` is :math:`D(G(u))`. :math:`\Phi` turns the weights of the f-divergence
flows (arXiv 2012.00780) into a potential, so that every preset has one: ``kl`` is :math:`d`, ``js`` is
:math:`\log(1+e^d)`, ``logd`` is :math:`-\log(1+e^{-d})`.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Pair, Prior

from .chain_settings import ChainSettings, Divergence, Space

__all__ = ["Evaluation", "Form", "Target", "Weights", "make_target", "to_samples"]


class Evaluation(NamedTuple):
    """The target at points.

    Attributes:
      log_density: Log density up to a constant, ``(batch,)``.
      score: The critic's score, ``(batch,)``.
      gradient: Gradient of the log density, shaped like the points.
    """

    log_density: Array
    score: Array
    gradient: Array


class Weights(NamedTuple):
    r"""The numbers of a target. They are data, so that another number compiles nothing.

    Attributes:
      critic_scale: :math:`\beta`.
      prior_weight: :math:`\alpha`.
      tether: :math:`\kappa`.
    """

    critic_scale: ArrayLike
    prior_weight: ArrayLike
    tether: ArrayLike


class Form(NamedTuple):
    """Which terms a target has. A form is static: another one is another compiled program.

    Attributes:
      space: What the points are.
      divergence: Which potential the score goes through.
      tether: Whether there is a pull to the start.
      bounded: Whether the density is zero outside the prior's support or the sample range.
    """

    space: Space
    divergence: Divergence
    tether: bool
    bounded: bool


_POTENTIALS = {"kl": lambda d: d, "js": jax.nn.softplus, "logd": lambda d: -jax.nn.softplus(-d)}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Target:
    """A target density as a pytree, so that weights travel as arguments of the compiled step.

    Attributes:
      generator: The pair's generator.
      critic: The pair's critic.
      prior: Law of the latents.
      weights: The numbers of the density.
      labels: ``(batch,)`` classes of a conditional pair, else None.
      form: Which terms there are.
      sample_range: ``(low, high)`` of the samples, None where they are unbounded.
    """

    generator: Net
    critic: Net
    prior: Prior
    weights: Weights
    labels: Array | None
    form: Form = dataclasses.field(metadata=dict(static=True))
    sample_range: tuple[float, float] | None = dataclasses.field(metadata=dict(static=True))

    def log_density(self, u: Array, origin: Array) -> tuple[Array, Array]:
        """Log density and critic's score at the points ``u``, both ``(batch,)``; ``origin`` is where chains started."""
        latent, weights = self.form.space == "latent", self.weights
        x = self.samples(u)
        score = self.critic(x) if self.labels is None else self.critic(x, self.labels)
        value = weights.critic_scale * _POTENTIALS[self.form.divergence](score)
        if latent:
            prior = self.prior.log_prob(u, self.labels)
            # a bounded target has its support also where alpha is 0, and 0 times infinity would be NaN
            finite = jnp.where(jnp.isneginf(prior), 0.0, prior)
            value = value + jnp.where(weights.prior_weight == 0, 0.0, weights.prior_weight * finite)
            if self.form.bounded:
                value = jnp.where(jnp.isneginf(prior), -jnp.inf, value)
        elif self.form.bounded and self.sample_range is not None:
            flat = x.reshape(x.shape[0], -1)
            inside = jnp.all((flat >= self.sample_range[0]) & (flat <= self.sample_range[1]), axis=1)
            value = jnp.where(inside, value, -jnp.inf)
        if self.form.tether:
            offset = (u - origin).reshape(u.shape[0], -1)
            value = value - weights.tether * _safe_norm(offset)
        return value, score

    def evaluate(self, u: Array, origin: Array) -> Evaluation:
        """Value, score and gradient at the points ``u``: one forward and one backward pass of the nets."""

        def total(u: Array) -> tuple[Array, tuple[Array, Array]]:
            value, score = self.log_density(u, origin)
            return jnp.sum(value), (value, score)

        (_, (value, score)), gradient = jax.value_and_grad(total, has_aux=True)(u)
        return Evaluation(value, score, gradient)

    def project(self, u: Array) -> Array:
        """The points moved to the prior's support (latents) or to the sample range (samples)."""
        if self.form.space == "latent":
            return self.prior.project(u)
        return u if self.sample_range is None else jnp.clip(u, *self.sample_range)

    def samples(self, u: Array) -> Array:
        """The samples that the points stand for: themselves, or what the generator makes of latents."""
        if self.form.space == "pixel":
            return u
        return self.generator(u) if self.labels is None else self.generator(u, self.labels)


def make_target(pair: Pair, settings: ChainSettings, labels: ArrayLike | None = None) -> Target:
    """The target of ``pair`` under the settings of a chain.

    Args:
      pair: Generator, critic and prior.
      settings: Settings of the chain.
      labels: ``(batch,)`` classes of the chains of a conditional pair.

    Returns:
      The target for a batch of chains with these labels.
    """
    return Target(
        pair.generator,
        pair.critic,
        pair.prior,
        Weights(settings.critic_scale, settings.prior_weight, settings.tether),
        None if labels is None else jnp.asarray(labels),
        Form(settings.space, settings.divergence, settings.tether > 0, settings.bounded),
        pair.sample_range,
    )


@jax.jit
def to_samples(target: Target, u: Array) -> Array:
    """:meth:`Target.samples` as one compiled call."""
    return target.samples(u)


def _safe_norm(v: Array) -> Array:
    """Norm of every row, with gradient zero at zero: a subgradient, where the true gradient does not exist."""
    square = jnp.sum(v * v, axis=1)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
