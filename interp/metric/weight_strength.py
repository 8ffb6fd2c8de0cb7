r"""The strength at which a weight separates bad samples from good ones as much as is asked for.

.. math:: \overline{w}_{bad}(\lambda) / \overline{w}_{good}(\lambda) = R

The ratio of the barrier rises with :math:`\lambda` towards :math:`\overline u_{bad} / \overline u_{good}` and does not
reach it; the target is at most four fifths of the way. The wall needs no solve: R is its height.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from pairs.arrays import on_device

from .critic_weight import Badness, BarrierWeight, WallWeight

__all__ = ["barrier_of_ratio", "wall_of_height"]


def barrier_of_ratio(
    wanted: float, badness: Badness, good: np.ndarray, bad: np.ndarray
) -> tuple[BarrierWeight, float, float]:
    """The barrier whose mean on ``bad`` scores is ``wanted`` times that on ``good`` ones.

    Args:
      wanted: R, at least 1.
      badness: u.
      good: Scores of samples, ``(n,)``.
      bad: Scores of bad samples, ``(m,)``.

    Returns:
      The weight, its strength, and the ratio that it reaches.
    """
    u_good, u_bad = (float(np.mean(np.asarray(badness(on_device(s)), np.float64))) for s in (good, bad))
    grid = np.geomspace(1e-3, 1e3, 601)
    reach = (1 + grid * u_bad) / (1 + grid * u_good)
    target = min(wanted, 1 + 0.8 * (float(reach.max()) - 1))
    first = int(np.argmax(reach >= target))
    strength = float(grid[first])
    return BarrierWeight(badness, jnp.asarray(strength)), strength, float(reach[first])


def wall_of_height(
    height: float, badness: Badness, good: np.ndarray, bad: np.ndarray, real: np.ndarray | None
) -> tuple[WallWeight, float, float]:
    """The wall of a given height at the 5 % quantile of ``real`` scores, or of generated ones where there are none.

    A generator may miss the data with more than one sample in twenty; its own quantile would let those pass.

    Args:
      height: R, at least 1.
      badness: Where the wall stands without real scores.
      good: Scores of samples, ``(n,)``.
      bad: Scores of bad samples, ``(m,)``.
      real: Scores of real data, comparable with the others, or None.

    Returns:
      The weight, its height, and the ratio of its means on bad and on good scores.
    """
    edge = badness
    if real is not None:
        low, high = np.quantile(real, [0.05, 0.5])
        edge = Badness.between(low, high)
    weight = WallWeight(edge, jnp.asarray(height))
    return weight, height, float(jnp.mean(weight(on_device(bad))) / jnp.mean(weight(on_device(good))))
