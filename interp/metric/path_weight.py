r"""What a critic's scores mean for this pair: quantiles, how well it tells midpoints from samples, the weight.

Scores are collected on generated samples, on the midpoints of straight lines between random latents (not
rescaled: the worst points of a linear interpolation), and on real data where given. The strength
:math:`\lambda` of the weight solves

.. math:: \overline{w}_{bad} / \overline{w}_{good} = R

with *good* the generated samples (the ends of paths) and *bad* the worst 5 % of midpoints
(two-point calibration, arXiv 2505.18230 uses the same idea). Where the ratio cannot be reached, four fifths of
what can is taken and the record says so. The wall takes R itself for its height, and stands at the 5 % quantile of
real data where it is given.

A critic that tells nothing apart must not steer: R is damped to :math:`1 + g (R - 1)` by the evidence

.. math:: g = \min\bigl(1,\; \max(|2 A_{mid} - 1|,\; 2 A_{real} - 1) / 0.3\bigr)

with :math:`A_{mid}` the AUC of samples against midpoints and :math:`A_{real}` of real data against samples. A
weight with least value 1 and largest W on the plain geodesic lengthens a path by at most a factor W
(the weighted path is no longer than the plain one in the weighted metric), so a small R bounds the harm.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.ranking import auc, kolmogorov_smirnov

from ..support import check_ends
from .critic_weight import (
    Badness,
    BarrierWeight,
    ExponentialWeight,
    RatioWeight,
    ReciprocalCost,
    UnitWeight,
    WallWeight,
    Weight,
)

__all__ = ["Calibration", "CalibrationConfig", "calibrate"]

Shape = Literal["barrier", "exponential", "ratio", "wall"]
_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
    """``samples`` generated and midpoint scores; ``ratio`` is R, the height of a wall; ``transform`` of the scores.

    ``transform="auto"`` takes ranks where real data scores wholly above generated data
    (over-trained critic, AUC above 0.999) and raw scores elsewhere. ``damp=False`` takes R as it stands.
    """

    samples: int = 2000
    shape: Shape = "barrier"
    ratio: float = 10.0
    transform: Literal["auto", "raw", "rank"] = "auto"
    batch: int = 250
    damp: bool = True

    def __post_init__(self) -> None:
        if self.samples < 20:
            raise InputError("samples", f"is {self.samples}", "give at least 20, or quantiles mean nothing")
        if self.shape not in get_args(Shape):
            raise InputError("shape", f"is {self.shape!r}", f"use one of {', '.join(get_args(Shape))}")
        if not (math.isfinite(self.ratio) and self.ratio > 1):
            raise InputError("ratio", f"is {self.ratio}", "give a finite number above 1")
        if self.transform not in ("auto", "raw", "rank"):
            raise InputError("transform", f"is {self.transform!r}", "use auto, raw or rank")
        if self.batch < 1:
            raise InputError("batch", f"is {self.batch}", "give at least 1")


class Calibration(NamedTuple):
    """Weights and the evidence for them. ``weight`` is 1 + lambda u (or another shape), ``cost`` is 1/D~.

    ``floor`` is the 5 % quantile of generated scores, ``statistics`` JSON values, ``constant``
    and ``blind`` say that the critic does not vary, or does not tell midpoints from samples.
    """

    weight: Weight
    cost: Weight
    floor: float
    constant: bool
    blind: bool
    statistics: dict[str, Any]


@jax.jit
def _score_latents(pair: Pair, z: Array, labels: Array | None) -> Array:
    return pair.score(pair.generate(z, labels), labels)


@jax.jit
def _score(pair: Pair, x: Array, labels: Array | None) -> Array:
    return pair.score(x, labels)


def _in_batches(function: Any, pair: Pair, inputs: Any, labels: Array | None, batch: int) -> np.ndarray:
    out = []
    for i in range(0, len(inputs), batch):
        part = inputs[i : i + batch]
        out.append(np.asarray(function(pair, part, None if labels is None else labels[i : i + batch]), np.float64))
    return np.concatenate(out)


def calibrate(
    pair: Pair,
    key: Array | None = None,
    config: CalibrationConfig = CalibrationConfig(),
    *,
    real: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    latents: ArrayLike | None = None,
) -> Calibration:
    """Measure the critic of a pair and set the weight.

    Args:
      key: randomness of the samples; ``jax.random.key(0)`` where None.
      real: optional real samples ``(n, *sample)`` in the pair's range, for the over-training check.
      labels: class of every sample, ``(samples,)``, for conditional pairs; cycles through the
        classes where None.
      latents: ends of the paths to come, ``(n, *latent)``, where they are no draws of the prior (codes of real
        images): ends and midpoints are then drawn from these, with replacement.

    Warns:
      UserWarning: the critic is constant, or cannot tell midpoints from samples (AUC below 0.55),
        or ranks all real data above all samples.

    Raises:
      InputError: scores hold NaN or infinity; latents of the wrong shape; latents for a conditional pair.
    """
    key = jax.random.key(0) if key is None else key
    n = config.samples
    if pair.classes and labels is None:
        labels = jnp.arange(n) % pair.classes
    labels = None if labels is None else jnp.asarray(labels)
    k0, k1 = jax.random.split(key)
    draw = lambda k: pair.prior.sample(k, n, labels)
    if latents is not None:
        if pair.classes:
            raise InputError("latents", "are given for a conditional pair", "leave them out")
        given = check_ends(pair, "latents", jnp.asarray(latents)).reshape(-1, *pair.prior.shape)
        draw = lambda k: given[jax.random.randint(k, (n,), 0, len(given))]
    z = draw(k0)
    middle = 0.5 * (z + draw(k1))
    gen = _in_batches(_score_latents, pair, z, labels, config.batch)
    mid = _in_batches(_score_latents, pair, middle, labels, config.batch)
    true = None
    if real is not None:
        real_labels = None if labels is None else jnp.arange(len(jnp.asarray(real))) % (pair.classes or 1)
        true = _in_batches(_score, pair, jnp.asarray(real), real_labels, config.batch)
    for name, scores in (("generated samples", gen), ("midpoints", mid), ("real data", true)):
        if scores is not None and not np.all(np.isfinite(scores)):
            raise InputError("critic", f"scores NaN or infinity on {name}", "check its weights and the sample range")
    return _from_scores(gen, mid, true, config)


def _from_scores(gen: np.ndarray, mid: np.ndarray, real: np.ndarray | None, config: CalibrationConfig) -> Calibration:
    low, high = np.quantile(gen, [0.05, 0.5])
    constant = bool(np.ptp(np.concatenate([gen, mid])) <= 1e-6 * max(abs(high), 1e-30))
    tell = auc(gen, mid)
    real_auc = None if real is None else auc(real, gen)
    evidence = 0.0 if constant else max(abs(2 * tell - 1), 0.0 if real_auc is None else 2 * real_auc - 1)
    blind = evidence < 0.1
    trust = min(1.0, evidence / 0.3) if config.damp else 1.0
    overtrained = real_auc is not None and real_auc > 0.999
    ranked = config.transform == "rank" or (config.transform == "auto" and overtrained)
    if constant:
        warnings.warn("critic: is constant on samples and midpoints; paths will ignore it", UserWarning, stacklevel=3)
    elif blind:
        warnings.warn(
            f"critic: cannot tell midpoints from samples (AUC {tell:.2f}); its weight is "
            + ("nearly switched off" if config.damp else "mostly noise")
            + ": adapt it (python -m dcd adapt) or use mode='none'",
            UserWarning,
            stacklevel=3,
        )
    if overtrained:
        warnings.warn(
            "critic: ranks all real data above all samples (over-trained)"
            + ("; scores are replaced by ranks" if ranked else ""),
            UserWarning,
            stacklevel=3,
        )
    table = jnp.asarray(np.quantile(gen, np.linspace(0, 1, 201)), jnp.float32) if ranked and not constant else None
    if table is not None:
        badness = Badness(jnp.asarray(0.5), jnp.asarray(0.45), table)
    else:
        badness = Badness.between(low, high)
    worst = np.sort(mid)[: max(1, len(mid) // 20)]
    wanted = 1 + trust * (config.ratio - 1)
    weight, strength, reached = UnitWeight(), 0.0, 1.0
    if config.shape in ("ratio", "wall") and not constant:
        if config.shape == "wall":
            weight, strength = WallWeight(_edge(badness, real, ranked), jnp.asarray(wanted)), wanted
        else:
            weight, strength = RatioWeight(jnp.asarray(low)), 1.0
        reached = float(jnp.mean(weight(jnp.asarray(worst))) / jnp.mean(weight(jnp.asarray(gen))))
    elif not constant:
        good, bad = (np.asarray(badness(jnp.asarray(s)), np.float64) for s in (gen, worst))
        weight, strength, reached = _solve_strength(config.shape, wanted, badness, good, bad)
    cost = (
        UnitWeight()
        if constant
        else ReciprocalCost(jnp.asarray(math.floor(gen.min())), jnp.asarray(math.ceil(gen.max())))
    )
    statistics: dict[str, Any] = {
        "samples": len(gen),
        "shape": config.shape,
        "transform": "rank" if ranked else "raw",
        "strength": strength,
        "ratio_wanted": config.ratio,
        "ratio_damped": wanted,
        "ratio_reached": reached,
        "evidence": evidence,
        "quantiles_generated": _quantiles(gen),
        "quantiles_midpoints": _quantiles(mid),
        "auc_generated_midpoints": tell,
        "ks_generated_midpoints": kolmogorov_smirnov(gen, mid),
        "constant": constant,
        "blind": blind,
    }
    if real is not None:
        statistics |= {
            "quantiles_real": _quantiles(real),
            "auc_real_generated": real_auc,
            "ks_real_generated": kolmogorov_smirnov(real, gen),
            "overtrained": overtrained,
        }
    return Calibration(weight, cost, float(low), constant, blind, statistics)


def _edge(badness: Badness, real: np.ndarray | None, ranked: bool) -> Badness:
    """The position in which the wall is told: between quantiles of real data where they are known and comparable.

    A generator may miss the data with more than one sample in twenty; its own quantile would let those pass.
    """
    if real is None or ranked:
        return badness
    low, high = np.quantile(real, [0.05, 0.5])
    return Badness.between(low, high)


def _quantiles(scores: np.ndarray) -> dict[str, float]:
    return {f"{share:g}": float(v) for share, v in zip(_SHARES, np.quantile(scores, _SHARES), strict=True)}


def _solve_strength(
    shape: Shape, wanted: float, badness: Badness, good: np.ndarray, bad: np.ndarray
) -> tuple[Weight, float, float]:
    """Strength at which mean weight on ``bad`` over mean weight on ``good`` is the wanted ratio."""
    if shape == "exponential":
        make = lambda b: ExponentialWeight(badness, jnp.asarray(b))
        value = lambda b, u: float(np.mean(1 / (np.exp(-b * u) + 1 / 30.0)))
    else:
        make = lambda b: BarrierWeight(badness, jnp.asarray(b))
        value = lambda b, u: float(np.mean(1 + b * u))
    ratio = lambda b: value(b, bad) / value(b, good)
    grid = np.geomspace(1e-3, 1e3, 601)
    reach = np.array([ratio(b) for b in grid])
    # the barrier's ratio rises to mean(u_bad)/mean(u_good) and never gets there; stop at four fifths of the way
    target = min(wanted, 1 + 0.8 * (float(reach.max()) - 1))
    first = int(np.argmax(reach >= target))
    strength = float(grid[first])
    return make(strength), strength, float(reach[first])
