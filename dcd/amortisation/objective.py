r"""What a flow is trained for: the law that a chain samples, on the chart of the prior.

A chain of temperature T samples :math:`\pi^{1/T}` with the density :math:`\pi` of :mod:`dcd.langevin.target`. On the
chart c with base law b (:mod:`pairs.flows.charts`), where :math:`z = c(v)`, that law has the log density

.. math:: h(v) = \tfrac1T \log \pi(c(v)) - \log p_0(c(v)) + \log b(v)

up to a constant. A flow f that takes :math:`u \sim b` to v has the law
:math:`\log q(v) = \log b(u) - \log|\det f'(u)|`. The loss mixes two divergences, both up to a
constant, and a cost of transport,

.. math::
   L &= (1 - \lambda)\Big(\mathrm{KL}(q \Vert \pi)
        + \frac{\omega}{2\tau}\,\mathbb{E}_{u \sim b} \lVert c(f(u)) - c(u)\rVert^2\Big)
        + \lambda\,\mathrm{KL}(\text{chain} \Vert q), \\
   \mathrm{KL}(q \Vert \pi) &= \mathbb{E}_{u \sim b} \big[\log b(u) - \log|\det f'(u)| - h(f(u))\big], \qquad
   \mathrm{KL}(\text{chain} \Vert q) = -\mathbb{E}_{v \sim \text{chain}}\,\log q(v).

The first needs no samples and may drop modes; the last punishes every mode that q lacks. A Langevin chain descends
:math:`\mathrm{KL}(q \Vert \pi)` along the steepest path in the distance of transport, so that after a time
:math:`\tau = T \sum_k \eta_k` its law is near the minimum of the bracket with :math:`\omega = 1`, one implicit step of
length :math:`\tau`: a short chain stays near its start, and its flow does too.

References:
  Jordan, Kinderlehrer and Otto, The variational formulation of the Fokker-Planck equation, 1998.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair, Prior, Sphere, TruncatedNormal, Uniform
from pairs.flows.charts import from_latents, to_latents
from pairs.flows.couplings import Flow
from pairs.priors import flat_sum

from ..langevin.settings import Langevin
from ..langevin.target import Target, make_target

__all__ = ["ChartLaw", "amortisation_loss", "chart_law", "check_law", "flow_log_density", "log_weights", "on_chart"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ChartLaw:
    """The law that a chain samples, on the chart of its prior.

    Attributes:
      target: Density of the chain.
      base: Base law of the chart.
      temperature: T.
    """

    target: Target
    base: Prior
    temperature: ArrayLike

    def log_density(self, v: Array, fade: ArrayLike = 1.0) -> tuple[Array, Array]:
        """The function h at points ``(batch, *latent)`` of the chart, and the critic's score there, both ``(batch,)``.

        ``fade`` multiplies the critic's scale.
        """
        target, labels = self.target, self.target.labels
        weights = target.weights._replace(critic_scale=fade * jnp.asarray(target.weights.critic_scale))
        z = to_latents(target.prior, v, labels)
        value, score = dataclasses.replace(target, weights=weights).log_density(z, z)
        volume = self.base.log_prob(v) - target.prior.log_prob(z, labels)
        return value / self.temperature + volume, score

    def labelled(self, labels: Array | None) -> ChartLaw:
        """The law for a batch with these labels."""
        return dataclasses.replace(self, target=dataclasses.replace(self.target, labels=labels))


def check_law(pair: Pair, chain: Langevin) -> str | None:
    """Why a chain samples no density on latents that a flow could be trained for; None where it does."""
    if chain.temperature == 0:
        return "has temperature 0, so that it climbs and samples nothing"
    if chain.tether or chain.tangent or chain.noise_scale == "gradient" or chain.hold:
        return "has a tether, a tangent drift, held coordinates or noise that follows the gradient"
    if any(multiplier != 1 for multiplier in chain.anneal_noise):
        return "has anneal_noise, so that its noise is not that of its temperature"
    if chain.prior_weight == 0 and not isinstance(pair.prior, (Sphere, TruncatedNormal, Uniform)):
        return "has prior weight 0 on latents without bounds, so that its density has no finite integral"
    return None


def chart_law(pair: Pair, base: Prior, chain: Langevin) -> ChartLaw:
    """The law that ``chain`` samples on the chart of the pair's prior.

    Raises:
      InputError: The chain moves samples and not latents.
    """
    if chain.space != "latent":
        remedy = "give a chain with space='latent', or use dcd.fold_chain"
        raise InputError("space", "is 'pixel': that chain moves samples", remedy)
    return ChartLaw(make_target(pair, chain.replace(tether=0.0)), base, max(chain.temperature, 1e-30))


def flow_log_density(flow: Flow, params: Any, base: Prior, v: Array, labels: Array | None = None) -> Array:
    """The function log q at points ``(batch, *latent)`` of the chart, ``(batch,)``."""
    u, log_det = flow.inverse(params, v.reshape(len(v), -1), labels)
    return base.log_prob(u.reshape(v.shape)) - log_det


def log_weights(law: ChartLaw, flow: Flow, params: Any, u: Array, fade: ArrayLike = 1.0) -> tuple[Array, Array, Array]:
    r"""Importance weights of a flow's samples.

    Args:
      law: What is to be sampled; its labels are those of the batch.
      flow: The flow.
      params: Its parameters.
      u: Points ``(batch, *latent)`` of the base law.
      fade: Multiplies the critic's scale.

    Returns:
      :math:`h(v) - \log q(v)` up to a constant ``(batch,)``, the latents ``(batch, *latent)``, and the scores
      ``(batch,)``.
    """
    labels = law.target.labels
    v, log_det = flow.forward(params, u.reshape(len(u), -1), labels)
    v = v.reshape(u.shape)
    value, score = law.log_density(v, fade)
    return value - law.base.log_prob(u) + log_det, to_latents(law.target.prior, v, labels), score


def on_chart(prior: Prior, z: Array, key: Array, labels: Array | None = None) -> Array:
    """Latents on the chart; on a sphere with random lengths, as its base law has them."""
    v = from_latents(prior, z, labels)
    if not isinstance(prior, Sphere):
        return v
    square = 2 * jax.random.gamma(key, prior.size / 2, (len(z), *(1 for _ in prior.shape)))
    return v * jnp.sqrt(square / prior.size)


def amortisation_loss(
    params: Any,
    flow: Flow,
    law: ChartLaw,
    u: Array,
    chain: tuple[Array, Array | None] | None,
    weight: float,
    fade: ArrayLike = 1.0,
    pull: ArrayLike = 0.0,
) -> tuple[Array, dict[str, Array]]:
    r"""The mixed loss and its parts.

    Args:
      params: Parameters of the flow.
      flow: The flow.
      law: What is to be sampled; its labels are those of ``u``.
      u: Points ``(batch, *latent)`` of the base law.
      chain: Samples of the chain on the chart, and their labels; None without.
      weight: :math:`\lambda`; a divergence of weight 0 is not computed.
      fade: Multiplies the critic's scale.
      pull: :math:`\omega / \tau`.

    Returns:
      The loss, and its parts by name.
    """
    total, parts = jnp.zeros(()), {}
    if weight < 1:
        value, z, _ = log_weights(law, flow, params, u, fade)
        move = flat_sum((z - to_latents(law.target.prior, u, law.target.labels)) ** 2, law.base.shape)
        parts["to_target"], parts["transport"] = -jnp.mean(value), 0.5 * pull * jnp.mean(move)
        total = total + (1 - weight) * (parts["to_target"] + parts["transport"])
    if weight > 0 and chain is not None:
        parts["from_chain"] = -jnp.mean(flow_log_density(flow, params, law.base, *chain))
        total = total + weight * parts["from_chain"]
    return total, parts
