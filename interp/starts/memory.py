r"""Starts from paths already solved: those between nearby ends propose the next one's coefficients.

For ends :math:`(z_0, z_1)` the k nearest stored pairs, in either direction, are averaged with weights

.. math:: \omega_j \propto \exp\bigl(-(|z_0 - z_0^j|^2 + |z_1 - z_1^j|^2) / (2 h^2)\bigr)

with h the distance of the nearest. A reversed path has coefficients :math:`(-1)^{k+1} a_k`. The solver tries the
proposal beside its own start and keeps the better, so a poor proposal costs evaluations, not quality. Only curves on
one base path may be mixed: the memory holds displacements from the line.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError

from ..curves.sine_curve import to_coefficients
from ..result import GeodesicResult

__all__ = ["Memory", "remember", "propose"]


class Memory(NamedTuple):
    """Solved paths.

    Attributes:
      z0: First ends, ``(m, d)``.
      z1: Last ends, ``(m, d)``.
      coefficients: Sine coefficients of the displacement from the line, ``(m, K, d)``.
    """

    z0: Array
    z1: Array
    coefficients: Array


def remember(result: GeodesicResult, modes: int = 12, memory: Memory | None = None) -> Memory:
    """Store solved paths; failed, degenerate and identical ones are left out.

    Args:
      result: Solved paths.
      modes: Sine modes that are stored.
      memory: Paths stored before, with as many modes, to which these are added.

    Raises:
      InputError: ``memory`` holds another number of modes.
    """
    curve = result.curve
    t = jnp.linspace(0, 1, modes + 2, dtype=curve.z0.dtype)
    line = curve.z0[:, None] * (1 - t)[:, None] + curve.z1[:, None] * t[:, None]
    a = to_coefficients((curve(t) - line)[:, 1:-1])
    keep = ~(result.flags.failed | result.flags.degenerate | result.flags.identical)
    new = Memory(curve.z0[keep], curve.z1[keep], a[keep])
    if memory is None:
        return new
    if memory.coefficients.shape[1:] != new.coefficients.shape[1:]:
        raise InputError("memory", f"holds {memory.coefficients.shape[1]} modes", f"keep to them, not {modes}")
    return Memory(*(jnp.concatenate([a, b]) for a, b in zip(memory, new, strict=True)))


def propose(memory: Memory, z0: ArrayLike, z1: ArrayLike, neighbours: int = 4) -> Array:
    """Coefficients for the ``initial`` of :func:`interp.geodesic` (with ``keep="free"``).

    Args:
      memory: Solved paths.
      z0: First ends, ``(batch, *latent)``.
      z1: Last ends, ``(batch, *latent)``.
      neighbours: How many stored paths are averaged.

    Returns:
      Sine coefficients relative to the line, ``(batch, K, d)``.

    Raises:
      InputError: The memory is empty.
    """
    a, b = (jnp.asarray(z).reshape(len(jnp.asarray(z)), -1) for z in (z0, z1))
    if len(memory.z0) == 0:
        raise InputError("memory", "is empty", "remember a solved batch first")
    sign = (-1.0) ** jnp.arange(memory.coefficients.shape[1], dtype=a.dtype)
    starts = jnp.concatenate([memory.z0, memory.z1])
    stops = jnp.concatenate([memory.z1, memory.z0])
    shapes = jnp.concatenate([memory.coefficients, sign[:, None] * memory.coefficients])
    gap = jnp.sum((a[:, None] - starts) ** 2, axis=-1) + jnp.sum((b[:, None] - stops) ** 2, axis=-1)
    order = jnp.argsort(gap, axis=1)[:, : min(neighbours, len(starts))]
    near = jnp.take_along_axis(gap, order, axis=1)
    weights = jnp.exp(-0.5 * near / (near[:, :1] + 1e-12))
    weights = weights / jnp.sum(weights, axis=1, keepdims=True)
    return jnp.einsum("bk,bkmd->bmd", weights, shapes[order])
