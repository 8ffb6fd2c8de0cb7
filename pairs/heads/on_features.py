r"""A critic that judges samples by the features of a frozen net.

.. math:: D(x) = h\left(\frac{\phi(x) - m}{s}\right)

Features of a classifier hide what is of no consequence to it, a background that is never quite black, say,
by which a critic of the samples themselves tells the two sides apart at once and learns nothing else.
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
from .affine_score import nested

__all__ = ["FeatureCriticApply", "feature_critic", "standardised"]


@dataclasses.dataclass(frozen=True)
class FeatureCriticApply:
    """``params = {"features", "center", "spread", "head"}``; the head takes the labels, if there are any."""

    features: Callable[..., Array]
    head: Callable[..., Array]

    def __call__(self, params: Any, x: Array, *labels: Array) -> Array:
        """The inner critic's score of the standardised features, ``(batch,)``."""
        phi = self.features(params["features"], x)
        return self.head(params["head"], standardised(phi, params["center"], params["spread"]), *labels)


def standardised(phi: Array, center: Array, spread: Array) -> Array:
    """``(phi - center) / spread`` with the features flattened, ``(batch, dim)``."""
    return (phi.reshape(phi.shape[0], -1) - center) / spread


def feature_critic(features: Net, center: Array, spread: Array, head: Net) -> Net:
    """The critic ``head`` on standardised ``features``; rebuilt by checkpoints if both nets are.

    >>> double = Net(jnp.asarray(2.0), lambda p, x: p * x)
    >>> total = Net(None, lambda _, u: jnp.sum(u, axis=1))
    >>> critic = feature_critic(double, jnp.zeros(2), jnp.ones(2), total)
    >>> critic(jnp.asarray([[1.0, 2.0]])).tolist()
    [6.0]
    """
    params = {"features": features.params, "center": center, "spread": spread, "head": head.params}
    apply = FeatureCriticApply(features.apply, head.apply)
    if features.architecture is None or head.architecture is None:
        return Net(params, apply)
    config = Record(features=nested(features.architecture), head=nested(head.architecture), dim=int(center.shape[0]))
    return Net(params, apply, Architecture("feature-critic", config))


@register("feature-critic")
def _build(config: Record) -> tuple[FeatureCriticApply, Any]:
    values = config.to_dict()
    parts = {k: build(Architecture(values[k]["name"], Record(values[k]["config"]))) for k in ("features", "head")}
    row = jax.ShapeDtypeStruct((values["dim"],), jnp.float32)
    template = {"center": row, "spread": row, **{k: shapes for k, (_, shapes) in parts.items()}}
    return FeatureCriticApply(parts["features"][0], parts["head"][0]), template
