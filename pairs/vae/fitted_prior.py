r"""A prior fitted to where the codes are: a mixture of diagonal Gaussians on the aggregated posterior, by EM.

.. math::
   r_{ik} \propto \pi_k N(z_i; \mu_k, \mathrm{diag}\,\sigma_k^2), \quad
   \pi_k = \overline{r_k}, \quad \mu_k = \frac{\sum_i r_{ik} z_i}{\sum_i r_{ik}}, \quad
   \sigma_k^2 = \frac{\sum_i r_{ik} (z_i - \mu_k)^2}{\sum_i r_{ik}}

An autoencoder whose reconstruction term outweighs its KL leaves N(0, I), whose draws then decode to
what it never saw; draws from the fitted mixture do not.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ..arrays import on_device
from ..class_mixture import ClassMixture
from ..errors import InputError
from ..protocol import Pair
from .losses import draw_posterior, split_posterior
from .nets import PosteriorMean

__all__ = ["fit_mixture", "posterior_draws", "with_fitted_prior"]


def fit_mixture(
    codes: ArrayLike, components: int, key: Array, iterations: int = 100, least: float = 0.05
) -> ClassMixture:
    """EM from ``components`` codes drawn at random; scales stay above ``least`` times the spread of all codes.

    Raises:
      InputError: fewer codes than components, NaN.
    """
    z = jnp.asarray(codes, jnp.float32)
    if z.ndim != 2 or not 1 <= components <= len(z) or not bool(jnp.all(jnp.isfinite(z))):
        raise InputError("codes", f"have shape {z.shape} for {components} components", "give finite (n, d), n larger")
    spread = jnp.std(z, axis=0) + 1e-6
    first = jax.random.choice(key, z, (components,), replace=False)
    start = ClassMixture((z.shape[1],), first, jnp.tile(spread, (components, 1)), jnp.full(components, 1 / components))

    return _improve(start, z, least * spread, iterations)


@jax.jit
def _improve(prior: ClassMixture, z: Array, floor: Array, iterations: ArrayLike) -> ClassMixture:
    """So many turns of EM; ``floor`` holds the least scale of each coordinate."""

    def turn(_: Array, prior: ClassMixture) -> ClassMixture:
        u = (z[:, None] - prior.means) / prior.scales
        share = jax.nn.softmax(jnp.log(prior.weights) - jnp.sum(0.5 * u**2 + jnp.log(prior.scales), axis=2), axis=1)
        count = jnp.sum(share, axis=0) + 1e-6
        means = share.T @ z / count[:, None]
        square = share.T @ z**2 / count[:, None] - means**2
        scales = jnp.maximum(jnp.sqrt(jnp.maximum(square, 0.0)), floor)
        return dataclasses.replace(prior, means=means, scales=scales, weights=count / jnp.sum(count))

    return jax.lax.fori_loop(0, iterations, turn, prior)


def posterior_draws(pair: Pair, x: ArrayLike, key: Array, batch: int = 1000) -> Array:
    """One draw from the posterior of each sample ``(n, *sample)`` in the pair's range: the aggregated posterior."""
    net = pair.encoder
    if net is None or not isinstance(net.apply, PosteriorMean):
        raise InputError("pair", "has no Gaussian encoder", "give a pair of one of the autoencoder families")
    inner, params = net.apply.encoder, net.params
    encode = jax.jit(lambda p, v: split_posterior(inner(p, v)))
    found, rows = [], np.asarray(x)
    for i in range(0, len(rows), batch):
        mean, log_var = encode(params, on_device(rows[i : i + batch]))
        found.append(draw_posterior(jax.random.fold_in(key, i), mean, log_var))
    return jnp.concatenate(found)


def with_fitted_prior(pair: Pair, x: ArrayLike, key: Array, components: int = 50) -> Pair:
    """The pair with a mixture fitted to the codes of ``x`` in place of its prior."""
    draw_key, fit_key = jax.random.split(key)
    return pair.replace(prior=fit_mixture(posterior_draws(pair, x, draw_key), components, fit_key))
