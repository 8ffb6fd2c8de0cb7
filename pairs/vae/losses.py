r"""Terms that the losses of this package are made of; pure functions, one number per sample unless said otherwise.

For a Gaussian posterior :math:`q = N(\mu, \mathrm{diag}\,e^{\lambda})` (``log_var`` is :math:`\lambda`):

.. math::
   \mathrm{KL}(q \,\|\, N(0, I)) &= \tfrac12 \sum_j \left(e^{\lambda_j} + \mu_j^2 - 1 - \lambda_j\right) \\
   \mathrm{KL}(q \,\|\, N(m, \mathrm{diag}\,s^2)) &= \tfrac12 \sum_j \left(
      \frac{e^{\lambda_j} + (\mu_j - m_j)^2}{s_j^2} - 1 - \lambda_j + 2\log s_j\right)

Sums run over coordinates, never means, so that weights mean the same for every size.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

__all__ = [
    "LOG_VAR_LIMIT",
    "gaussian_log_likelihood",
    "hsic",
    "kl_mixture_bounds",
    "kl_normal",
    "kl_standard",
    "label_logits",
    "label_losses",
    "split_posterior",
    "squared_error",
    "draw_posterior",
]

LOG_VAR_LIMIT = 20.0
"""Log variances are clipped to this on either side: far from the data an encoder's output is arbitrary, and
``exp`` of it overflows long before it means anything."""


def split_posterior(output: Array) -> tuple[Array, Array]:
    """Encoder output ``(batch, 2 d)`` to mean and clipped log variance, ``(batch, d)`` each."""
    mean, log_var = jnp.split(output, 2, axis=-1)
    return mean, jnp.clip(log_var, -LOG_VAR_LIMIT, LOG_VAR_LIMIT)


def draw_posterior(key: Array, mean: Array, log_var: Array) -> Array:
    """One draw per row, differentiable in both."""
    return mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape, mean.dtype)


def kl_standard(mean: ArrayLike, log_var: ArrayLike) -> Array:
    """KL to N(0, I), ``(batch,)``.

    >>> float(kl_standard(jnp.asarray([[1.0, 0.0]]), jnp.zeros((1, 2)))[0])
    0.5
    """
    mean, log_var = jnp.asarray(mean), jnp.asarray(log_var)
    return 0.5 * jnp.sum(jnp.exp(log_var) + mean**2 - 1.0 - log_var, axis=-1)


def kl_normal(mean: ArrayLike, log_var: ArrayLike, to_mean: ArrayLike, to_scale: ArrayLike) -> Array:
    """KL to a diagonal Gaussian with standard deviations ``to_scale``; leading axes broadcast."""
    mean, log_var, scale = jnp.asarray(mean), jnp.asarray(log_var), jnp.asarray(to_scale)
    gap = (jnp.exp(log_var) + (mean - to_mean) ** 2) / scale**2
    return 0.5 * jnp.sum(gap - 1.0 - log_var + 2.0 * jnp.log(scale), axis=-1)


def kl_mixture_bounds(mean: Array, log_var: Array, means: Array, scales: Array, weights: Array) -> tuple[Array, Array]:
    r"""Lower and upper bound on the KL to a mixture of diagonal Gaussians, ``(batch,)`` each.

    With :math:`K_c` the KL to component c, the upper bound is :math:`-\log\sum_c \pi_c e^{-K_c}` (arXiv
    math/0702499), exact where all components coincide; the lower
    bound is :math:`-H(q) - \log\sum_c \pi_c \int q\,p_c` by Jensen's inequality.
    """
    each = kl_normal(mean[:, None], log_var[:, None], means, scales)
    upper = -jax.scipy.special.logsumexp(jnp.log(weights) - each, axis=1)
    variance = jnp.exp(log_var)[:, None] + scales**2
    overlap = -0.5 * jnp.sum((mean[:, None] - means) ** 2 / variance + jnp.log(2 * math.pi * variance), axis=-1)
    entropy = 0.5 * jnp.sum(log_var + math.log(2 * math.pi * math.e), axis=-1)
    lower = -entropy - jax.scipy.special.logsumexp(jnp.log(weights) + overlap, axis=1)
    return lower, upper


def squared_error(x: ArrayLike, y: ArrayLike) -> Array:
    """Sum over all coordinates of the squared difference, ``(batch,)``."""
    gap = jnp.asarray(x) - jnp.asarray(y)
    return jnp.sum(gap.reshape(gap.shape[0], -1) ** 2, axis=1)


def gaussian_log_likelihood(x: ArrayLike, mean: ArrayLike, log_scale: ArrayLike) -> Array:
    r""":math:`-\tfrac12\sum_i[\log 2\pi + 2 s_i + (x_i - \mu_i)^2 e^{-2 s_i}]` with s = ``log_scale``, ``(batch,)``.

    >>> round(float(gaussian_log_likelihood(jnp.zeros((1, 1)), jnp.zeros((1, 1)), 0.0)[0]), 4)
    -0.9189
    """
    gap, s = jnp.asarray(x) - jnp.asarray(mean), jnp.asarray(log_scale)
    each = math.log(2 * math.pi) + 2 * s + gap**2 * jnp.exp(-2 * s)
    return -0.5 * jnp.sum(each.reshape(gap.shape[0], -1), axis=1)


def hsic(z: Array, labels: Array) -> Array:
    r"""Dependence between codes ``(n, d)`` and labels ``(n,)``: the Hilbert-Schmidt criterion (arXiv math/0508114).

    .. math:: \mathrm{tr}(K H L H) / (n - 1)^2

    K is the Gaussian kernel whose squared width is the mean squared distance, but at least 1; L is one for equal
    labels; H centres. The result is zero for constant codes, positive where they depend on the label, and 0 to order
    1/n otherwise.
    Without the least width the gradient grows without bound as codes shrink, and codes once small stay so.
    """
    n = z.shape[0]
    gap = jnp.sum((z[:, None] - z[None]) ** 2, axis=-1)
    width = jax.lax.stop_gradient(jnp.maximum(jnp.sum(gap) / (n * (n - 1)), 1.0))
    kernel = jnp.exp(-gap / width)
    same = (labels[:, None] == labels[None]).astype(z.dtype)
    centre = lambda m: m - jnp.mean(m, axis=0) - jnp.mean(m, axis=1)[:, None] + jnp.mean(m)
    return jnp.sum(centre(kernel) * centre(same)) / (n - 1) ** 2


def label_logits(code: Array, means: Array, raw: Array, labels: Array | None = None, margin: float = 0.0) -> Array:
    r"""Class logits ``(batch, classes)`` of Gaussians with precisions :math:`\Lambda = \mathrm{softplus}` (``raw``).

    .. math:: \ell_c = -\tfrac12 (1 + a\,[c = y]) \sum_j \Lambda_{cj} (z_j - \mu_{cj})^2
       + \tfrac12 \sum_j \log \Lambda_{cj}

    The margin a counts where labels are given. Products of precisions are never formed: they underflow.
    """
    precision = jax.nn.softplus(raw)
    distance = 0.5 * jnp.sum(precision * (code[:, None] - means) ** 2, axis=-1)
    if labels is not None:
        distance = distance * (1 + margin * jax.nn.one_hot(labels, means.shape[0]))
    return -distance + 0.5 * jnp.sum(jnp.log(precision), axis=-1)


def label_losses(code: Array, means: Array, raw: Array, labels: Array, margin: float = 0.0) -> tuple[Array, Array]:
    """``(L_cls, L_lkd)``, ``(batch,)`` each; the second is minus the log density up to (d / 2) log 2 pi."""
    cross = optax.softmax_cross_entropy_with_integer_labels
    classify = cross(label_logits(code, means, raw, labels, margin), labels)
    plain = label_logits(code, means, raw)
    return classify, -jnp.take_along_axis(plain, labels[:, None], axis=1)[:, 0]
