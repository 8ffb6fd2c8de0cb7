r"""Whether a critic tells blends from samples: what has to be known before it may steer a path.

.. math::
   A_{mid} = P\bigl(D(G(z)) > D(G(\tfrac12 z_a + \tfrac12 z_b))\bigr), \qquad
   A_{fade} = P\bigl(D(G(z)) > D(\tfrac12 G(z_a) + \tfrac12 G(z_b))\bigr)

over random latents, of one class where there are classes. At 0.5 a critic does not tell them apart, below 0.5 it
prefers blends, and the shortest path that it weighs then leads through them. :data:`THRESHOLD` is what both must
reach.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Pair
from pairs.arguments import checked_key
from pairs.batches import map_batches
from pairs.checks import check_count
from pairs.ranking import auc

__all__ = ["THRESHOLD", "BlendEvidence", "blend_evidence"]

THRESHOLD = 0.6
"""The least of both figures with which a critic steers: it ranks three of five blends below a sample."""


class BlendEvidence(NamedTuple):
    """How well a critic tells blends from samples.

    Attributes:
      midpoints: AUC of samples against what the generator makes of midpoints of latents.
      cross_fades: AUC of samples against pixel means of two samples.
      samples: Number of each.
    """

    midpoints: float
    cross_fades: float
    samples: int

    @property
    def tells(self) -> bool:
        """Whether both figures reach :data:`THRESHOLD`."""
        return min(self.midpoints, self.cross_fades) >= THRESHOLD

    def to_dict(self) -> dict[str, Any]:
        """JSON form, with the threshold."""
        return {**self._asdict(), "threshold": THRESHOLD, "tells": self.tells}


def blend_evidence(pair: Pair, key: Array | None = None, *, samples: int = 1000) -> BlendEvidence:
    """Score samples and blends of a pair.

    Args:
      pair: The pair whose critic is in question.
      key: Randomness of the samples; ``jax.random.key(0)`` where None.
      samples: Number of samples, and of each kind of blend.

    Raises:
      InputError: Scores are not finite.

    Example:
      >>> import pairs
      >>> same, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: jnp.sum(x**2, axis=1))
      >>> pair = pairs.make_pair(same, critic, pairs.Normal((64,)), sample_range=None, critic_kind="energy")
      >>> blend_evidence(pair).tells  # midpoints lie nearer to the origin, where this critic scores low
      True
    """
    check_count("samples", samples, 100)
    key = checked_key(jax.random.key(0) if key is None else key, pair=pair)
    labels = None if pair.classes is None else jnp.arange(samples) % pair.classes
    a, b = (pair.prior.sample(k, samples, labels) for k in jax.random.split(key))
    rest = () if labels is None else (labels,)
    scores = map_batches(lambda *rows: _scores(pair, *rows), a, b, *rest)
    if not all(np.all(np.isfinite(s)) for s in scores):
        raise InputError("critic", "scores NaN or infinity on samples or blends", "check its weights and the range")
    own, middle, fade = scores
    return BlendEvidence(auc(own, middle), auc(own, fade), samples)


@jax.jit
def _scores(pair: Pair, a: Array, b: Array, labels: Array | None = None) -> tuple[Array, Array, Array]:
    """Scores of the first samples, of midpoints and of cross-fades."""
    x, y = pair.generate(a, labels), pair.generate(b, labels)
    middle = pair.generate(pair.prior.project(0.5 * (a + b)), labels)
    return pair.score(x, labels), pair.score(middle, labels), pair.score(0.5 * (x + y), labels)
