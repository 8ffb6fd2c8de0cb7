"""``python -m benchmarks refine PAIR DATA``: samples before and after refinement, judged on real data."""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from pairs import InputError, Pair
from pairs.command import add_common, check_out, progress

from .data import Images, read_images, to_range, to_uint8
from .evaluate import evaluate
from .features import Features, Reference
from .pictures import png_bytes, side_by_side, write_bytes
from .report import hardware, print_report, to_json, versions, write_html, write_json
from .settings import add_settings, check_sizes, choose_features, image_range, tuned_or_settings

__all__ = ["add_parser", "refine_and_judge", "run", "write_samples"]


def _bytes_of(pair: Pair, result: dcd.Result) -> tuple[np.ndarray, np.ndarray]:
    """Samples before and after as image files would hold them."""
    span = image_range(pair)
    return to_uint8(result.before, span), to_uint8(result.after, span)


def _mean(values: np.ndarray) -> dict[str, Any]:
    values = values.astype(np.float64)
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"critic_mean": mean, "critic_mean_ci": [mean - half, mean + half]}


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
    starts by OBRS at that acceptance.
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
        before, after = _bytes_of(pair, result)
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
    before, after = _bytes_of(pair, result)
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
    before, after = _bytes_of(pair, result)
    write_bytes(folder / "grid.png", png_bytes(side_by_side(before, after)))
    packed = io.BytesIO()
    np.savez_compressed(packed, before=before, after=after)
    write_bytes(folder / "samples.npz", packed.getvalue())
    write_json(folder / "report.json", report)


def add_parser(subparsers: Any) -> None:
    """``refine PAIR DATA``."""
    parser = subparsers.add_parser("refine", help="quality before and after refinement, on real data")
    parser.add_argument("pair", nargs="?", help="a bundled name, a stored pair or a manifest (default: --tuned's)")
    parser.add_argument("data", help="real images to compare with: a folder or file of IDX, NPZ or PNG/JPEG")
    parser.add_argument("--split", default=None, help="split of DATA (default test, where there is one)")
    parser.add_argument("--n", type=int, default=10_000, help="samples (default 10,000)")
    parser.add_argument("--tuned", type=Path, help="tuned.toml of python -m dcd tune")
    parser.add_argument("--judge", help="a second feature net, that took no part in tuning")
    add_settings(parser)
    add_common(parser, "benchmark")
    parser.set_defaults(run=run)


def _read_split(path: str, split: str | None, expect: tuple[int, ...]) -> Images:
    if split is not None:
        return read_images(path, split, expect=expect)
    try:
        return read_images(path, "test", expect=expect)
    except InputError as error:
        if error.field != "split":
            raise
        return read_images(path, expect=expect)


def run(args: argparse.Namespace) -> int:
    """Command line entry."""
    folder = check_out(args.out)
    check_sizes(args.n, args.batch)
    pair, config, budget, _ = tuned_or_settings(args)
    image_range(pair)
    data = _read_split(args.data, args.split, pair.sample_shape)
    features = choose_features(pair, args.features, data)
    report, result = refine_and_judge(
        pair, config, args.n, args.seed, features, data, args.batch, not args.json, budget
    )  # fmt: skip
    if args.judge:
        judge = choose_features(pair, args.judge, data)
        report["judge"] = judge_again(judge, pair, result, data, args.seed)
    report["diagnosis"] = diagnose_run(pair, result, data, features)
    write_samples(folder, pair, result, report)
    dcd.plot_diagnostics(folder / "diagnosis.png", result, report["diagnosis"])
    picture = side_by_side(*_bytes_of(pair, result))
    plot = (folder / "diagnosis.png").read_bytes()
    write_html(folder / "report.html", report, {"before (left) and after (right)": picture, "diagnosis": plot})
    if args.json:
        print(to_json(report), end="")
    else:
        print_report(report)
    return 0
