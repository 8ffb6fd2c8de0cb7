r"""A critic for paths that also asks a classifier how sure it is.

.. math:: s(x) = -u(s_0(x)) - c\,\bigl(1 - \max_k p_k(x)\bigr)

with :math:`s_0` the pair's own score, :math:`u` its badness (:mod:`interp.metric.critic_weight`; 0.17 at the median and
1 at the 5 % quantile of the scores behind the path weight, near 0 above) and :math:`p` the class probabilities. A path
between images of two classes has to leave one and enter the other. Many critics take the blend between them for a
sample; a classifier does not. Neither term rewards more than *good enough*, so a gain in one cannot pay for the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pairs import Net, Pair, check_classifier
from pairs.checks import check_number

from ..checks import check_unconditional
from .critic_weight import Badness
from .path_weight import PathWeight

__all__ = ["ConfidentApply", "with_classifier"]


@dataclasses.dataclass(frozen=True)
class ConfidentApply:
    """The score of the module's equation, ``params = {"critic", "fixed": {"classifier", "badness", "strength"}}``.

    Attributes:
      critic: The pair's own critic, ``(params, x) -> (batch,)``.
      classifier: Logits, ``(params, x) -> (batch, classes)``.
    """

    critic: Callable[..., Array]
    classifier: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        """Scores ``(batch,)`` of samples ``x``."""
        fixed = params["fixed"]
        badness: Badness = fixed["badness"]
        sure = jnp.max(jax.nn.softmax(self.classifier(fixed["classifier"], x), axis=-1), axis=-1)
        return -badness(self.critic(params["critic"], x)) - fixed["strength"] * (1 - sure)


def with_classifier(pair: Pair, classifier: Net, weight: PathWeight, *, strength: float = 3.0) -> Pair:
    """``pair`` with the critic of the module's equation; it needs a path weight of its own.

    Args:
      pair: An unconditional pair.
      classifier: Logits, ``(batch, *sample) -> (batch, classes)``, on samples in the pair's range.
      weight: The path weight of ``pair`` itself (:func:`interp.weigh`); it says which scores are good.
      strength: c, what no confidence at all costs, in units of the badness at the 5 % quantile.

    Raises:
      InputError: The pair is conditional, the classifier does not fit, or the strength is not positive.

    Example:
      >>> import pairs
      >>> flat = pairs.wrap(lambda p, z: z)
      >>> critic = pairs.wrap(lambda p, x: -jnp.sum(x**2, axis=1))
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((1,)), sample_range=None, critic_kind="energy")
      >>> two_sides = pairs.wrap(lambda p, x: 9.0 * x * jnp.asarray([-1.0, 1.0]))
      >>> from interp import weigh
      >>> both = with_classifier(pair, two_sides, weigh(pair))
      >>> scores = both.score(jnp.asarray([[-0.5], [0.0], [0.5]]))  # the pair's own critic prefers the middle
      >>> bool(scores[1] < scores[0] - 1)
      True
    """
    check_unconditional(pair)
    check_number("strength", strength, above=0)
    check_classifier(pair, classifier)
    high, low = (weight.statistics["quantiles_generated"][k] for k in ("0.5", "0.05"))
    fixed = {
        "classifier": classifier.params,
        "badness": Badness.between(low, high),
        "strength": jnp.asarray(strength, jnp.float32),
    }
    params = {"critic": pair.critic.params, "fixed": fixed}
    critic = Net(params, ConfidentApply(pair.critic.apply, classifier.apply))
    return pair.replace(critic=critic, critic_kind="energy", calibrated=False)
