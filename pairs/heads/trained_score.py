r"""A small trained head on a critic's score and, where there is one, on the pair's features.

.. math:: D'(x) = a\,D(x) + b + w_2^\top \tanh(W_1 \bar u + b_1), \quad \bar u = (u - m) / s

with :math:`u = D(x)` or :math:`(D(x), \phi(x))`. With :math:`w_2 = 0` it is :mod:`pairs.heads.affine_score`.
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

__all__ = ["HeadApply", "head_inputs", "head_logit", "score_head"]


def head_inputs(score: Array, features: Array | None) -> Array:
    """``(batch, 1)`` or ``(batch, 1 + features)``."""
    column = score[:, None]
    return column if features is None else jnp.concatenate([column, features.reshape(len(score), -1)], axis=1)


def head_logit(head: dict[str, Array], inputs: Array) -> Array:
    """The logit for inputs made by :func:`head_inputs`, ``(batch,)``."""
    hidden = jnp.tanh((inputs - head["center"]) / head["spread"] @ head["w1"] + head["b1"])
    return head["scale"] * inputs[:, 0] + head["shift"] + hidden @ head["w2"]


@dataclasses.dataclass(frozen=True)
class HeadApply:
    """``params = {"inner", "features", "head"}``; ``features`` is None without a feature net."""

    inner: Callable[..., Array]
    features: Callable[..., Array] | None = None

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """The head's logit, ``(batch,)``."""
        phi = None if self.features is None else self.features(params["features"], inputs[0])
        return head_logit(params["head"], head_inputs(self.inner(params["inner"], *inputs), phi))


def score_head(critic: Net, features: Net | None, head: dict[str, Array]) -> Net:
    """A critic with its head; rebuildable by checkpoints if both nets are."""
    params = {"inner": critic.params, "features": None if features is None else features.params, "head": head}
    apply = HeadApply(critic.apply, None if features is None else features.apply)
    if critic.architecture is None or (features is not None and features.architecture is None):
        return Net(params, apply)
    inputs, width = head["w1"].shape
    extra = None if features is None or features.architecture is None else nested(features.architecture)
    config = Record(inner=nested(critic.architecture), features=extra, inputs=inputs, width=width)
    return Net(params, apply, Architecture("score-head", config))


@register("score-head")
def _build(config: Record) -> tuple[HeadApply, Any]:
    def part(entry: dict[str, Any]) -> tuple[Callable[..., Array], Any]:
        return build(Architecture(entry["name"], Record(entry["config"])))

    values = config.to_dict()
    apply, template = part(values["inner"])
    features, features_template = part(values["features"]) if values["features"] else (None, None)
    inputs, width = values["inputs"], values["width"]
    shapes = {"center": (inputs,), "spread": (inputs,), "w1": (inputs, width), "b1": (width,), "w2": (width,)}
    head = {k: jax.ShapeDtypeStruct(s, jnp.float32) for k, s in {**shapes, "scale": (), "shift": ()}.items()}
    return HeadApply(apply, features), {"inner": template, "features": features_template, "head": head}
