r"""Several starts of a search: the base path, a given start, and paths bent sideways.

.. math:: a_1 = \pm \beta\,\sqrt2\,|z_1 - z_0|\, q, \qquad q \perp z_1 - z_0,\; |q| = 1, \quad \beta \in \{0.5, 0.2\}

A descent from the line finds the nearest valley, and stays on a ridge where the line is a saddle. Bent starts come in
opposite couples along random directions; the second couple bends less, because a far bend may end in another valley.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ..curves.sine_curve import Curve, fit_modes
from .task import Task

__all__ = ["starts_of", "best_of"]

_BENDS = (0.5, 0.5, 0.2, 0.2)


def starts_of(task: Task, curve: Curve) -> list[Array]:
    """Coefficients ``(batch, modes, d)`` of every start, that of ``curve`` first."""
    settings, d = task.settings, curve.z0.shape[1]
    restarts = settings.restarts if settings.restarts >= 0 else (4 if d <= 3 else 0)
    starts = [curve.coefficients]
    if task.initial is not None:
        starts.append(fit_modes(task.initial, settings.mode_count))
    return starts + _bent(jax.random.key(settings.seed), curve, restarts, settings.mode_count)


@partial(jax.jit, static_argnums=2)
def best_of(coefficients: Array, energy: Array, count: int) -> Array:
    """Of ``count`` starts per path, the coefficients ``(batch, modes, d)`` of least energy.

    Args:
      coefficients: Of all starts, ``(count * batch, modes, d)``, start by start.
      energy: Of all starts, ``(count * batch,)``; what is not finite counts as infinite.
      count: Number of starts.
    """
    least = jnp.argmin(jnp.where(jnp.isfinite(energy), energy, jnp.inf).reshape(count, -1), axis=0)
    stacked = coefficients.reshape(count, -1, *coefficients.shape[1:])
    return jnp.take_along_axis(stacked, least[None, :, None, None], axis=0)[0]


@partial(jax.jit, static_argnums=(2, 3))
def _bent(key: Array, curve: Curve, count: int, modes: int) -> list[Array]:
    batch, d = curve.z0.shape
    chord = curve.z1 - curve.z0
    length = jnp.linalg.norm(chord, axis=1, keepdims=True)
    along = chord / jnp.maximum(length, jnp.finfo(chord.dtype).tiny)
    starts: list[Array] = []
    for i in range(count):
        q = jax.random.normal(jax.random.fold_in(key, i // 2), (d,), chord.dtype)
        q = q - jnp.sum(q * along, axis=1, keepdims=True) * along
        q = q / jnp.maximum(jnp.linalg.norm(q, axis=1, keepdims=True), 1e-12)
        size = _BENDS[i % 4] * (-1) ** i * jnp.sqrt(jnp.asarray(2.0, chord.dtype))
        starts.append(jnp.zeros((batch, modes, d), chord.dtype).at[:, 0].set(size * length * q))
    return starts
