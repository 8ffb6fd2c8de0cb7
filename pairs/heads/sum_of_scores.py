r"""A critic that is a weighted sum of critics: :math:`D(x) = b + \sum_i w_i D_i(x)`.

What boosting makes of density ratios that were estimated one after the other. Critics on the same features share the
features, which are then computed once (:func:`summed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, build, register
from .affine_score import AffineApply, nested, part_architecture
from .on_features import FeatureCriticApply, feature_critic

__all__ = ["SumApply", "summed"]


@dataclasses.dataclass(frozen=True)
class SumApply:
    """``params = {"parts", "weights", "shift"}``; equal where the inner functions are equal."""

    parts: tuple[Callable[..., Array], ...]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """The weighted sum, ``(batch,)``."""
        scores = [part(p, *inputs) for part, p in zip(self.parts, params["parts"], strict=True)]
        return jnp.stack(scores, axis=-1) @ params["weights"] + params["shift"]


def summed(critics: Sequence[Net], weights: Sequence[float]) -> Net:
    """The weighted sum of critics that take the same inputs.

    Args:
      critics: At least one.
      weights: One for each.

    Returns:
      The sum; checkpoints can rebuild it if they can rebuild all parts.

    Raises:
      InputError: There are no critics, or not as many weights.

    Example:
      >>> double, triple = (Net(jnp.asarray(k), lambda p, x: p * x) for k in (2.0, 3.0))
      >>> summed([double, triple], [1.0, 10.0])(jnp.asarray([1.0])).tolist()
      [32.0]
    """
    if not critics or len(critics) != len(weights):
        raise InputError("weights", f"are {len(weights)} for {len(critics)} critics", "give one for each critic")
    # an affine critic is its inner one with another weight and a shift
    terms = [_peeled(critic, weight) for critic, weight in zip(critics, weights, strict=True)]
    shift = sum(b for _, _, b in terms)
    inner = [net for net, _, _ in terms]
    applies = [net.apply for net in inner if isinstance(net.apply, FeatureCriticApply)]
    if len(applies) == len(inner) and _on_one_feature_net(inner, applies):
        first = inner[0].params
        features = Net(first["features"], applies[0].features, part_architecture(inner[0], "features"))
        heads = [
            Net(n.params["head"], f.head, part_architecture(n, "head")) for n, f in zip(inner, applies, strict=True)
        ]
        return feature_critic(features, first["center"], first["spread"], _sum(heads, [w for _, w, _ in terms], shift))
    return _sum(inner, [w for _, w, _ in terms], shift)


def _peeled(critic: Net, weight: float) -> tuple[Net, float, float]:
    """The net below an affine one, its weight and its shift."""
    if not isinstance(critic.apply, AffineApply):
        return critic, float(weight), 0.0
    architecture = part_architecture(critic, "inner")
    scale, shift = float(critic.params["scale"]), float(critic.params["shift"])
    return Net(critic.params["inner"], critic.apply.inner, architecture), weight * scale, weight * shift


def _on_one_feature_net(critics: Sequence[Net], applies: Sequence[FeatureCriticApply]) -> bool:
    """Whether all critics stand on the same features, standardised alike."""
    names = ("features", "center", "spread")
    first, *others = ([np.asarray(v) for v in jax.tree.leaves({k: c.params[k] for k in names})] for c in critics)
    same = lambda own: len(own) == len(first) and all(np.array_equal(a, b) for a, b in zip(own, first, strict=True))
    return all(apply.features == applies[0].features for apply in applies) and all(same(own) for own in others)


def _sum(critics: Sequence[Net], weights: Sequence[float], shift: float) -> Net:
    params = {
        "parts": [c.params for c in critics],
        "weights": jnp.asarray(weights, jnp.float32),
        "shift": jnp.asarray(shift, jnp.float32),
    }
    apply = SumApply(tuple(c.apply for c in critics))
    made_by = [c.architecture for c in critics]
    known = [nested(a) for a in made_by if a is not None]
    if len(known) < len(made_by):
        return Net(params, apply)
    return Net(params, apply, Architecture("sum", Record(parts=known)))


@register("sum")
def _build(config: Record) -> tuple[SumApply, Any]:
    parts = [build(Architecture(v["name"], Record(v["config"]))) for v in config.to_dict()["parts"]]
    template = {
        "parts": [shapes for _, shapes in parts],
        "weights": jax.ShapeDtypeStruct((len(parts),), jnp.float32),
        "shift": jax.ShapeDtypeStruct((), jnp.float32),
    }
    return SumApply(tuple(apply for apply, _ in parts)), template
