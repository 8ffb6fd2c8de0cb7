r"""A label term for chains that keep their class: the log probability of a classifier, added to a critic.

.. math:: s(x, y) = s_0(x, y) + c \log p(y \mid x)

A chain on a sample of class y that follows a critic of all classes may end in another class. The added term pulls the
sample toward the label that it was drawn with: the density of the chain is multiplied by :math:`p(y|x)^c` (to the power
of ``critic_scale``), as in classifier guidance (arXiv 2105.05233).
"""

from __future__ import annotations

from pairs import InputError, Net, Pair, Record, check_classifier
from pairs.checks import check_number
from pairs.heads.label_term import label_term

from .recovery import STALE

__all__ = ["with_labels"]


def with_labels(pair: Pair, classifier: Net, *, strength: float = 3.0) -> Pair:
    """Add a label term to the critic of a conditional pair; training of the critic leaves the term alone.

    Args:
      pair: Conditional pair.
      classifier: ``(batch, *sample) -> (batch, classes)`` logits on samples in the pair's range, classes in the
        pair's order. The ``critic_scale`` of a chain multiplies this term too.
      strength: c, above 0.

    Returns:
      The pair with the new critic, kind ``energy``, uncalibrated.

    Raises:
      InputError: The pair has no classes, the classifier does not fit, or the strength is not above 0.

    Example:
      >>> import jax.numpy as jnp
      >>> import pairs
      >>> means = pairs.ClassMixture((1,), jnp.asarray([[-1.0], [1.0]]), jnp.full((2, 1), 0.5), jnp.full(2, 0.5))
      >>> flat, blind = pairs.wrap(lambda p, z, y: z), pairs.wrap(lambda p, x, y: 0.0 * x[:, 0])
      >>> pair = pairs.make_pair(flat, blind, means, classes=2, sample_range=None, critic_kind="energy", check=False)
      >>> sides = pairs.wrap(lambda p, x: x * jnp.asarray([-1.0, 1.0]))
      >>> held = with_labels(pair, sides, strength=1.0)
      >>> scores = held.score(jnp.asarray([[1.0], [1.0]]), jnp.asarray([0, 1]))  # -log(1 + e^2), -log(1 + e^-2)
      >>> [round(float(v), 3) for v in scores]
      [-2.127, -0.127]
    """
    if not pair.classes:
        raise InputError("pair", "has no classes", "refine it as it is: there is no label to keep")
    check_number("strength", strength, above=0.0)
    check_classifier(pair, classifier)
    critic = label_term(pair.critic, classifier, strength)
    record = Record({k: v for k, v in pair.record.items() if k not in STALE})
    return pair.replace(critic=critic, critic_kind="energy", calibrated=False, record=record)
