r"""What the settings of every chain have in common: the target, the number and size of its steps.

.. math:: g = \nabla_u\left[\beta\,\Phi(D(u)) + \alpha \log p_0(u) - \kappa \lVert u - u_0 \rVert\right]

is the gradient that drives a chain whose state :math:`u` is a sample or a latent. :class:`dcd.Langevin` and
:class:`dcd.Underdamped` add what each of them does with it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Self, get_args

from pairs import InputError
from pairs.checks import check_choice, check_count, check_number

from .annealing import stages

__all__ = ["ChainSettings", "Divergence", "Space", "check_multipliers"]

Space = Literal["pixel", "latent"]
Divergence = Literal["kl", "js", "logd"]

MOST_STEPS = 10_000_000
LARGEST = 1e15  # squares and products with scores stay finite in single precision


@dataclasses.dataclass(frozen=True)
class ChainSettings:
    r"""Settings that every chain has.

    Attributes:
      space: ``latent`` moves latents, ``pixel`` moves samples.
      steps: Number of transitions.
      step_size: Size of one step, above 0. Its convention is the subclass's.
      temperature: :math:`T \ge 0`. At 0 there is no noise; at 1 the chain samples the target.
      critic_scale: :math:`\beta`, which multiplies the critic's score.
      prior_weight: :math:`\alpha \ge 0`, which multiplies the log density of the prior. It acts in latent space only.
      divergence: :math:`\Phi'(d)` is 1 (``kl``), :math:`\sigma(d)` (``js``) or :math:`\sigma(-d)` (``logd``).
      tether: :math:`\kappa \ge 0`, the strength of the pull to the start :math:`u_0`.
      clip: Bound on each coordinate of the gradient, 0 for none.
    """

    space: Space = "latent"
    steps: int = 50
    step_size: float = 0.01
    temperature: float = 1.0
    critic_scale: float = 1.0
    prior_weight: float = 0.0
    divergence: Divergence = "kl"
    tether: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_choice("space", self.space, get_args(Space))
        check_choice("divergence", self.divergence, get_args(Divergence))
        check_count("steps", self.steps, 0, MOST_STEPS)
        check_number("step_size", self.step_size, above=0.0, at_most=LARGEST)
        for name in ("temperature", "prior_weight", "tether", "clip"):
            check_number(name, getattr(self, name), at_least=0.0, at_most=LARGEST)
        check_number("critic_scale", self.critic_scale, at_least=-LARGEST, at_most=LARGEST)
        if self.prior_weight and self.space == "pixel":
            raise InputError("prior_weight", "is set in pixel space", "the prior acts on latents; use space='latent'")

    @property
    def name(self) -> str:
        """The name that reports give to these settings."""
        return "custom"

    @property
    def multipliers(self) -> tuple[float, ...]:
        """Multipliers of the step size, one per stage of equal length."""
        return (1.0,)

    @property
    def bounded(self) -> bool:
        """Whether the target's density is zero outside the prior's support or the sample range."""
        return False

    @property
    def relative_noise(self) -> bool:
        """Whether :meth:`noise_scales` are per unit of the gradient's norm."""
        return False

    def step_sizes(self) -> list[float]:
        """The size of every step."""
        return [self.step_size * m for m in stages(self.multipliers, self.steps)]

    def noise_scales(self) -> list[float]:
        """The standard deviation of every step's noise."""
        raise NotImplementedError

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, validated again.

        Raises:
          InputError: A name that is no setting of this chain, or a value out of range.
        """
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            kind = type(self).__name__
            raise InputError(unknown[0], "is not a setting of the chain", f"see the attributes of dcd.{kind}")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings in the form that JSON and TOML hold; :meth:`from_dict` restores them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Settings from values that were read from JSON or TOML, where tuples have become lists."""
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls().replace(**tuples)


def check_multipliers(field: str, values: Any) -> None:
    """Refuse what is not a tuple of numbers of at least 0.

    Raises:
      InputError: Another type, an empty tuple, or a number that is negative or not finite.
    """
    if not isinstance(values, tuple) or not values:
        raise InputError(field, f"is {values!r}", "give a tuple of multipliers, one per stage")
    for value in values:
        check_number(field, value, at_least=0.0)
