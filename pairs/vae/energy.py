r"""The evidence bound of an autoencoder as a critic: what it cannot reconstruct, or codes off the prior, scores low.

With :math:`L(x) = \lVert x - D(\mu(x))\rVert^2` and :math:`K(x) = \mathrm{KL}(q(z|x) \| N(0, I))`:

.. math::
   \text{elbo} &: W = -(\beta_r L + \beta_k K) \qquad \text{kl}: W = -\beta_k K \qquad \text{rec}: W = -\beta_r L \\
   \text{importance} &: W = \log \tfrac1m \sum_i \exp\left[-\beta_r \lVert x - D(z_i)\rVert^2
      + \beta_k \log\tfrac{p(z_i)}{q(z_i|x)}\right], \quad z_i \sim q(z|x)

and the score is :math:`a W + b`, higher = more real. At :math:`\beta_r = \tfrac12, \beta_k = 1` the last is the
importance-weighted bound (arXiv 1509.00519) for a unit-variance decoder, up to :math:`\tfrac D2\log 2\pi`.
The noise of its draws is fixed by ``seed`` and the same for every sample, so a score is a function of its sample.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array

from ..assembly import make_pair
from ..errors import InputError
from ..priors import Normal
from ..protocol import Net, Pair
from ..record import Record
from ..registry import Architecture, register
from .losses import kl_standard, split_posterior, squared_error
from .nets import Mlp, decoder_net, encoder_net

__all__ = ["ElboCritic", "Terms", "bound_pair", "elbo_net", "vary"]

Terms = Literal["elbo", "kl", "rec", "importance"]


@dataclasses.dataclass(frozen=True)
class ElboCritic:
    r"""``(params, x) -> (batch,)`` with ``params = {"encoder", "decoder"}``; the symbols are those of the module.

    Attributes:
      encoder: The encoder.
      decoder: The decoder.
      terms: Which bound: ``elbo``, ``kl``, ``rec`` or ``importance``.
      rec: :math:`\beta_r`, weight of the reconstruction.
      kl: :math:`\beta_k`, weight of the KL.
      scale: a, factor of the bound.
      shift: b, added to the bound.
      draws: m, draws of the code (``importance`` alone).
      seed: Seed of the draws.

    Raises:
      InputError: unknown terms, or no draws.
    """

    encoder: Mlp
    decoder: Mlp
    terms: Terms = "elbo"
    rec: float = 1.0
    kl: float = 1.0
    scale: float = 1.0
    shift: float = 0.0
    draws: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.terms not in get_args(Terms):
            raise InputError("terms", f"is {self.terms!r}", f"use one of {', '.join(get_args(Terms))}")
        if self.draws < 1:
            raise InputError("draws", f"is {self.draws}", "give at least 1")

    def __call__(self, params: Any, x: Array, labels: Any = None) -> Array:
        """The bound of each image, ``(batch,)``."""
        mean, log_var = split_posterior(self.encoder(params["encoder"], x))
        if self.terms == "importance":
            bound = self._importance(params, x, mean, log_var)
        else:
            bound = jnp.zeros(x.shape[0], mean.dtype)
            if self.terms != "kl":
                bound = bound - self.rec * squared_error(x, self.decoder(params["decoder"], mean))
            if self.terms != "rec":
                bound = bound - self.kl * kl_standard(mean, log_var)
        return self.scale * bound + self.shift

    def _importance(self, params: Any, x: Array, mean: Array, log_var: Array) -> Array:
        n, latent = mean.shape
        noise = jax.random.normal(jax.random.key(self.seed), (self.draws, 1, latent), mean.dtype)
        z = mean + jnp.exp(0.5 * log_var) * noise
        made = self.decoder(params["decoder"], z.reshape(self.draws * n, latent))
        tiled = jnp.broadcast_to(x[None], (self.draws, *x.shape)).reshape(made.shape)
        error = squared_error(tiled, made).reshape(self.draws, n)
        # the noise itself is (z - mean) / sd, which never divides by a vanishing variance
        log_ratio = 0.5 * jnp.sum(noise**2 + log_var - z**2, axis=-1)
        return jax.scipy.special.logsumexp(-self.rec * error + self.kl * log_ratio, axis=0) - math.log(self.draws)


def elbo_net(critic: ElboCritic, encoder: Any, decoder: Any) -> Net:
    """The critic as a net that checkpoints can rebuild."""
    values = dataclasses.asdict(critic)
    return Net({"encoder": encoder, "decoder": decoder}, critic, Architecture("vae/elbo", Record(values)))


def bound_pair(
    critic: ElboCritic,
    encoder: Any,
    decoder: Any,
    sample_range: tuple[float, float] | None,
    features: Net | None = None,
    record: Record | None = None,
) -> Pair:
    """A standard normal prior, the decoder, its own bound as critic, and the posterior mean as encoder."""
    return make_pair(
        decoder_net(critic.decoder, decoder),
        elbo_net(critic, encoder, decoder),
        Normal(critic.decoder.inputs),
        sample_range=sample_range,
        critic_kind="energy",
        encoder=encoder_net(critic.encoder, encoder),
        features=features,
        record=record,
    )


def vary(net: Net, **changes: Any) -> Net:
    """The same weights with other terms or weights: ``vary(pair.critic, terms="kl")``.

    Raises:
      InputError: a critic of another kind, an unknown setting.
    """
    critic = net.apply
    if not isinstance(critic, ElboCritic):
        raise InputError("critic", "is not an evidence bound", "take the critic of a pair as it was trained")
    unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(critic)})
    if unknown:
        raise InputError(unknown[0], "is not a setting of this critic", "see the attributes of ElboCritic")
    return elbo_net(dataclasses.replace(critic, **changes), net.params["encoder"], net.params["decoder"])


@register("vae/elbo")
def _elbo(config: Record) -> tuple[ElboCritic, Any]:
    values = config.to_dict()
    encoder, decoder = Mlp.from_dict(values.pop("encoder")), Mlp.from_dict(values.pop("decoder"))
    return ElboCritic(encoder, decoder, **values), {"encoder": encoder.template(), "decoder": decoder.template()}
