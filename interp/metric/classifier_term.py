r"""A critic for paths that also asks a classifier whether it knows what it sees.

.. math:: s(x) = -u(s_0(x)) - c\,\bigl(1 - \max_k p_k(x)\bigr)

with :math:`s_0` the pair's own score, :math:`u` its badness (see :mod:`interp.metric.critic_weight`; 0.17 at the median, 1 at
the 5 % quantile of what it was calibrated on, near 0 above) and :math:`p` the class probabilities. A path between
images of two classes has to leave one and enter the other; many critics take the blend between them for a sample, a
classifier does not. Since neither term rewards more than *good enough*, a path cannot buy one with the other.
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

from .critic_weight import Badness
from .path_weight import Calibration

__all__ = ["ConfidentApply", "with_classifier"]


@dataclasses.dataclass(frozen=True)
class ConfidentApply:
    """``params = {"critic", "fixed": {"classifier", "badness", "strength"}}``; the score of the module's equation."""

    critic: Callable[..., Array]
    classifier: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        fixed = params["fixed"]
        badness: Badness = fixed["badness"]
        sure = jnp.max(jax.nn.softmax(self.classifier(fixed["classifier"], x), axis=-1), axis=-1)
        return -badness(self.critic(params["critic"], x)) - fixed["strength"] * (1 - sure)


def with_classifier(pair: Pair, classifier: Net, calibration: Calibration, *, strength: float = 3.0) -> Pair:
    """``pair`` with the critic of the module's equation; calibrate it anew for paths.

    Args:
      classifier: ``(batch, *sample) -> (batch, classes)`` logits, on samples in the pair's range.
      calibration: of ``pair`` itself (:func:`interp.calibrate`): says which scores are good.
      strength: c: what no confidence at all costs, in units of a score at the 5 % quantile.

    Raises:
      InputError: a conditional pair, a classifier that does not fit, a strength of 0 or less.

    >>> import pairs
    >>> flat = pairs.wrap(lambda p, z: z)
    >>> critic = pairs.wrap(lambda p, x: -jnp.sum(x**2, axis=1))
    >>> pair = pairs.make_pair(flat, critic, pairs.Normal((1,)), sample_range=None, critic_kind="energy")
    >>> two_sides = pairs.wrap(lambda p, x: 9.0 * x * jnp.asarray([-1.0, 1.0]))
    >>> from interp import calibrate
    >>> both = with_classifier(pair, two_sides, calibrate(pair))
    >>> scores = both.score(jnp.asarray([[-0.5], [0.0], [0.5]]))  # the pair's own critic likes the middle best
    >>> bool(scores[1] < scores[0] - 1)
    True
    """
    if pair.classes:
        raise InputError("pair", "is conditional", "fix the label in generator and critic first: a path keeps it")
    if not (math.isfinite(strength) and strength > 0):
        raise InputError("strength", f"is {strength}", "give a positive number")
    check_classifier(pair, classifier)
    high, low = (calibration.statistics["quantiles_generated"][k] for k in ("0.5", "0.05"))
    fixed = {
        "classifier": classifier.params,
        "badness": Badness.between(low, high),
        "strength": jnp.asarray(strength, jnp.float32),
    }
    params = {"critic": pair.critic.params, "fixed": fixed}
    critic = Net(params, ConfidentApply(pair.critic.apply, classifier.apply))
    return pair.replace(critic=critic, critic_kind="energy", calibrated=False)
