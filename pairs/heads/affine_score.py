r"""A critic rescaled: :math:`D'(x) = a\,D(x) + b`.

What logistic calibration makes of a score. The inner net keeps its own architecture, so a checkpoint
that can rebuild the inner net can rebuild this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..protocol import Net
from ..record import Record
from ..registry import Architecture, build, register

__all__ = ["AffineApply", "affine", "nested", "part_architecture"]


@dataclasses.dataclass(frozen=True)
class AffineApply:
    """``params = {"inner", "scale", "shift"}``; equal where the inner functions are equal."""

    inner: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """The rescaled score, ``(batch,)``."""
        return params["scale"] * self.inner(params["inner"], *inputs) + params["shift"]


def affine(net: Net, scale: float, shift: float) -> Net:
    """``scale * net + shift``. Of an affine net the numbers are merged, not stacked.

    >>> double = affine(Net(jnp.asarray(3.0), lambda p, x: p * x), 2.0, 1.0)
    >>> float(double(jnp.asarray(1.0)))
    7.0
    """
    if isinstance(net.apply, AffineApply):
        merged = {
            "inner": net.params["inner"],
            "scale": jnp.asarray(scale * net.params["scale"], jnp.float32),
            "shift": jnp.asarray(scale * net.params["shift"] + shift, jnp.float32),
        }
        return Net(merged, net.apply, net.architecture)
    params = {
        "inner": net.params,
        "scale": jnp.asarray(scale, jnp.float32),
        "shift": jnp.asarray(shift, jnp.float32),
    }
    made_by = None if net.architecture is None else Architecture("affine", Record(inner=nested(net.architecture)))
    return Net(params, AffineApply(net.apply), made_by)


def nested(architecture: Architecture) -> dict[str, Any]:
    """An architecture as a value of another one's configuration."""
    return {"name": architecture.name, "config": architecture.config.to_dict()}


def part_architecture(net: Net, name: str) -> Architecture | None:
    """The architecture of the part ``name`` of a net, as :func:`nested` put it there; None where the net has none."""
    if net.architecture is None:
        return None
    values = net.architecture.config[name]
    return Architecture(values["name"], Record(values["config"]))


@register("affine")
def _build(config: Record) -> tuple[AffineApply, Any]:
    inner = config["inner"]
    apply, template = build(Architecture(inner["name"], Record(inner["config"])))
    number = jax.ShapeDtypeStruct((), jnp.float32)
    return AffineApply(apply), {"inner": template, "scale": number, "shift": number}
