"""Refinement to disk, measured as it goes: memory is that of a shard, whatever the number of samples.

Beside each ``shard-I.npz`` lies ``.rows-NET-I.npz``, its features before and after, sealed to that shard. The file is
hidden, since a folder that is read as data gives the samples of its files in sight.
Figures come from these files in order, so that a run that was cut short, or came in parts, gives the report of one that
was not: the Frechet distance from all samples, the kernel distance from a draw of ``KERNEL_ROWS``, and precision,
recall, density and coverage from the draw that :func:`benchmarks.evaluate` takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import dcd
from dcd.streaming.shard_index import INDEX_FILE
from pairs import InputError, Pair
from pairs.checks import is_image
from pairs.io.claim import RUN_FILE
from pairs.io.images import Images
from pairs.io.progress_bars import progress
from pairs.io.reports import hardware, versions
from pairs.io.sealed_arrays import read_sealed, write_sealed

from .evaluation import as_reference, change_blocks, neighbours_drawn, protocol
from .features import Features, Reference
from .metrics import Moments, drawn_rows, fid_change_of_stream, kid_change, moments, neighbour_change
from .refinement import check_sizes, critic_blocks, data_name, finite_scores, left_out_words, write_pictures

__all__ = ["KERNEL_ROWS", "STREAMED", "Streamed", "refuse_shards", "stream_and_judge", "write_first_samples"]

KERNEL_ROWS = 10_000
"""Samples whose kernel distance is measured: its cost grows with their square."""
STREAMED = 50_000
"""Samples above which a refinement goes to disk in shards."""
_SHOWN = 64


class Streamed(NamedTuple):
    """A run on disk.

    Attributes:
      files: Shards of this part.
      missing: Shards of other parts that are not there yet.
      report: The report of the whole run, once no shard is missing.
    """

    files: list[Path]
    missing: int
    report: dict[str, Any] | None


def stream_and_judge(
    pair: Pair,
    config: dcd.Langevin,
    n: int,
    seed: int,
    folder: Path,
    features: Features | None,
    reference: Reference | Images | None = None,
    *,
    shard: int = 1000,
    part: tuple[int, int] = (1, 1),
    batch: int = 64,
    show: bool = True,
    budget: float = 1.0,
    label: int | None = None,
) -> Streamed:
    """Refine ``n`` samples into shards in ``folder`` and measure them, images as bytes and other samples as floats.

    Arguments are those of :func:`benchmarks.refinement.refine_and_judge` and of :func:`dcd.refine_to`.
    """
    check_sizes(n, batch)
    spent = {"sample": 0.0, "features": 0.0}
    with progress() as bar:
        bar.disable = not show
        jobs: dict[str, Any] = {}

        def note(done: int, total: int) -> None:
            if "refine" not in jobs:  # what an earlier call did says nothing about the speed of this one
                jobs["refine"] = bar.add_task("refine", total=max(1, total), completed=done)
            bar.update(jobs["refine"], completed=done)

        def judge(path: Path) -> None:
            if features is not None:
                began = time.perf_counter()
                _rows(features, path)
                spent["features"] += time.perf_counter() - began

        began = time.perf_counter()
        files = dcd.refine_to(
            pair,
            config,
            jax.random.key(seed),
            n,
            folder,
            shard=shard,
            batch=batch,
            uint8=is_image(pair),
            label=label,
            budget=budget,
            part=part,
            on_progress=note,
            on_shard=judge,
        )
        spent["sample"] = time.perf_counter() - began - spent["features"]
        paths = [folder / f"shard-{i:05d}.npz" for i in range(-(-n // shard))]
        missing = sum(not path.exists() for path in paths)
        if missing or not (folder / INDEX_FILE).exists():
            return Streamed(files, missing, None)
        began = time.perf_counter()
        job = bar.add_task("judge", total=len(paths))
        tick = lambda done: bar.update(job, completed=done)
        measured = _measure(features, reference, paths, n, seed, config.steps, tick)
        spent["features"] += time.perf_counter() - began
    report: dict[str, Any] = {
        "pair": pair.name,
        "data": data_name(features, reference),
        "n": n,
        "seed": seed,
        "preset": config.preset,
        "config": config.to_dict(),
        "budget": budget,
        "shards": {"count": len(paths), "samples": shard, "index": INDEX_FILE},
        **measured,
        "critic_kind": pair.critic_kind,
        "calibrated": pair.calibrated,
        "seconds": spent,
        "versions": versions(),
        "hardware": hardware(),
    }
    return Streamed(files, 0, report)


def refuse_shards(folder: Path) -> None:
    """Refuse a folder that holds a run in shards to a run in memory, whose report would take the place of theirs.

    Args:
      folder: Where the run in memory writes.

    Raises:
      InputError: There is a run in shards.
    """
    if (folder / RUN_FILE).exists():
        raise InputError("out", f"'{folder}' holds a run in shards ({RUN_FILE})", "give another folder with --out DIR")


def write_first_samples(folder: Path, pair: Pair) -> None:
    """``grid.png`` of the first samples of a run on disk."""
    with np.load(folder / "shard-00000.npz") as shard:
        write_pictures(folder, pair, shard["before"][:_SHOWN], shard["after"][:_SHOWN])


def _rows(features: Features, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features of a shard's images before and after: those on disk if they are of this very shard, else made."""
    with np.load(path) as shard:
        about = shard["seal"].tobytes() + features.sha256.encode()
        there = path.with_name(path.name.replace("shard", f".rows-{features.sha256[:8]}"))
        if there.exists():
            kept = read_sealed(there.read_bytes(), about)
            if kept is not None:
                return kept["before"], kept["after"]
        rows = features(shard["before"]), features(shard["after"])
    if not path.exists():
        raise InputError("folder", f"{path.parent} has vanished", "run again, in a folder that stays")
    write_sealed(there, {"before": rows[0], "after": rows[1]}, about)
    return rows


def _measure(
    features: Features | None,
    reference: Reference | Images | None,
    paths: list[Path],
    n: int,
    seed: int,
    steps: int,
    on_shard: Callable[[int], None],
) -> dict[str, Any]:
    """What the report says of the samples."""
    measured: dict[str, Any] = {"features": None, "reference": None, "warnings": []}
    blocks: dict[str, dict[str, Any]] = {"before": {}, "after": {}, "difference": {}}
    if features is not None:
        real = as_reference(features, reference)
        pairs = lambda: (_rows(features, path) for path in paths)
        near, kernel = neighbours_drawn(n, real, seed), drawn_rows(n, KERNEL_ROWS, seed)
        first, second, kept = _kept(pairs(), np.union1d(near, kernel))
        near_at, kernel_at = (np.searchsorted(kept, rows) for rows in (near, kernel))
        blocks = change_blocks(
            {
                "fid": fid_change_of_stream(pairs, real.mu, real.sigma, seed=seed),
                "kid": kid_change(first[kernel_at], second[kernel_at], real.rows),
                **neighbour_change(first[near_at], second[near_at], real.rows),
            }
        )
        measured |= protocol(features, real, n, seed) | {"kernel": {"drawn": len(kernel), "of": n, "seed": seed}}
    scores, stopped, acceptance = Moments(0, np.zeros(3), np.zeros((3, 3))), 0, 0.0
    for i, path in enumerate(paths):
        with np.load(path) as shard:
            rows = finite_scores(shard["start_score"], shard["score"])
            scores = scores.merge(moments(rows)) if len(rows) else scores
            stopped, acceptance = stopped + int(shard["stopped"].sum()), acceptance + float(shard["acceptance"].sum())
        on_shard(i + 1)
    deviation = np.sqrt(np.diag(scores.covariance)) if scores.n > 1 else np.zeros(3)
    measured |= {side: blocks[side] | block for side, block in critic_blocks(scores.mean, deviation, scores.n).items()}
    measured["warnings"] = measured["warnings"] + left_out_words(n - scores.n, n)
    acceptance = acceptance / n if steps else None
    return measured | {"stopped": stopped, "scores_left_out": n - scores.n, "acceptance": acceptance}


def _kept(blocks: Iterable[tuple[np.ndarray, np.ndarray]], wanted: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows of both sides whose numbers are wanted (in order), and these numbers."""
    low, first, second = 0, [], []
    for before, after in blocks:
        inside = slice(*np.searchsorted(wanted, [low, low + len(before)]))
        first.append(before[wanted[inside] - low])
        second.append(after[wanted[inside] - low])
        low += len(before)
    return np.concatenate(first), np.concatenate(second), wanted
