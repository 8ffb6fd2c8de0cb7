r"""What a freshly imported pair does: its samples, their range, and what its critic makes of samples, noise and data.

How well the critic tells two sets apart is the area under the ROC curve,
:math:`A(p, q) = P(D(x_p) > D(x_q))`: 1 where it scores every x of p above those of q, 1/2 where it tells nothing.
A critic that is of use has :math:`A(\text{data}, \text{noise})` and :math:`A(\text{samples}, \text{noise})` near 1, and
:math:`A(\text{data}, \text{samples})` of 1/2 at least. Noise is uniform in the range of the samples.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import Pair
from pairs.batches import apply_in_batches
from pairs.ranking import auc

__all__ = ["FirstLook", "Scores", "draw", "look"]

SAMPLES = 512
_SLACK, _LOW, _FLIPPED = 1e-3, 0.4, 0.3  # benchmarks.studies.first_look measures how often they are right
_ORDER = (("data", "samples"), ("data", "noise"), ("samples", "noise"))


@dataclasses.dataclass(frozen=True)
class Scores:
    """The critic's scores on one set.

    Attributes:
      mean: Their mean.
      spread: Their standard deviation.
      lowest: The least.
      highest: The greatest.
    """

    mean: float
    spread: float
    lowest: float
    highest: float


@dataclasses.dataclass(frozen=True)
class FirstLook:
    """What was found.

    Attributes:
      n: Number of samples.
      lowest: Least value of a sample.
      highest: Greatest value of a sample.
      outside: Share of values outside the declared range.
      scores: By set: ``samples``, ``noise``, and ``data`` where given; empty without a critic.
      auc: How well the critic tells sets apart, ``"data over samples"`` and so on.
      warnings: What is off and what to do, a sentence each.
    """

    n: int
    lowest: float
    highest: float
    outside: float
    scores: dict[str, Scores]
    auc: dict[str, float]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        plain = dataclasses.asdict(self)
        return {**plain, "warnings": list(self.warnings)}


def look(pair: Pair, key: Array, data: np.ndarray | None = None, labels: np.ndarray | None = None) -> FirstLook:
    """Draw samples and score them.

    Args:
      pair: The pair.
      key: Key of the samples and of the noise.
      data: Real samples in the pair's range; what has another shape is named in a warning and not scored.
      labels: Labels of the data of a conditional pair.

    Returns:
      The record; whoever prints it has the pictures of :func:`draw`.
    """
    z_key, noise_key = jax.random.split(key)
    x = draw(pair, z_key, SAMPLES)
    finite = bool(np.all(np.isfinite(x)))
    low, high = (float(np.min(x)), float(np.max(x))) if finite else (math.nan, math.nan)
    warnings = list(_about_samples(pair, x, low, high)) if finite else ["samples hold NaN: use an earlier checkpoint"]
    if data is not None and data.shape[1:] != pair.sample_shape:
        sizes = ["x".join(map(str, s)) for s in (data.shape[1:], pair.sample_shape)]
        fault = "strides, paddings or kernels of the generator's layers are not those it was trained with"
        warnings.append(f"data are {sizes[0]}, samples {sizes[1]}: {fault}, or the data are of another size")
        data = None
    scores, told = {}, {}
    if pair.has_critic and finite:
        sets = {"samples": x, "noise": np.asarray(jax.random.uniform(noise_key, x.shape, x.dtype, *_bounds(pair, x)))}
        sets |= {} if data is None else {"data": data}
        found = {name: _score(pair, v, labels if name == "data" else None) for name, v in sets.items()}
        scores = {n: Scores(*(float(f(s)) for f in (np.mean, np.std, np.min, np.max))) for n, s in found.items()}
        if all(np.all(np.isfinite(s)) for s in found.values()):
            told = {f"{a} over {b}": auc(found[a], found[b]) for a, b in _ORDER if a in found and b in found}
            warnings += _about_critic(np.concatenate(list(found.values())), told)
        else:
            bad = [n for n, s in found.items() if not np.all(np.isfinite(s))]
            warnings.append(f"the critic returns NaN or infinity on {' and '.join(bad)}: check its weights")
    return FirstLook(len(x), low, high, _outside(pair, x), scores, told, tuple(warnings))


def draw(pair: Pair, key: Array, n: int) -> np.ndarray:
    """``n`` samples, all classes in turn.

    Args:
      pair: The pair.
      key: Key of the latents.
      n: Number of samples.
    """
    labels = np.arange(n) % pair.classes if pair.classes else None
    z = pair.prior.sample(key, n, labels)
    inputs = (z,) if labels is None else (z, jnp.asarray(labels, jnp.int32))
    return apply_in_batches(pair.generator, *inputs)


def _score(pair: Pair, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    if pair.classes is None:
        return apply_in_batches(pair.critic, x)
    given = np.arange(len(x)) % pair.classes if labels is None else labels[: len(x)]
    return apply_in_batches(pair.critic, x, given.astype(np.int32))


def _bounds(pair: Pair, x: np.ndarray) -> tuple[Any, Any]:
    return pair.sample_range or (x.min(0), x.max(0))


def _outside(pair: Pair, x: np.ndarray) -> float:
    if pair.sample_range is None:
        return 0.0
    low, high = pair.sample_range
    slack = _SLACK * (high - low)
    return float(np.mean((x < low - slack) | (x > high + slack)))


def _about_samples(pair: Pair, x: np.ndarray, low: float, high: float) -> list[str]:
    found = []
    if float(np.max(np.std(x, axis=0))) <= 1e-6 * max(1.0, abs(low), abs(high)):
        found.append("all samples are alike: the generator does not use its latents, check its weights and the prior")
    if pair.sample_range is None:
        return found
    least, most = pair.sample_range
    width, outside = most - least, _outside(pair, x)
    if outside:
        by = max(least - low, high - most)
        remedies = "declare the range it was trained for (--range, sample_range in a manifest), or end its layers with"
        clip = f'{{layer = "clip", low = {least:g}, high = {most:g}}}'
        words = f"{outside:.2%} of the values lie outside [{least:g}, {most:g}], by up to {by:.3g}"
        found.append(f"{words}: {remedies} {clip}")
    elif abs(low - least - 0.5 * width) < 0.05 * width and high > most - 0.1 * width:
        words = (
            f"samples lie in [{low:.3g}, {high:.3g}], the lower half of the declared [{least:g}, {most:g}] is unused"
        )
        found.append(f"{words}: declare the range of the data it was trained on (--range, sample_range in a manifest)")
    return found


def _about_critic(scores: np.ndarray, told: dict[str, float]) -> list[str]:
    if float(np.std(scores)) <= 1e-6 * max(1.0, float(np.max(np.abs(scores)))):
        return ["the critic is constant, it scores everything alike: check its file; tune or adapt make another"]
    over_samples, over_noise = told.get("data over samples", 1.0), told.get("data over noise", 1.0)
    if over_samples < _LOW and over_noise < _FLIPPED:
        words = "the critic scores data below samples and below noise, as one does that was trained with 1 for fake"
        return [f"{words}: turn its sign with --real-is-low (real_is_low = true in [pair] of a manifest)"]
    found = []
    for name, value in told.items():
        if value < _LOW:
            better, worse = name.split(" over ")
            words = f"the critic scores {worse} above {better} in {1 - value:.0%} of comparisons"
            if worse == "noise":
                words += ", so it knows no noise: a chain in pixel space would follow it away from real images"
            found.append(f"{words}; tune or adapt make a better critic")
    return found
