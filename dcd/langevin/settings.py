r"""Settings of the Langevin chain: what each of them does is in :class:`Langevin`."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from pairs import InputError
from pairs.checks import check_choice, check_number

from .annealing import stages
from .chain_settings import ChainSettings, check_multipliers

__all__ = ["Langevin", "NoiseOrder", "NoiseScale"]

NoiseOrder = Literal["after", "before"]
NoiseScale = Literal["temperature", "gradient"]


@dataclasses.dataclass(frozen=True)
class Langevin(ChainSettings):
    r"""Settings of a chain whose state :math:`u` is a sample (``pixel``) or a latent (``latent``).

    One transition is

    .. math::
       g &= \nabla_u\left[\beta\,\Phi(D(u)) + \alpha \log p_0(u) - \kappa \lVert u - u_0 \rVert\right] \\
       u' &= P\left(u + \eta_k\,\mathrm{clip}(g) + \sqrt{2 \eta_k T}\;\xi\right), \quad \xi \sim N(0, I)

    with :math:`D(u)` short for :math:`D(G(u))` in latent space. **Convention**: ``step_size`` is :math:`\eta` as
    written; papers that write :math:`\tfrac{\epsilon}{2} g + \sqrt\epsilon\,\xi` mean :math:`\epsilon = 2\eta`.
    ``critic_scale`` multiplies the score, ``temperature`` the variance of the noise.

    Attributes:
      space: ``latent`` moves latents, ``pixel`` moves samples.
      steps: Number of transitions.
      step_size: :math:`\eta > 0`.
      temperature: :math:`T \ge 0`; 0 is gradient ascent, 1 samples the target.
      critic_scale: :math:`\beta`.
      prior_weight: :math:`\alpha \ge 0`, in latent space only.
      divergence: :math:`\Phi'(d)` is 1 (``kl``), :math:`\sigma(d)` (``js``) or :math:`\sigma(-d)` (``logd``).
      tether: :math:`\kappa \ge 0`, the strength of the pull to the start :math:`u_0`.
      clip: Bound on each coordinate of g, 0 for none.
      noise_order: ``after`` evaluates g at u; ``before`` adds the noise first and evaluates g there.
      noise_scale: ``temperature`` as above; ``gradient`` multiplies the noise by :math:`\lVert g\rVert`.
      tangent: Whether the drift loses its radial part: :math:`g - \langle g, u\rangle u/\lVert u\rVert^2`.
      project: Whether samples are clipped to their range, and latents to the prior's support, after each step.
      metropolis: Whether steps are accepted or rejected so that :math:`\pi^{1/T}` is invariant; a move out of range is
        then rejected.
      hold: Coordinates ``(first, end)`` of the flattened state that do not move by a bit: no drift, no noise and no
        projection reaches them. The chain then samples the others given these. Empty holds none.
      anneal: Multipliers of the step size, one per stage of equal length.
      anneal_noise: Multipliers of the noise's standard deviation, likewise, on top of :math:`\sqrt{2\eta_k T}`.
      precondition: Positive diagonal M, one number per coordinate of the flattened state, empty for the identity: the
        drift becomes :math:`\eta M g` and the noise :math:`\sqrt{2\eta T M}\,\xi`, with the same target.
      preset: The name that reports give to these settings.

    Raises:
      InputError: A value out of range, with the name of the field.

    Example:
      >>> Langevin(space="latent", steps=10, step_size=0.01).temperature
      1.0
    """

    noise_order: NoiseOrder = "after"
    noise_scale: NoiseScale = "temperature"
    tangent: bool = False
    project: bool = True
    metropolis: bool = False
    hold: tuple[int, ...] = ()
    anneal: tuple[float, ...] = (1.0,)
    anneal_noise: tuple[float, ...] = (1.0,)
    precondition: tuple[float, ...] = ()
    preset: str = "custom"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_choice("noise_order", self.noise_order, get_args(NoiseOrder))
        check_choice("noise_scale", self.noise_scale, get_args(NoiseScale))
        check_multipliers("anneal", self.anneal)
        check_multipliers("anneal_noise", self.anneal_noise)
        self._check_precondition()
        whole = isinstance(self.hold, tuple) and all(type(v) is int for v in self.hold)
        if not whole or (self.hold and not (len(self.hold) == 2 and 0 <= self.hold[0] < self.hold[1])):
            raise InputError("hold", f"is {self.hold!r}", "give (first, end) with 0 <= first < end, or () for none")
        if self.metropolis:
            self._check_metropolis()

    def _check_precondition(self) -> None:
        if not isinstance(self.precondition, tuple):
            raise InputError("precondition", f"is {self.precondition!r}", "give a tuple of numbers, one per coordinate")
        for value in self.precondition:
            check_number("precondition", value, above=0.0)
        if self.precondition and (self.tangent or self.noise_scale == "gradient"):
            problem = "is set with a tangent drift or with noise that follows the gradient's norm"
            raise InputError("precondition", problem, "leave one out")

    def _check_metropolis(self) -> None:
        if self.temperature == 0 or self.noise_order == "before":
            remedy = "set temperature above 0 and noise_order='after'"
            raise InputError("metropolis", "needs noise added after the gradient", remedy)
        if self.noise_scale == "gradient" or self.tangent or any(m != 1.0 for m in self.anneal_noise):
            remedy = "use noise_scale='temperature', no anneal_noise and no tangent projection"
            raise InputError("metropolis", "needs a proposal with a constant covariance", remedy)

    @property
    def name(self) -> str:
        """The field ``preset``."""
        return self.preset

    @property
    def multipliers(self) -> tuple[float, ...]:
        """The field ``anneal``."""
        return self.anneal

    @property
    def bounded(self) -> bool:
        """True with the Metropolis correction, which rejects moves out of the support."""
        return self.metropolis

    @property
    def relative_noise(self) -> bool:
        """True with ``noise_scale="gradient"``."""
        return self.noise_scale == "gradient"

    def noise_scales(self) -> list[float]:
        r"""Standard deviation of every step's noise, :math:`\sqrt{2\eta_k T}`.

        With ``noise_scale="gradient"`` it is the deviation per unit of the gradient's norm.
        """
        noise = stages(self.anneal_noise, self.steps)
        return [math.sqrt(2 * e * self.temperature) * m for e, m in zip(self.step_sizes(), noise, strict=True)]
