"""``python -m benchmarks refine PAIR DATA``: samples before and after refinement, judged on real data."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from pairs import InputError, Pair
from pairs.checks import image_range
from pairs.io.command import progress
from pairs.io.files import write_bytes
from pairs.io.images import Images
from pairs.io.pictures import png_bytes, side_by_side
from pairs.io.pixels import to_range, to_uint8
from pairs.io.reports import hardware, versions, write_json

from .evaluation import evaluate
from .features import Features, Reference

__all__ = ["as_bytes", "check_sizes", "diagnose_run", "judge_again", "refine_and_judge", "scores", "write_samples"]


def as_bytes(pair: Pair, result: dcd.Result) -> tuple[np.ndarray, np.ndarray]:
    """Samples before and after as image files would hold them."""
    span = image_range(pair)
    return to_uint8(result.before, span), to_uint8(result.after, span)


def _mean(values: np.ndarray) -> dict[str, Any]:
    values = values.astype(np.float64)
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"critic_mean": mean, "critic_mean_ci": [mean - half, mean + half]}


def check_sizes(n: int, batch: int) -> None:
    """Refuse a number of samples too small for a distance, and an empty batch."""
    if isinstance(n, bool) or n < 6:
        raise InputError("n", f"is {n}", "give at least 6, better 2,000 or more: distances need a distribution")
    if batch < 1:
        raise InputError("batch", f"is {batch}", "give at least 1")


_score = jax.jit(lambda pair, x, labels: pair.score(x, labels))


def scores(pair: Pair, x: np.ndarray, batch: int = 256) -> np.ndarray:
    """Critic's scores of samples, in batches of one size."""
    labels = None if pair.classes is None else np.arange(len(x)) % pair.classes
    found = []
    for i in range(0, len(x), batch):
        rows = np.minimum(np.arange(i, i + batch), len(x) - 1)
        found.append(np.asarray(_score(pair, x[rows], None if labels is None else labels[rows])))
    return np.concatenate(found)[: len(x)]


def refine_and_judge(
    pair: Pair,
    config: dcd.Langevin,
    n: int,
    seed: int,
    features: Features,
    reference: Reference | Images | None = None,
    batch: int = 64,
    show: bool = True,
    budget: float = 1.0,
) -> tuple[dict[str, Any], dcd.Result]:
    """Draw, refine, judge. The report follows the contract of a refinement report.

    Both sides are quantised to bytes as image files would be, have equal n, and are paired: image i
    before and after comes from one latent. Intervals are 95 %. ``budget`` below 1 selects the chains'
    starts by OBRS at that acceptance budget.
    """
    check_sizes(n, batch)
    image_range(pair)
    key = jax.random.key(seed)
    with progress() as bar:
        bar.disable = not show
        job = bar.add_task("compile", total=None)
        began = time.perf_counter()
        batch = min(batch, n)
        dcd.refine(pair, config.replace(steps=min(config.steps, 1)), key, batch, batch=batch)
        compiled = time.perf_counter() - began
        bar.update(job, description="refine", total=max(1, n * config.steps), completed=0)
        began = time.perf_counter()
        choice = dcd.Choice("given", config, budget)
        result = dcd.run_choice(
            pair, choice, key, n, batch=batch, on_progress=lambda s, _: bar.update(job, completed=s)
        )
        sampled = time.perf_counter() - began
        bar.update(job, description="judge", completed=max(1, n * config.steps))
        began = time.perf_counter()
        before, after = as_bytes(pair, result)
        judged = evaluate(features, before, after, reference, seed)
        judging = time.perf_counter() - began
    first = scores(pair, result.before)
    last = scores(pair, result.after)
    report: dict[str, Any] = {
        "pair": pair.name,
        "data": reference.name if isinstance(reference, Images) else features.card.get("data", {}).get("name"),
        "n": n,
        "seed": seed,
        "preset": config.preset,
        "config": config.to_dict(),
        "budget": budget,
        "features": judged["features"],
        "reference": judged["reference"],
        "before": judged["before"] | _mean(first),
        "after": judged["after"] | _mean(last),
        "difference": judged["difference"] | _mean(last - first),
        "stopped": int(result.stopped.sum()),
        "acceptance": float(result.trace.acceptance.mean()) if config.steps else None,
        "critic_kind": pair.critic_kind,
        "calibrated": pair.calibrated,
        "seconds": {"compile": compiled, "sample": sampled, "features": judging},
        "versions": versions(),
        "hardware": hardware(),
    }
    return report, result


def judge_again(features: Features, pair: Pair, result: dcd.Result, data: Images | None, seed: int) -> dict[str, Any]:
    """The same samples in another feature space."""
    before, after = as_bytes(pair, result)
    return evaluate(features, before, after, data, seed)


def diagnose_run(pair: Pair, result: dcd.Result, data: Images, features: Features) -> dict[str, Any]:
    """:func:`dcd.diagnose` against the reference images, classes by the feature net where it has any."""
    span = image_range(pair)
    # an Inception net's thousand classes say nothing about these images
    classify = (lambda x: features.logits(to_uint8(x, span))) if features.card.get("classes") else None
    labels = data.labels if pair.classes is not None else None
    return dcd.diagnose(result, pair, real_x=to_range(data.x, span), classify=classify, real_labels=labels)


def write_samples(folder: Path, pair: Pair, result: dcd.Result, report: dict[str, Any]) -> None:
    """``grid.png``, ``samples.npz`` and ``report.json``, each whole or not at all."""
    before, after = as_bytes(pair, result)
    write_bytes(folder / "grid.png", png_bytes(side_by_side(before, after)))
    packed = io.BytesIO()
    np.savez_compressed(packed, before=before, after=after)
    write_bytes(folder / "samples.npz", packed.getvalue())
    write_json(folder / "report.json", report)
