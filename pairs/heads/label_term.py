r"""A critic with a label term, :math:`s(x, y) = s_0(x, y) + c \log p(y \mid x)`, from the logits of a classifier."""

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

__all__ = ["LabelledApply", "label_term"]


@dataclasses.dataclass(frozen=True)
class LabelledApply:
    """Score of the module's equation, for ``params = {"critic", "fixed": {"classifier", "strength"}}``.

    Attributes:
      critic: ``(params, x, labels) -> (batch,)``, the score :math:`s_0`.
      classifier: ``(params, x) -> (batch, classes)``, logits.
    """

    critic: Callable[..., Array]
    classifier: Callable[..., Array]

    def __call__(self, params: Any, x: Array, labels: Array) -> Array:
        """Return the scores ``(batch,)``."""
        fixed = params["fixed"]
        log_p = jax.nn.log_softmax(self.classifier(fixed["classifier"], x), axis=-1)
        chosen = jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
        return self.critic(params["critic"], x, labels) + fixed["strength"] * chosen


def label_term(critic: Net, classifier: Net, strength: float) -> Net:
    """The critic with the term added; checkpoints can rebuild it if they can rebuild both nets.

    Args:
      critic: ``(batch, *sample), (batch,) -> (batch,)``.
      classifier: ``(batch, *sample) -> (batch, classes)``, logits.
      strength: c.

    Returns:
      The critic; its parameters below ``fixed`` are no part of it that is trained.

    Example:
      >>> critic, sides = Net(None, lambda _, x, y: x[:, 0]), Net(None, lambda _, x: x * jnp.asarray([0.0, 1.0]))
      >>> score = label_term(critic, sides, 2.0)(jnp.asarray([[0.0]]), jnp.asarray([1]))  # -2 log 2
      >>> round(float(score[0]), 3)
      -1.386
    """
    fixed = {"classifier": classifier.params, "strength": jnp.asarray(strength, jnp.float32)}
    params = {"critic": critic.params, "fixed": fixed}
    apply = LabelledApply(critic.apply, classifier.apply)
    if critic.architecture is None or classifier.architecture is None:
        return Net(params, apply)
    config = Record(critic=nested(critic.architecture), classifier=nested(classifier.architecture))
    return Net(params, apply, Architecture("label-term", config))


@register("label-term")
def _build(config: Record) -> tuple[LabelledApply, Any]:
    values = config.to_dict()
    (critic, own), (classifier, other) = (
        build(Architecture(values[k]["name"], Record(values[k]["config"]))) for k in ("critic", "classifier")
    )
    fixed = {"classifier": other, "strength": jax.ShapeDtypeStruct((), jnp.float32)}
    return LabelledApply(critic, classifier), {"critic": own, "fixed": fixed}
