r"""What a run of chains did: did it climb, mix, stay where the generator was trained, and stay diverse.

* Gradient to noise, :math:`\eta_k \lVert g\rVert / (s_k \sqrt{\dim u})`: far above 1 a chain ascends, far
  below it diffuses.
* Latent norms by their percentile under the prior (for :math:`N(0, \sigma^2 I)` the law of
  :math:`\sigma\chi_d`): uniform on [0, 1] as long as the chain keeps to the prior.
* Scores against those of held-out real data: one in twenty real samples lies beyond their 95th
  percentile. Many more refined samples there mean that the chain has found what fools the critic.
* Diversity: class histogram (total variation, half the sum of absolute differences) and mean pairwise distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammainc
from jax.typing import ArrayLike

from pairs import InputError, Normal, Pair
from pairs.checks import check_samples

from ..critics.scores import scores_of
from ..langevin.result import Result
from .mixing import effective_sample_size, r_hat

__all__ = ["diagnose", "norm_percentiles", "mean_pairwise_distance", "total_variation", "FOOLED"]

FOOLED = 0.25
"""Share of samples beyond real data's 95th percentile from which a chain counts as fooling the critic (0.05 is par)."""


@np.errstate(invalid="ignore")  # stopped chains carry infinities, which come out as None
def diagnose(
    result: Result,
    pair: Pair,
    real_scores: ArrayLike | None = None,
    real_x: ArrayLike | None = None,
    classify: Callable[[np.ndarray], ArrayLike] | None = None,
    *,
    real_labels: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measures of a run, ready for JSON; what cannot be measured is None.

    Args:
      result: of :func:`dcd.refine`.
      real_scores: (m,) critic scores of held-out real samples; from ``real_x`` if left out.
      real_x: ``(m, *sample)`` held-out real samples, also used for diversity.
      classify: samples to labels ``(n,)`` or to class scores ``(n, classes)``.
      real_labels: classes of ``real_x``, for the scores of a conditional pair.

    Returns:
      ``steps``, ``n``, ``stopped``, ``curves`` (per step), ``energy``, ``acceptance``,
      ``gradient_to_noise``, ``mixing``, ``latent_norm``, ``displacement``, ``critic``,
      ``diversity``, and ``warnings`` in words.

    Raises:
      InputError: real samples or labels that do not fit.
    """
    real = None if real_x is None else check_samples("real_x", pair, real_x)
    if real_scores is None and real is not None and (pair.classes is None or real_labels is not None):
        real_scores = scores_of(pair, real, real_labels)
    trace, config = result.trace, result.config
    steps, n = trace.energy.shape
    noise = np.asarray(config.noise_scales()[:steps])
    # no noise at all: the ratio has no meaning
    quotient = None
    if steps and noise.min() > 0:
        drift = np.asarray(config.step_sizes()[:steps])[:, None] * np.asarray(trace.gradient_norm)
        norm = np.asarray(trace.gradient_norm) if config.noise_scale == "gradient" else 1.0
        quotient = drift / np.maximum(noise[:, None] * norm * math.sqrt(result.positions[0].size), 1e-30)
    percentiles = lambda a: [np.asarray(np.percentile(a, q, axis=1)) for q in (5, 50, 95)]
    low, middle, high = percentiles(trace.score) if steps else ([], [], [])
    report: dict[str, Any] = {
        "steps": steps,
        "n": n,
        "stopped": float(np.mean(result.stopped)),
        "curves": {
            "energy": _mean(trace.energy),
            "acceptance": _mean(trace.acceptance),
            "displacement": _mean(trace.displacement),
            "gradient_norm": _mean(trace.gradient_norm),
            "gradient_to_noise": None if quotient is None else _mean(quotient),
            "score": {"mean": _mean(trace.score), "p5": _list(low), "p50": _list(middle), "p95": _list(high)},
        },
        "energy": {"first": _edge(trace.energy, 0), "last": _edge(trace.energy, -1)},
        "acceptance": _number(np.mean(trace.acceptance)) if steps and config.metropolis else None,
        "gradient_to_noise": None if quotient is None else _number(np.mean(quotient)),
        "mixing": _mixing(result),
        "latent_norm": _latent_norm(result, pair),
        "displacement": _displacement(result),
        "critic": _critic(result, real_scores),
        "diversity": _diversity(result, real, classify),
    }
    report["warnings"] = _warnings(report)
    return report


def norm_percentiles(pair: Pair, latents: ArrayLike) -> np.ndarray:
    r"""Percentile (0 to 1) of each latent's norm under the prior, ``(n,)``.

    Exact for a normal prior, :math:`P(d/2, \lVert z\rVert^2 / 2\sigma^2)` (regularised incomplete gamma
    function); otherwise among 4,096 draws.
    """
    z = np.asarray(latents, np.float64)
    norm = np.linalg.norm(z.reshape(len(z), -1), axis=1)
    if isinstance(pair.prior, Normal):
        return np.asarray(gammainc(pair.prior.size / 2, jnp.asarray((norm / pair.prior.scale) ** 2 / 2)))
    draws = np.asarray(jax.jit(lambda k: pair.prior.sample(k, 4096))(jax.random.key(0)))
    known = np.sort(np.linalg.norm(draws.reshape(4096, -1).astype(np.float64), axis=1))
    return (np.searchsorted(known, norm, "left") + np.searchsorted(known, norm, "right")) / (2 * 4096)


def mean_pairwise_distance(x: ArrayLike, most: int = 1000) -> float:
    """Mean Euclidean distance between two different ones of the first ``most`` samples.

    >>> mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]]))
    2.0
    """
    flat = np.asarray(x, np.float64)[:most].reshape(min(len(np.asarray(x)), most), -1)
    if len(flat) < 2:
        raise InputError("x", f"holds {len(flat)} samples", "give at least 2")
    square = np.sum(flat**2, axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * flat @ flat.T, 0.0))
    np.fill_diagonal(distance, 0.0)
    return float(distance.sum() / (len(flat) * (len(flat) - 1)))


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Half the sum of absolute differences of two histograms, each scaled to sum to 1.

    >>> total_variation([3, 1], [1, 1])
    0.25
    """
    a, b = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def _mixing(result: Result) -> dict[str, Any] | None:
    """Of the energy, over the second half of the run."""
    series = np.asarray(result.trace.energy)[len(result.trace.energy) // 2 :, ~result.stopped]
    if series.shape[0] < 8 or not series.size or not np.all(np.isfinite(series)):
        return None
    size = effective_sample_size(series)
    return {"ess_per_step": size / series.size, "r_hat": r_hat(series), "steps": series.shape[0]}


def _latent_norm(result: Result, pair: Pair) -> dict[str, Any] | None:
    if result.config.space != "latent":
        return None
    before, after = norm_percentiles(pair, result.latents), norm_percentiles(pair, result.positions)
    grid = np.sort(after)
    steps = np.arange(1, len(grid) + 1) / len(grid)
    gap = float(np.maximum(steps - grid, grid - steps + 1 / len(grid)).max())
    return {
        "median_before": _number(np.median(before)),
        "median_after": _number(np.median(after)),
        "extreme_after": float(np.mean((after > 0.999) | (after < 0.001))),
        "distance_from_prior": gap,
    }


def _displacement(result: Result) -> dict[str, Any]:
    samples = (result.after - result.before).reshape(len(result.after), -1)
    start = result.latents if result.config.space == "latent" else result.before
    moved = (result.positions - start).reshape(len(samples), -1)
    # one number per pair of length of path and of the straight way: near 1 is ascent, small is diffusion
    path = np.asarray(result.trace.displacement, np.float64).sum(axis=0)
    total = np.linalg.norm(moved, axis=1)
    return {
        "position": _number(total.mean()),
        "sample_rms": _number(np.sqrt(np.mean(samples**2))),
        "straightness": _number(np.mean(total / np.maximum(path, 1e-30))) if len(result.trace.energy) else None,
    }


def _critic(result: Result, real_scores: ArrayLike | None) -> dict[str, Any]:
    after = np.asarray(result.trace.score[-1] if len(result.trace.score) else result.start_score)
    groups = {"before": np.asarray(result.start_score), "after": after}
    if real_scores is not None:
        groups["real"] = np.asarray(real_scores, np.float64).reshape(-1)
    everything = np.concatenate([g[np.isfinite(g)] for g in groups.values()])
    edges = np.linspace(everything.min(), everything.max() + 1e-6, 41) if everything.size else np.linspace(0, 1, 41)
    report: dict[str, Any] = {name: _number(np.mean(g)) for name, g in groups.items()}
    report["histogram"] = {"edges": _list(edges), **{k: _list(np.histogram(g, edges)[0]) for k, g in groups.items()}}
    report |= {"real_p95": None, "beyond_before": None, "beyond_after": None, "fooled": None}
    if "real" in groups:
        limit = float(np.percentile(groups["real"], 95))
        beyond = {k: float(np.mean(groups[k] > limit)) for k in ("before", "after")}
        report |= {
            "real_p95": limit,
            "beyond_before": beyond["before"],
            "beyond_after": beyond["after"],
            "fooled": beyond["after"] > FOOLED,
        }
    return report


def _diversity(
    result: Result, real: np.ndarray | None, classify: Callable[[np.ndarray], ArrayLike] | None
) -> dict[str, Any] | None:
    if len(result.after) < 2:
        return None
    sets = {"before": result.before, "after": result.after} | ({} if real is None else {"real": real})
    distance = {k: mean_pairwise_distance(v) for k, v in sets.items()}
    report: dict[str, Any] = {
        "pairwise_distance": distance,
        "distance_ratio": _ratio(distance["after"], distance["before"]),
        "distance_ratio_to_real": None if real is None else _ratio(distance["after"], distance["real"]),
        "classes": None,
    }
    if classify is not None:
        labels = {k: _labels(classify(v), len(v)) for k, v in sets.items()}
        count = max(int(v.max()) for v in labels.values()) + 1
        histograms = {k: np.bincount(v, minlength=count) for k, v in labels.items()}
        report["classes"] = {
            "histograms": {k: v.tolist() for k, v in histograms.items()},
            "from_uniform": {k: total_variation(v, np.ones(count)) for k, v in histograms.items()},
            "from_real": {k: total_variation(v, histograms["real"]) for k, v in histograms.items() if real is not None},
        }
    return report


def _labels(out: ArrayLike, n: int) -> np.ndarray:
    values = np.asarray(out)
    values = values.argmax(axis=1) if values.ndim == 2 else values
    if values.shape != (n,) or values.dtype.kind not in "iu" or values.min() < 0:
        raise InputError("classify", f"returns {values.dtype} of shape {values.shape}", f"return {n} whole numbers")
    return values


def _warnings(report: dict[str, Any]) -> list[str]:
    found = []
    if report["stopped"] > 0:
        found.append(f"{100 * report['stopped']:.3g} % of the chains met NaN or infinity and were stopped")
    if report["critic"]["fooled"]:
        share = 100 * report["critic"]["beyond_after"]
        found.append(f"{share:.0f} % of the refined samples score beyond 95 % of real data: the chain fools the critic")
    norm = report["latent_norm"]
    if norm is not None and norm["extreme_after"] > 0.05:
        found.append(f"{100 * norm['extreme_after']:.0f} % of the latents have norms the prior hardly ever has")
    if report["acceptance"] is not None and report["acceptance"] < 0.2:
        found.append(f"only {100 * report['acceptance']:.0f} % of the moves are accepted: lower the step size")
    ratio = (report["diversity"] or {}).get("distance_ratio")
    if ratio is not None and ratio < 0.9:
        found.append(f"mean pairwise distance fell to {100 * ratio:.0f} % of the generator's: the chain collapses")
    return found


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(float(value)) else None


def _list(values: Any) -> list[float | None]:
    return [_number(v) for v in values]


def _mean(field: Any) -> list[float | None]:
    return _list(np.mean(np.asarray(field, np.float64), axis=1))


def _edge(field: Any, at: int) -> float | None:
    return _number(np.mean(field[at])) if len(field) else None


def _ratio(a: float, b: float) -> float | None:
    return a / b if b > 0 else None
