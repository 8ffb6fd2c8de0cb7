r"""Curves between fixed ends: a base path plus scaled sine coefficients, in a chart of the prior's support.

.. math:: \gamma(t) = \Phi\Bigl(\mathrm{base}(t) + \sum_{k=1}^{K} a_k \frac{\sqrt 2 \sin(\pi k t)}{\pi k}\Bigr)

For a constant metric :math:`M` the energy is :math:`E_{base} + \sum_k a_k^\top M a_k`: its Hessian in the coefficients
does not depend on the number of points or modes, so iteration counts do not either. Ends are exact. The chart
:math:`\Phi` is one of :mod:`interp.curves.charts`; :math:`a = 0` is the base path in each.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Prior

from .baselines import combine, exact_ends, lerp, slerp
from .charts import Chart

__all__ = ["Curve", "evaluate", "sine_basis", "to_coefficients", "fit_modes", "resample_times"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Curve:
    """A batch of curves on flat latents.

    Attributes:
      z0: First ends, ``(batch, d)``.
      z1: Last ends, ``(batch, d)``.
      base: Base path of every curve, ``(batch,)``: 0 line, 1 slerp, 2 matched line.
      coefficients: Sine coefficients, ``(batch, K, d)``.
      prior: The law of the matched line; None makes it a line.
      chart: How coefficients act on the base path.

    Example:
      >>> ends = jnp.zeros((1, 2)), jnp.ones((1, 2))
      >>> curve = Curve(*ends, jnp.zeros(1, int), jnp.zeros((1, 3, 2)))
      >>> curve(jnp.asarray([0.0, 0.5, 1.0]))[0].tolist()
      [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
    """

    z0: Array
    z1: Array
    base: Array
    coefficients: Array
    prior: Prior | None = dataclasses.field(default=None, metadata=dict(static=True))
    chart: Chart = dataclasses.field(default=Chart(), metadata=dict(static=True))

    def __call__(self, t: ArrayLike) -> Array:
        """Points at ``t`` (``(n,)``, or ``(batch, n)`` per curve), ``(batch, n, d)``; exact at 0 and 1."""
        t = jnp.asarray(t, self.z0.dtype)
        base = self.base_points(t)
        basis = sine_basis(t, self.coefficients.shape[1])
        delta = jnp.einsum("nk,bkd->bnd" if t.ndim == 1 else "bnk,bkd->bnd", basis, self.coefficients)
        return exact_ends(self.chart.move(base, delta), self.z0, self.z1, t)

    def base_points(self, t: Array) -> Array:
        """Points of the base paths at ``t``, ``(batch, n, d)``."""
        line, arc = lerp(self.z0, self.z1, t), slerp(self.z0, self.z1, t)
        # on a sphere the line has the directions of slerp but the wrong radius, so the arc stands in for it
        which = jnp.ones_like(self.base) if self.chart.kind == "sphere" else self.base
        return combine(self.prior, which, line, arc, self.z0, self.z1, t)

    def velocity(self, t: ArrayLike) -> Array:
        """Derivative in ``t``, ``(batch, n, d)``; one-sided at the ends."""
        t = jnp.asarray(t, self.z0.dtype)
        inner = jnp.clip(t, 1e-6, 1 - 1e-6)  # the ends themselves are pinned, hence constant in t
        return jax.jvp(self.__call__, (inner,), (jnp.ones_like(inner),))[1]

    def replace(self, **changes: Any) -> Curve:
        """A copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


@jax.jit
def evaluate(curve: Curve, t: ArrayLike) -> Array:
    """``curve(t)`` as one compiled call."""
    return curve(t)


def sine_basis(t: ArrayLike, modes: int) -> Array:
    r""":math:`\sqrt2 \sin(\pi k t)/(\pi k)` for k from 1 to ``modes``, shape ``(*t, modes)``.

    Example:
      >>> sine_basis(jnp.asarray([0.0, 0.5]), 2).shape
      (2, 2)
    """
    t = jnp.asarray(t)
    k = jnp.arange(1, modes + 1, dtype=t.dtype)
    return jnp.sqrt(jnp.asarray(2.0, t.dtype)) * jnp.sin(jnp.pi * t[..., None] * k) / (jnp.pi * k)


def to_coefficients(delta: ArrayLike) -> Array:
    """Sine coefficients whose curve passes through displacements at the equispaced interior nodes.

    Args:
      delta: Displacements from the base path at ``t = i / n``, ``i = 1 .. n - 1``, ``(batch, n - 1, d)``.

    Returns:
      Coefficients, ``(batch, n - 1, d)``; with that many modes the fit is exact (discrete sine transform).
    """
    delta = jnp.asarray(delta)
    n = delta.shape[1] + 1
    t = jnp.arange(1, n, dtype=delta.dtype) / n
    k = jnp.arange(1, n, dtype=delta.dtype)
    # sum_i sin(pi j t_i) sin(pi k t_i) = n/2 delta_jk
    analysis = jnp.sin(jnp.pi * k[:, None] * t) * (2.0 / n) * (jnp.pi * k[:, None]) / jnp.sqrt(2.0)
    return jnp.einsum("kn,bnd->bkd", analysis.astype(delta.dtype), delta)


def fit_modes(coefficients: Array, modes: int) -> Array:
    """Coefficients ``(batch, K, d)`` cut or padded with zeros to ``modes``; padding leaves the curve as it is."""
    have = coefficients.shape[1]
    if have >= modes:
        return coefficients[:, :modes]
    return jnp.pad(coefficients, ((0, 0), (0, modes - have), (0, 0)))


def resample_times(t: ArrayLike, steps: ArrayLike, count: int) -> Array:
    """Parameters at which a curve has equal arc length between neighbours.

    Args:
      t: Increasing grid on [0, 1], ``(n,)`` or ``(batch, n)``.
      steps: Lengths of the steps, ``(batch, n - 1)``, at least 0.
      count: Number of points wanted, ends included.

    Returns:
      Parameters ``(batch, count)``, exactly 0 and 1 at the ends. A curve of length zero, or without a finite length,
      keeps equal steps in ``t``.
    """
    t, steps = jnp.asarray(t), jnp.asarray(steps)
    steps = jnp.where(jnp.isfinite(jnp.sum(steps, axis=1, keepdims=True)), steps, 0.0)
    total = jnp.sum(steps, axis=1, keepdims=True)
    # a hundred-thousandth of equal speed keeps the inverse single-valued where the image stands still
    floor = 1e-5 * total / steps.shape[1] + jnp.finfo(steps.dtype).tiny
    arc = jnp.concatenate([jnp.zeros_like(total), jnp.cumsum(steps + floor, axis=1)], axis=1)
    arc = arc / arc[:, -1:]
    wanted = jnp.linspace(0, 1, count, dtype=arc.dtype)
    grid = jnp.broadcast_to(t.astype(arc.dtype), arc.shape)
    inverse = jax.vmap(lambda a, g: jnp.interp(wanted, a, g))(arc, grid)
    return inverse.at[:, 0].set(0.0).at[:, -1].set(1.0)
