"""A critic on features, taken apart: what it sees of a sample, which training leaves alone, and its head."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from pairs import Net
from pairs.heads.on_features import FeatureCriticApply, standardised

__all__ = ["FeatureParts", "feature_parts", "with_head"]


class FeatureParts(NamedTuple):
    """The parts of a critic on features.

    Attributes:
      seen: Net ``(batch, *sample) -> (batch, dim)``, the standardised features.
      head: Net ``(batch, dim) -> (batch,)``, which takes the labels if there are any.
    """

    seen: Net
    head: Net


@dataclasses.dataclass(frozen=True)
class _Seen:
    features: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        return standardised(self.features(params["features"], x), params["center"], params["spread"])


def feature_parts(critic: Net) -> FeatureParts | None:
    """The parts of a critic on features, None for any other critic, a calibrated one among them.

    Args:
      critic: A critic, as of :func:`pairs.heads.on_features.feature_critic`.
    """
    if not isinstance(critic.apply, FeatureCriticApply):
        return None
    rest = {name: value for name, value in critic.params.items() if name != "head"}
    return FeatureParts(Net(rest, _Seen(critic.apply.features)), Net(critic.params["head"], critic.apply.head))


def with_head(critic: Net, head: Any) -> Net:
    """A critic on features with other weights of its head.

    Args:
      critic: The critic.
      head: The weights.
    """
    return Net({**critic.params, "head": head}, critic.apply, critic.architecture)
