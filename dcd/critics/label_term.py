r"""Chains that keep their class: a classifier's opinion added to a critic.

.. math:: s(x, y) = s_0(x, y) + c \log p(y \mid x)

A chain on samples of class y that follows a critic of all classes may end in another one; the added term pulls toward
the label the sample was drawn with: the density that the chain samples is multiplied by :math:`p(y|x)^c` (to the power
of ``critic_scale``), as by classifier guidance (arXiv 2105.05233).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pairs import InputError, Net, Pair, check_classifier

__all__ = ["LabelledApply", "with_labels"]


@dataclasses.dataclass(frozen=True)
class LabelledApply:
    """``params = {"critic", "fixed": {"classifier", "strength"}}``; the score of the module's equation."""

    critic: Callable[..., Array]
    classifier: Callable[..., Array]

    def __call__(self, params: Any, x: Array, labels: Array) -> Array:
        fixed = params["fixed"]
        log_p = jax.nn.log_softmax(self.classifier(fixed["classifier"], x), axis=-1)
        chosen = jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
        return self.critic(params["critic"], x, labels) + fixed["strength"] * chosen


def with_labels(pair: Pair, classifier: Net, *, strength: float = 3.0) -> Pair:
    """A conditional ``pair`` with the critic of the module's equation, kind ``energy``; training leaves the term alone.

    Args:
      classifier: ``(batch, *sample) -> (batch, classes)`` logits on samples in the pair's range, classes in the
        pair's order. A chain's ``critic_scale`` multiplies its term too.
      strength: c, above 0.

    Raises:
      InputError: an unconditional pair, a classifier that does not fit, a strength of 0 or less.

    >>> import pairs
    >>> means = pairs.ClassMixture((1,), jnp.asarray([[-1.0], [1.0]]), jnp.full((2, 1), 0.5), jnp.full(2, 0.5))
    >>> flat = pairs.wrap(lambda p, z, y: z)
    >>> blind = pairs.wrap(lambda p, x, y: 0.0 * x[:, 0])
    >>> pair = pairs.make_pair(flat, blind, means, classes=2, sample_range=None, critic_kind="energy", check=False)
    >>> sides = pairs.wrap(lambda p, x: x * jnp.asarray([-1.0, 1.0]))
    >>> held = with_labels(pair, sides, strength=1.0)
    >>> scores = held.score(jnp.asarray([[1.0], [1.0]]), jnp.asarray([0, 1]))  # -log(1 + e^2), -log(1 + e^-2)
    >>> [round(float(v), 3) for v in scores]
    [-2.127, -0.127]
    """
    if not pair.classes:
        raise InputError("pair", "has no classes", "refine it as it is: there is no label to keep")
    if not (math.isfinite(strength) and strength > 0):
        raise InputError("strength", f"is {strength}", "give a positive number")
    check_classifier(pair, classifier)
    fixed = {"classifier": classifier.params, "strength": jnp.asarray(strength, jnp.float32)}
    params = {"critic": pair.critic.params, "fixed": fixed}
    critic = Net(params, LabelledApply(pair.critic.apply, classifier.apply))
    return pair.replace(critic=critic, critic_kind="energy", calibrated=False)
