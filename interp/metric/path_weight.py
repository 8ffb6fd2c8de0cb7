r"""The path weight: what a critic's scores mean for this pair, and how much length counts where they are low.

Scores are collected on generated samples, on the midpoints of straight lines between random latents (not rescaled: the
worst points of a linear interpolation), and on real data where given. The strength :math:`\lambda` of the weight solves

.. math:: \overline{w}_{bad} / \overline{w}_{good} = R

with *good* the generated samples (the ends of paths) and *bad* the worst 5 % of midpoints (arXiv 2505.18230 uses the
same two points). Where the ratio cannot be reached, four fifths of what can be reached is taken and the record says so.
The wall takes R itself for its height, and stands at the 5 % quantile of real data where that is given.

A critic that does not tell samples apart must not steer: R is damped to :math:`1 + g (R - 1)` by the evidence

.. math:: g = \min\bigl(1,\; \max(|2 A_{mid} - 1|,\; 2 A_{real} - 1) / 0.3\bigr)

with :math:`A_{mid}` the AUC of samples against midpoints and :math:`A_{real}` of real data against samples. A weight
with least value 1 and largest value W on the plain geodesic lengthens a path by at most the factor W (the weighted
path is no longer than the plain one in the weighted metric), so a small R bounds the harm.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.arguments import checked_key, differentiable
from pairs.arrays import as_floats
from pairs.batches import map_batches
from pairs.checks import check_choice, check_count, check_labels, check_number
from pairs.ranking import auc, kolmogorov_smirnov

from ..checks import check_ends
from .critic_weight import Badness, ReciprocalCost, UnitWeight, Weight
from .weight_strength import barrier_of_ratio, wall_of_height

__all__ = ["PathWeight", "PathWeightSettings", "Shape", "weigh"]

Shape = Literal["barrier", "wall"]
_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BATCH = 250


@dataclasses.dataclass(frozen=True)
class PathWeightSettings:
    """How a path weight is set.

    Attributes:
      samples: Number of generated scores, and of midpoint scores.
      shape: How the weight grows as the score falls, see :mod:`interp.metric.critic_weight`.
      ratio: R, the height of a wall; above 1.
      damp: Whether R is damped by the evidence; False takes R as it stands.

    Raises:
      InputError: A setting is out of bounds.
    """

    samples: int = 2000
    shape: Shape = "barrier"
    ratio: float = 10.0
    damp: bool = True

    def __post_init__(self) -> None:
        check_count("samples", self.samples, 20)
        check_choice("shape", self.shape, get_args(Shape))
        check_number("ratio", self.ratio, above=1)


@dataclasses.dataclass(frozen=True)
class PathWeight:
    """The weight of a critic on one pair, and the evidence for it.

    Attributes:
      weight: From score to weight, for the conformal mode.
      cost: From score to cost, for the additive and potential modes.
      floor: The 5 % quantile of generated scores.
      constant: Whether the critic gives all samples and midpoints one score.
      blind: Whether the critic does not tell midpoints from samples.
      statistics: Quantiles, AUC and strength, as JSON values.
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


def weigh(
    pair: Pair,
    key: Array | None = None,
    settings: PathWeightSettings = PathWeightSettings(),
    *,
    real: ArrayLike | None = None,
    real_labels: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    latents: ArrayLike | None = None,
) -> PathWeight:
    """Score samples and midpoints of a pair and set its path weight.

    Args:
      pair: The pair whose critic is to steer paths.
      key: Randomness of the samples; ``jax.random.key(0)`` where None.
      settings: Number of samples, shape and ratio.
      real: Real samples ``(n, *sample)`` in the pair's range; they show an over-trained critic.
      real_labels: Their classes ``(n,)``, for conditional pairs.
      labels: Class of every sample, ``(samples,)``, for conditional pairs; all classes in turn where None.
      latents: Ends of the paths to come, ``(n, *latent)``, where they are no draws of the prior (codes of real
        images): ends and midpoints are then drawn from these, with replacement.

    Warns:
      UserWarning: The critic is constant, or cannot tell midpoints from samples (AUC below 0.55), or ranks all real
        data above all samples.

    Raises:
      InputError: Scores are not finite; latents have the wrong shape, or are given for a conditional pair.

    Example:
      >>> import pairs
      >>> same, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: -jnp.sum(x**2, axis=1))
      >>> pair = pairs.make_pair(same, critic, pairs.Normal((8,)), sample_range=None, critic_kind="energy")
      >>> found = weigh(pair)  # midpoints lie nearer to the origin, where this critic scores best
      >>> found.blind, bool(found.weight(jnp.asarray(found.floor)) > 2)
      (False, True)

    References:
      arXiv 2505.18230.
    """
    key = checked_key(jax.random.key(0) if key is None else key, pair=pair, real=real, latents=latents)
    pair = differentiable(pair)
    n = settings.samples
    if pair.classes and labels is None:
        labels = jnp.arange(n) % pair.classes
    labels = None if labels is None else jnp.asarray(labels)
    k0, k1 = jax.random.split(key)
    draw = lambda k: pair.prior.sample(k, n, labels)
    if latents is not None:
        if pair.classes:
            raise InputError("latents", "are given for a conditional pair", "leave them out")
        given = check_ends(pair, "latents", latents).reshape(-1, *pair.prior.shape)
        draw = lambda k: given[jax.random.randint(k, (n,), 0, len(given))]
    z = draw(k0)
    generated = _scores("generated samples", _score_latents, pair, z, labels)
    midpoints = _scores("midpoints", _score_latents, pair, 0.5 * (z + draw(k1)), labels)
    true = None
    if real is not None:
        x = as_floats("real", real)
        known = check_labels(pair, real_labels, len(x), "real_labels")
        classes = None if known is None else jnp.asarray(known)
        true = _scores("real data", _score, pair, x, classes)
    return _from_scores(generated, midpoints, true, settings)


def _scores(name: str, function: Any, pair: Pair, rows: Array, labels: Array | None) -> np.ndarray:
    given = (rows,) if labels is None else (rows, labels)
    out = map_batches(lambda v, c=None: function(pair, v, c), *given, batch=_BATCH).astype(np.float64)
    if not np.all(np.isfinite(out)):
        raise InputError("critic", f"scores NaN or infinity on {name}", "check its weights and the sample range")
    return out


def _from_scores(
    generated: np.ndarray, midpoints: np.ndarray, real: np.ndarray | None, settings: PathWeightSettings
) -> PathWeight:
    low, high = np.quantile(generated, [0.05, 0.5])
    constant = bool(np.ptp(np.concatenate([generated, midpoints])) <= 1e-6 * max(abs(high), 1e-30))
    tell = auc(generated, midpoints)
    real_auc = None if real is None else auc(real, generated)
    evidence = 0.0 if constant else max(abs(2 * tell - 1), 0.0 if real_auc is None else 2 * real_auc - 1)
    blind = evidence < 0.1
    # real data scored wholly above samples mark an over-trained critic, of whose scores only the order is used
    overtrained = real_auc is not None and real_auc > 0.999
    _warn(constant, blind, overtrained, tell, settings.damp)
    wanted = 1 + (min(1.0, evidence / 0.3) if settings.damp else 1.0) * (settings.ratio - 1)
    weight, cost, strength, reached = UnitWeight(), UnitWeight(), 0.0, 1.0
    if not constant:
        badness = Badness.between(low, high)
        if overtrained:
            table = jnp.asarray(np.quantile(generated, np.linspace(0, 1, 201)), jnp.float32)
            badness = Badness(jnp.asarray(0.5), jnp.asarray(0.45), table)
        worst = np.sort(midpoints)[: max(1, len(midpoints) // 20)]
        if settings.shape == "wall":
            weight, strength, reached = wall_of_height(wanted, badness, generated, worst, None if overtrained else real)
        else:
            weight, strength, reached = barrier_of_ratio(wanted, badness, generated, worst)
        lowest, highest = math.floor(generated.min()), math.ceil(generated.max())
        cost = ReciprocalCost(jnp.asarray(lowest), jnp.asarray(highest))
    statistics: dict[str, Any] = {
        "samples": len(generated),
        "shape": settings.shape,
        "transform": "rank" if overtrained else "raw",
        "strength": strength,
        "ratio_wanted": settings.ratio,
        "ratio_damped": wanted,
        "ratio_reached": reached,
        "evidence": evidence,
        "quantiles_generated": _quantiles(generated),
        "quantiles_midpoints": _quantiles(midpoints),
        "auc_generated_midpoints": tell,
        "ks_generated_midpoints": kolmogorov_smirnov(generated, midpoints),
        "constant": constant,
        "blind": blind,
    }
    if real is not None:
        statistics |= {
            "quantiles_real": _quantiles(real),
            "auc_real_generated": real_auc,
            "ks_real_generated": kolmogorov_smirnov(real, generated),
            "overtrained": overtrained,
        }
    return PathWeight(weight, cost, float(low), constant, blind, statistics)


def _warn(constant: bool, blind: bool, overtrained: bool, tell: float, damp: bool) -> None:
    say = lambda text: warnings.warn(f"critic: {text}", UserWarning, stacklevel=5)
    if constant:
        say("is constant on samples and midpoints; paths will ignore it")
    elif blind:
        effect = "nearly switched off" if damp else "mostly noise"
        remedy = "adapt it (ganrefine adapt) or use mode='none'"
        say(f"cannot tell midpoints from samples (AUC {tell:.2f}); its weight is {effect}: {remedy}")
    if overtrained:
        say("ranks all real data above all samples (over-trained); scores are replaced by ranks")


def _quantiles(scores: np.ndarray) -> dict[str, float]:
    return {f"{share:g}": float(v) for share, v in zip(_SHARES, np.quantile(scores, _SHARES), strict=True)}
