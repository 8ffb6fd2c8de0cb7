r"""Settings as in the code released with arXiv 2203.01035 and its forerunner, by name, with the differences said.

The released objective over N segments, with :math:`\Delta_i` the mean squared pixel difference of neighbouring images,
:math:`\tilde D` the critic mapped to [0.01, 0.99], and :math:`\bar D_i` its geometric mean at both ends of a segment,

.. math:: J = \sum_i \bigl(\lambda / \bar D_i + \sqrt{\Delta_i}\bigr)^2,

is the additive mode (:mod:`interp.metric.energy`) with strength :math:`\lambda N \sqrt{c}`, c the numbers of a
sample: there, steps are Euclidean and the critic's charge does not depend on N. The forerunner's
:math:`\sum_i \lambda (\kappa + \epsilon)^2 / (N \bar D_i^2) + N \|x_{i+1} - x_i\|^2` is the potential mode with
strength :math:`\lambda (\kappa + \epsilon)^2`, :math:`\epsilon = 0.01`.

What differs from the released code, in every preset: paths are sine series and not polynomials, with as many modes as
the polynomial has free coefficients. The critic enters through the least and greatest score of 2,000 generated samples,
not of 5,000, and the forerunner's sigmoid is replaced by that affine map. The sum is the diagonal one of the equation;
the released code adds over all pairs of segments, by an oversight in shapes. Nothing keeps paths in the prior there
(``keep="free"`` here). Its Adam takes steps of 1e-3 on coefficients of polynomials; here it takes as many steps of its
own size. These are the settings of the code, not of the papers' text.

References:
  Discriminating Against Unrealistic Interpolations in Generative Adversarial Networks, arXiv 2203.01035.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from pairs import Pair
from pairs.checks import check_choice

from .settings import GeodesicSettings
from .solve.adam import Adam

__all__ = ["PRESETS", "Released", "settings_of"]


class Released(NamedTuple):
    r"""One experiment of the released code.

    Attributes:
      points: Points of a path.
      modes: Free coefficients, the degree of its polynomial minus one.
      strength: :math:`\lambda`.
      steps: Steps of Adam.
      cap: :math:`\kappa` of the forerunner; None for the objective of 2020 and after.
    """

    points: int
    modes: int
    strength: float
    steps: int
    cap: float | None = None

    @property
    def mode(self) -> Literal["additive", "potential"]:
        """The mode of its objective."""
        return "additive" if self.cap is None else "potential"


PRESETS: dict[str, Released] = {
    "released-mnist": Released(24, 4, 0.6, 100),
    "released-celeba-hq": Released(10, 2, 0.2, 300),
    "released-lsun-bedroom": Released(10, 2, 0.2, 200),
    "forerunner-swiss-roll": Released(513, 5, 100.0, 20_000, 0.4),
    "forerunner-mnist": Released(257, 2, 100.0, 10_000, 0.8),
}
"""The experiments by name."""
_OFFSET = 0.01


def settings_of(name: str, pair: Pair, seed: int = 0) -> GeodesicSettings:
    """The settings of a preset on a pair.

    Args:
      name: One of :data:`PRESETS`.
      pair: The pair; the size of its samples enters the strength.
      seed: Seed of the path weight and of Adam.

    Raises:
      InputError: The name is unknown.

    Example:
      >>> import pairs
      >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((4,)), sample_range=None, critic_kind="energy")
      >>> settings_of("released-celeba-hq", pair).strength  # 0.2 * 9 segments * sqrt(4)
      3.6
    """
    check_choice("preset", name, tuple(PRESETS))
    released = PRESETS[name]
    segments = released.points - 1
    if released.cap is None:
        strength = released.strength * segments * math.sqrt(math.prod(pair.sample_shape))
    else:
        strength = released.strength * (released.cap + _OFFSET) ** 2
    return GeodesicSettings(
        points=released.points,
        segments=segments,
        modes=released.modes,
        mode=released.mode,
        strength=strength,
        solver=Adam(released.steps, seed),
        multiresolution=False,
        restarts=0,
        keep="free",
        resample="none",
        seed=seed,
    )
