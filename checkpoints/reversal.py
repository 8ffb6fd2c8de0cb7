r"""Critics that were trained towards low scores on real samples, in this project's sense: higher is more real.

.. math:: D'(x) = -D(x), \qquad D'(x) = 1 - D(x) \text{ for least squares, trained towards 0 and 1}
"""

from __future__ import annotations

from pairs import CriticKind, Net
from pairs.heads.affine_score import affine

__all__ = ["reversed_critic"]


def reversed_critic(net: Net, kind: CriticKind) -> Net:
    """The critic with its sign turned.

    Args:
      net: The critic as it was trained.
      kind: What its score means.

    Example:
      >>> import jax.numpy as jnp
      >>> from pairs import wrap
      >>> float(reversed_critic(wrap(lambda p, x: p * x, jnp.asarray(3.0)), "logit")(jnp.asarray(1.0)))
      -3.0
    """
    return affine(net, -1.0, 1.0 if kind == "least_squares" else 0.0)
