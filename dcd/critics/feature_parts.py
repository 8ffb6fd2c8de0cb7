"""A critic on features, taken apart: what it sees of a sample, which training leaves alone, and its head."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from pairs import Net
from pairs.heads.affine_score import AffineApply
from pairs.heads.label_term import LabelledApply
from pairs.heads.on_features import FeatureCriticApply, standardised

__all__ = ["FeatureParts", "feature_parts", "with_head"]


class FeatureParts(NamedTuple):
    """The parts of a critic on features.

    Attributes:
      seen: Net ``(batch, *sample) -> (batch, dim)``, the standardised features.
      head: Net ``(batch, dim) -> (batch,)``, which takes the labels if there are any; a calibration is part of it.
      whole: Whether the critic is the head of what is seen; False where a label term is added, which no weight of the
        head changes.
    """

    seen: Net
    head: Net
    whole: bool


@dataclasses.dataclass(frozen=True)
class _Seen:
    features: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        return standardised(self.features(params["features"], x), params["center"], params["spread"])


def feature_parts(critic: Net) -> FeatureParts | None:
    """The parts of a critic on features, calibrated or not and with or without a label term; None for any other.

    Args:
      critic: A critic, as of :func:`pairs.heads.on_features.feature_critic`, :func:`pairs.heads.affine_score.affine`
        of one, or :func:`pairs.heads.label_term.label_term` of either.
    """
    params, apply = critic.params, critic.apply
    if isinstance(apply, AffineApply):
        inner = feature_parts(Net(params["inner"], apply.inner))
        if inner is None or not inner.whole:
            return None
        return inner._replace(head=Net({**params, "inner": inner.head.params}, AffineApply(inner.head.apply)))
    if isinstance(apply, LabelledApply):
        inner = feature_parts(Net(params["critic"], apply.critic))
        return inner and inner._replace(whole=False)
    if not isinstance(apply, FeatureCriticApply):
        return None
    rest = {name: value for name, value in params.items() if name != "head"}
    return FeatureParts(Net(rest, _Seen(apply.features)), Net(params["head"], apply.head), True)


def with_head(critic: Net, head: Any) -> Net:
    """A critic on features with other weights of its head.

    Args:
      critic: The critic.
      head: The weights, of the form that :func:`feature_parts` gives them.
    """
    return Net(_replaced(critic.apply, critic.params, head), critic.apply, critic.architecture)


def _replaced(apply: Callable[..., Array], params: Any, head: Any) -> Any:
    """The parameters of a critic with those of its head replaced."""
    if isinstance(apply, AffineApply):
        return {**head, "inner": _replaced(apply.inner, params["inner"], head["inner"])}
    if isinstance(apply, LabelledApply):
        return {**params, "critic": _replaced(apply.critic, params["critic"], head)}
    return {**params, "head": head}
