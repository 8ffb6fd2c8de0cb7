r"""What a run of chains did: whether it climbed, mixed, kept to the prior, and stayed diverse.

* Gradient to noise, :math:`\eta_k \lVert g\rVert / (s_k \sqrt{\dim u})`: far above 1 a chain ascends, far below it
  diffuses.
* Norms of latents by their percentile under the prior (:mod:`dcd.diagnostics.latent_norms`).
* Scores against those of held-out real data: one in twenty real samples lies beyond their 95th percentile. Many more
  refined samples there mean that the chain has found what fools the critic.
* Diversity (:mod:`dcd.diagnostics.diversity`) and mixing (:mod:`dcd.diagnostics.mixing`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from pairs import Pair
from pairs.batches import apply_in_batches
from pairs.checks import check_labels, check_samples

from ..langevin.result import Result
from .diversity import Classify, diversity
from .json_numbers import finite, finite_list, mean_per_step
from .latent_norms import latent_norm
from .mixing import effective_sample_size, r_hat

__all__ = ["FOOLED", "diagnose"]

FOOLED = 0.25
"""Share of samples beyond real data's 95th percentile from which a chain counts as fooling the critic (0.05 is par)."""


@np.errstate(invalid="ignore")  # stopped chains carry infinities, which come out as None
def diagnose(
    result: Result,
    pair: Pair,
    real_scores: ArrayLike | None = None,
    real_x: ArrayLike | None = None,
    classify: Classify | None = None,
    *,
    real_labels: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measures of a run in the form that JSON holds; what cannot be measured is None.

    Args:
      result: A result of :func:`dcd.refine`.
      pair: The pair that was refined.
      real_scores: ``(m,)`` critic scores of held-out real samples; from ``real_x`` by default.
      real_x: ``(m, *sample)`` held-out real samples, also used for diversity.
      classify: From samples to labels ``(n,)`` or to class scores ``(n, classes)``.
      real_labels: Classes of ``real_x``, for the scores of a conditional pair.

    Returns:
      ``steps``, ``n``, ``stopped``, ``curves`` (per step), ``energy``, ``acceptance``, ``gradient_to_noise``,
      ``mixing``, ``latent_norm``, ``displacement``, ``critic``, ``diversity``, and ``warnings`` in words.

    Raises:
      InputError: Real samples or labels that do not fit.
    """
    real = None if real_x is None else check_samples("real_x", pair, real_x)
    if real_scores is None and real is not None and (pair.classes is None or real_labels is not None):
        labels = check_labels(pair, real_labels, len(real), "real_labels")
        real_scores = apply_in_batches(pair.critic, real, *(() if labels is None else (labels,)))
    trace, config = result.trace, result.config
    steps, n = trace.energy.shape
    quotient = _gradient_to_noise(result)
    report: dict[str, Any] = {
        "steps": steps,
        "n": n,
        "stopped": float(np.mean(result.stopped)),
        "curves": {
            "energy": mean_per_step(trace.energy),
            "acceptance": mean_per_step(trace.acceptance),
            "displacement": mean_per_step(trace.displacement),
            "gradient_norm": mean_per_step(trace.gradient_norm),
            "gradient_to_noise": None if quotient is None else mean_per_step(quotient),
            "score": {
                "mean": mean_per_step(trace.score),
                **{f"p{q}": finite_list(np.percentile(trace.score, q, axis=1)) if steps else [] for q in (5, 50, 95)},
            },
        },
        "energy": {"first": _edge(trace.energy, 0), "last": _edge(trace.energy, -1)},
        "acceptance": finite(np.mean(trace.acceptance)) if steps and config.bounded else None,
        "gradient_to_noise": None if quotient is None else finite(np.mean(quotient)),
        "mixing": _mixing(result),
        "latent_norm": latent_norm(result, pair),
        "displacement": _displacement(result),
        "critic": _critic(result, real_scores),
        "diversity": diversity(result, real, classify),
    }
    report["warnings"] = _warnings(report)
    return report


def _gradient_to_noise(result: Result) -> np.ndarray | None:
    """Length of the drift over that of the noise, ``(steps, n)``; None for a chain with a step without noise."""
    trace, config = result.trace, result.config
    steps = len(trace.energy)
    noise = np.asarray(config.noise_scales()[:steps])
    if not steps or not noise.min() > 0:
        return None
    norm = np.asarray(trace.gradient_norm)
    drift = np.asarray(config.step_sizes()[:steps])[:, None] * norm
    scale = norm if config.relative_noise else 1.0
    return drift / np.maximum(noise[:, None] * scale * math.sqrt(result.positions[0].size), 1e-30)


def _mixing(result: Result) -> dict[str, Any] | None:
    """Mixing of the energy over the second half of the run."""
    series = np.asarray(result.trace.energy)[len(result.trace.energy) // 2 :, ~result.stopped]
    if series.shape[0] < 8 or not series.size or not np.all(np.isfinite(series)):
        return None
    size = effective_sample_size(series)
    return {"ess_per_step": size / series.size, "r_hat": r_hat(series), "steps": series.shape[0]}


def _displacement(result: Result) -> dict[str, Any]:
    samples = (result.after - result.before).reshape(len(result.after), -1)
    start = result.latents if result.config.space == "latent" else result.before
    moved = (result.positions - start).reshape(len(samples), -1)
    # length of the straight way over that of the path: near 1 is ascent, small is diffusion
    path = np.asarray(result.trace.displacement, np.float64).sum(axis=0)
    total = np.linalg.norm(moved, axis=1)
    return {
        "position": finite(total.mean()),
        "sample_rms": finite(np.sqrt(np.mean(samples**2))),
        "straightness": finite(np.mean(total / np.maximum(path, 1e-30))) if len(result.trace.energy) else None,
    }


def _critic(result: Result, real_scores: ArrayLike | None) -> dict[str, Any]:
    groups = {"before": np.asarray(result.start_score), "after": np.asarray(result.score)}
    if real_scores is not None:
        groups["real"] = np.asarray(real_scores, np.float64).reshape(-1)
    everything = np.concatenate([g[np.isfinite(g)] for g in groups.values()])
    edges = np.linspace(everything.min(), everything.max() + 1e-6, 41) if everything.size else np.linspace(0, 1, 41)
    counts = {k: finite_list(np.histogram(g, edges)[0]) for k, g in groups.items()}
    report: dict[str, Any] = {name: finite(np.mean(g)) for name, g in groups.items()}
    report["histogram"] = {"edges": finite_list(edges), **counts}
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


def _edge(field: Any, at: int) -> float | None:
    return finite(np.mean(field[at])) if len(field) else None
