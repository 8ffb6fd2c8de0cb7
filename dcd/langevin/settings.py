r"""Settings of one Langevin chain. Which knob does what is in :class:`Langevin`."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from pairs import InputError

__all__ = ["Langevin", "Structure", "Space", "Divergence", "NoiseOrder"]

Space = Literal["pixel", "latent"]
Divergence = Literal["kl", "js", "logd"]
NoiseOrder = Literal["after", "before"]
NoiseScale = Literal["temperature", "gradient"]


class Structure(NamedTuple):
    """The static part of the settings: what shapes the compiled program. All else is data."""

    space: Space
    divergence: Divergence
    noise_order: NoiseOrder
    noise_scale: NoiseScale
    clip: bool
    tether: bool
    tangent: bool
    project: bool
    metropolis: bool
    precondition: bool = False
    hold: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Langevin:
    r"""One transition, for a state :math:`u` that is a sample (``pixel``) or a latent (``latent``):

    .. math::
       g &= \nabla_u\left[\beta\,\Phi(D(u)) + \alpha \log p_0(u) - \kappa \lVert u - u_0 \rVert\right] \\
       u' &= P\left(u + \eta_k\,\mathrm{clip}(g) + \sqrt{2 \eta_k T_k}\;\xi\right), \quad \xi \sim N(0, I)

    with :math:`D(u)` short for :math:`D(G(u))` in latent space. **Convention**: ``step_size`` is
    :math:`\eta` as written; papers that write :math:`\tfrac{\epsilon}{2} g + \sqrt\epsilon\,\xi` mean
    :math:`\epsilon = 2\eta`. ``critic_scale`` multiplies the score, ``temperature`` the noise variance.

    Attributes:
      space: ``latent`` moves z, ``pixel`` moves x.
      steps: number of transitions.
      step_size: :math:`\eta > 0`.
      temperature: :math:`T \ge 0`; 0 is gradient ascent, 1 samples the target.
      critic_scale: :math:`\beta`.
      prior_weight: :math:`\alpha \ge 0`, latent space only.
      divergence: :math:`\Phi'(d)` is 1 (``kl``), :math:`\sigma(d)` (``js``) or :math:`\sigma(-d)` (``logd``).
      tether: :math:`\kappa \ge 0`, pull to the start :math:`u_0`.
      clip: bound on each coordinate of g, 0 for none.
      noise_order: ``after`` evaluates g at u; ``before`` adds the noise first and evaluates g there.
      noise_scale: ``temperature`` as above; ``gradient`` multiplies the noise by :math:`\lVert g\rVert`.
      tangent: remove from the drift its radial part, :math:`g - \langle g, u\rangle u/\lVert u\rVert^2`.
      project: clip samples to their range and latents to the prior's support after each step.
      metropolis: accept or reject so that :math:`\pi^{1/T}` is invariant; moves out of range are rejected.
      hold: coordinates ``(first, end)`` of the flattened state that do not move, bit for bit: no drift, no noise,
        no projection reaches them. The chain then samples the others given these. Empty holds none.
      anneal: multipliers of the step size, one per stage of equal length.
      anneal_noise: multipliers of the noise's standard deviation, likewise, on top of :math:`\sqrt{2\eta_k T}`.
      precondition: positive diagonal M, one number per coordinate of the state (flattened), none for the identity:
        the drift becomes :math:`\eta M g`, the noise :math:`\sqrt{2\eta T M}\,\xi`, with the same target.
      preset: the name it came from, for reports.

    Raises:
      InputError: a value out of range, with the field's name.

    >>> Langevin(space="latent", steps=10, step_size=0.01).temperature
    1.0
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
        _one_of("space", self.space, get_args(Space))
        _one_of("divergence", self.divergence, get_args(Divergence))
        _one_of("noise_order", self.noise_order, get_args(NoiseOrder))
        _one_of("noise_scale", self.noise_scale, get_args(NoiseScale))
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 0:
            raise InputError("steps", f"is {self.steps!r}", "give a whole number, 0 or more")
        _number("step_size", self.step_size, above=0.0)
        for name in ("temperature", "prior_weight", "tether", "clip"):
            _number(name, getattr(self, name), at_least=0.0)
        _number("critic_scale", self.critic_scale)
        for name in ("anneal", "anneal_noise"):
            stages = getattr(self, name)
            if not isinstance(stages, tuple) or not stages:
                raise InputError(name, f"is {stages!r}", "give a tuple of multipliers, one per stage")
            for value in stages:
                _number(name, value, at_least=0.0)
        if not isinstance(self.precondition, tuple):
            raise InputError("precondition", f"is {self.precondition!r}", "give a tuple of numbers, one per coordinate")
        for value in self.precondition:
            _number("precondition", value, above=0.0)
        if self.precondition and (self.tangent or self.noise_scale == "gradient"):
            raise InputError(
                "precondition", "is set with a tangent drift or noise that follows the gradient's norm", "leave one out"
            )
        whole = isinstance(self.hold, tuple) and all(type(v) is int for v in self.hold)
        if not whole or (self.hold and not (len(self.hold) == 2 and 0 <= self.hold[0] < self.hold[1])):
            raise InputError("hold", f"is {self.hold!r}", "give (first, end) with 0 <= first < end, or () for none")
        if self.prior_weight and self.space == "pixel":
            raise InputError("prior_weight", "is set in pixel space", "the prior acts on latents; use space='latent'")
        if self.metropolis and (self.temperature == 0 or self.noise_order == "before"):
            raise InputError(
                "metropolis", "needs noise added after the gradient", "set temperature above 0 and noise_order='after'"
            )
        uneven = self.noise_scale == "gradient" or any(m != 1.0 for m in self.anneal_noise)
        if self.metropolis and (uneven or self.tangent):
            raise InputError(
                "metropolis",
                "needs a proposal with a constant covariance",
                "use noise_scale='temperature', no anneal_noise and no tangent projection",
            )

    def replace(self, **changes: Any) -> Langevin:
        """A copy with some settings changed, validated again."""
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            raise InputError(unknown[0], "is not a setting of the chain", "see the attributes of dcd.Langevin")
        return dataclasses.replace(self, **changes)

    def structure(self) -> Structure:
        """The part that decides what is compiled."""
        return Structure(
            self.space,
            self.divergence,
            self.noise_order,
            self.noise_scale,
            self.clip > 0,
            self.tether > 0,
            self.tangent,
            self.project and not self.metropolis,
            self.metropolis,
            bool(self.precondition),
            self.hold,
        )

    def root(self) -> np.ndarray | None:
        r""":math:`\sqrt{M}`, flat; None without preconditioning."""
        return np.sqrt(np.asarray(self.precondition, np.float32)) if self.precondition else None

    def step_sizes(self) -> list[float]:
        r""":math:`\eta_k` of every step."""
        return [self.step_size * m for m in _stages(self.anneal, self.steps)]

    def noise_scales(self) -> list[float]:
        r"""Standard deviation of the noise, :math:`\sqrt{2\eta_k T}`; per unit of gradient norm where the scale is."""
        noise = _stages(self.anneal_noise, self.steps)
        return [math.sqrt(2 * e * self.temperature) * m for e, m in zip(self.step_sizes(), noise, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; ``Langevin(**dict)`` restores it (lists become tuples in :meth:`from_dict`)."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Langevin:
        """Inverse of :meth:`to_dict`, for values read from JSON or TOML."""
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls().replace(**tuples)


def _stages(multipliers: tuple[float, ...], steps: int) -> list[float]:
    return [multipliers[min(k * len(multipliers) // steps, len(multipliers) - 1)] for k in range(steps)]


def _one_of(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(field, f"is {value!r}", f"use one of {', '.join(allowed)}")


def _number(field: str, value: Any, above: float | None = None, at_least: float | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(field, f"is {value!r}", "give a finite number")
    if above is not None and not value > above:
        raise InputError(field, f"is {value!r}", f"give a number above {above:g}")
    if at_least is not None and not value >= at_least:
        raise InputError(field, f"is {value!r}", f"give a number of at least {at_least:g}")
