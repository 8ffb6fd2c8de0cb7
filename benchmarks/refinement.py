"""Samples before and after refinement, measured as far as the pair and the data allow."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from pairs import InputError, Pair
from pairs.batches import apply_in_batches
from pairs.checks import image_range, is_image
from pairs.io.files import write_bytes
from pairs.io.images import Images
from pairs.io.pictures import png_bytes, side_by_side
from pairs.io.pixels import to_range, to_uint8
from pairs.io.plots import samples_plot
from pairs.io.progress_bars import progress
from pairs.io.reports import hardware, versions, write_json

from .evaluation import evaluate
from .features import Features, Reference

__all__ = [
    "LEAST",
    "as_bytes",
    "as_stored",
    "check_sizes",
    "critic_blocks",
    "data_name",
    "diagnose_run",
    "finite_scores",
    "judge_again",
    "left_out_words",
    "refine_and_judge",
    "scores",
    "write_pictures",
    "write_samples",
]

LEAST = 6
"""Images on each side that the distances need."""


def as_bytes(pair: Pair, result: dcd.Result) -> tuple[np.ndarray, np.ndarray]:
    """Samples before and after as image files would hold them."""
    span = image_range(pair)
    return to_uint8(result.before, span), to_uint8(result.after, span)


def as_stored(pair: Pair, result: dcd.Result) -> tuple[np.ndarray, np.ndarray]:
    """Samples before and after as files hold them: images as bytes, other samples as floats."""
    return as_bytes(pair, result) if is_image(pair) else (result.before, result.after)


def finite_scores(start: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Scores before and after and their difference, ``(m, 3)``, of the samples whose two scores are finite."""
    rows = np.stack([start, last], 1).astype(np.float64)
    rows = rows[np.isfinite(rows).all(1)]
    return np.column_stack([rows, rows[:, 1] - rows[:, 0]])


def critic_blocks(mean: np.ndarray, deviation: np.ndarray, n: int) -> dict[str, dict[str, Any]]:
    """The critic's mean scores of n samples before, after, and their difference, with intervals; null without samples.

    Args:
      mean: Means of the columns of :func:`finite_scores`.
      deviation: Their standard deviations.
      n: Its rows.
    """
    blocks = {}
    for i, side in enumerate(("before", "after", "difference")):
        middle, half = float(mean[i]), float(1.96 * deviation[i] / np.sqrt(max(1, n)))
        interval = [middle - half, middle + half]
        blocks[side] = {"critic_mean": middle if n else None, "critic_mean_ci": interval if n else None}
    return blocks


def left_out_words(count: int, n: int) -> list[str]:
    """What a report warns of where the critic's means leave samples out."""
    if not count:
        return []
    return [f"the critic's score of {count:,} of {n:,} samples is not finite; its means leave them out"]


def check_sizes(n: int, batch: int) -> None:
    """Refuse a number of samples too small for a distance, and an empty batch."""
    if isinstance(n, bool) or n < LEAST:
        raise InputError("n", f"is {n}", f"give at least {LEAST}, better 2,000 or more: distances need a distribution")
    if batch < 1:
        raise InputError("batch", f"is {batch}", "give at least 1")


def scores(pair: Pair, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Critic's scores of samples; the classes of a conditional pair take turns where no labels are given."""
    if pair.classes is not None and labels is None:
        labels = np.arange(len(x)) % pair.classes
    return apply_in_batches(pair.critic, x, *(() if labels is None else (labels,)))


def refine_and_judge(
    pair: Pair,
    config: dcd.Langevin,
    n: int,
    seed: int,
    features: Features | None,
    reference: Reference | Images | None = None,
    batch: int = 64,
    show: bool = True,
    budget: float = 1.0,
    labels: np.ndarray | None = None,
) -> tuple[dict[str, Any], dcd.Result]:
    """Draw, refine, measure; the report follows the contract of a refinement report.

    Images are quantised to bytes as image files would be. Both sides have equal n and are paired: sample i before and
    after comes from one latent. Intervals are 95 %.

    Args:
      pair: Any pair.
      config: The chain.
      n: Number of samples.
      seed: The run is a function of its seed.
      features: Feature net of the distances; without one no distance is measured.
      reference: Real images or their statistics; the net's own test split where none are given.
      batch: Chains moved together.
      show: Whether progress goes to standard error.
      budget: Acceptance budget of OBRS, which selects the chains' starts; 1 selects nothing.
      labels: Classes ``(n,)`` of a conditional pair; all classes in turn where none are given.

    Returns:
      The report and the samples.
    """
    check_sizes(n, batch)
    key = jax.random.key(seed)
    with progress() as bar:
        bar.disable = not show
        job = bar.add_task("compile", total=None)
        began = time.perf_counter()
        batch = min(batch, n)
        first = None if labels is None else labels[:batch]
        dcd.refine(pair, config.replace(steps=min(config.steps, 1)), key, batch, labels=first, batch=batch)
        compiled = time.perf_counter() - began
        bar.update(job, description="refine", total=max(1, n * config.steps), completed=0)
        began = time.perf_counter()
        choice = dcd.Choice("given", config, budget)
        result = dcd.run_choice(
            pair, choice, key, n, batch=batch, labels=labels, on_progress=lambda s, _: bar.update(job, completed=s)
        )
        sampled = time.perf_counter() - began
        bar.update(job, description="judge", completed=max(1, n * config.steps))
        began = time.perf_counter()
        judged: dict[str, Any] = {"before": {}, "after": {}, "difference": {}, "features": None, "reference": None}
        if features is not None:
            judged = evaluate(features, *as_stored(pair, result), reference, seed)
        judging = time.perf_counter() - began
    rows = finite_scores(scores(pair, result.before, labels), scores(pair, result.after, labels))
    spread = rows.std(0, ddof=1) if len(rows) > 1 else np.zeros(3)
    critic = critic_blocks(rows.mean(0) if len(rows) else np.zeros(3), spread, len(rows))
    report: dict[str, Any] = {
        "pair": pair.name,
        "data": data_name(features, reference),
        "n": n,
        "seed": seed,
        "preset": config.preset,
        "config": config.to_dict(),
        "budget": budget,
        "features": judged["features"],
        "reference": judged["reference"],
        "neighbours": judged.get("neighbours"),
        "warnings": judged.get("warnings", []) + left_out_words(n - len(rows), n),
        **{side: judged[side] | block for side, block in critic.items()},
        "stopped": int(result.stopped.sum()),
        "scores_left_out": n - len(rows),
        "acceptance": float(result.trace.acceptance.mean()) if config.steps else None,
        "critic_kind": pair.critic_kind,
        "calibrated": pair.calibrated,
        "seconds": {"compile": compiled, "sample": sampled, "features": judging},
        "versions": versions(),
        "hardware": hardware(),
    }
    return report, result


def data_name(features: Features | None, reference: Reference | Images | None) -> str | None:
    """Name of the data that judged."""
    if isinstance(reference, Images):
        return reference.name
    return None if features is None else features.card.get("data", {}).get("name")


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


def write_pictures(folder: Path, pair: Pair, before: np.ndarray, after: np.ndarray) -> None:
    """``grid.png`` of samples, images as bytes."""
    picture = png_bytes(side_by_side(before, after)) if is_image(pair) else samples_plot(before, after)
    write_bytes(folder / "grid.png", picture)


def write_samples(folder: Path, pair: Pair, result: dcd.Result, report: dict[str, Any]) -> None:
    """``grid.png``, ``samples.npz`` and ``report.json``, each whole or not at all.

    Images are stored as bytes and drawn as a grid; other samples are stored as floats and drawn as points or curves.
    """
    before, after = as_stored(pair, result)
    write_pictures(folder, pair, before, after)
    packed = io.BytesIO()
    np.savez_compressed(packed, before=before, after=after)
    write_bytes(folder / "samples.npz", packed.getvalue())
    write_json(folder / "report.json", report)
