"""``python -m benchmarks refine PAIR DATA``: samples before and after refinement, judged on real data."""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
import dcd
from pairs import InputError, Pair
from pairs.command import add_common, check_out, progress

from .data import Images, read_images, to_range, to_uint8
from .evaluate import evaluate
from .features import Features, Reference, default_features, load_features
from .pictures import png_bytes, side_by_side, write_bytes
from .report import hardware, print_report, to_json, versions, write_html, write_json

__all__ = [
    "refine_and_judge",
    "choose_features",
    "write_samples",
    "load",
    "image_range",
    "check_sizes",
    "add_parser",
    "run",
]


KNOBS = ("steps", "step_size", "temperature", "critic_scale", "prior_weight", "metropolis", "hold")


def load(pair: str | None, files: Path | None = None) -> Pair:
    """The pair behind a command line's PAIR; ``files`` is where a manifest's weights lie."""
    if files is not None:
        if pair is None:
            raise InputError("files", "is given without a manifest", "name the manifest as PAIR")
        return checkpoints.import_manifest(pair, files)
    return checkpoints.resolve(pair)


def image_range(pair: Pair) -> tuple[float, float]:
    """The sample range of a pair of images.

    Raises:
      InputError: its samples are not images, or have no range and so no form in bytes.
    """
    if len(pair.sample_shape) != 3 or pair.sample_shape[-1] not in (1, 3):
        remedy = "this command judges images, (H, W, 1) or (H, W, 3); call the functions of dcd for other samples"
        raise InputError("pair", f"has samples of shape {pair.sample_shape}", remedy)
    if pair.sample_range is None:
        raise InputError("pair", "has samples without a range", "declare sample_range, images need one to become bytes")
    return pair.sample_range


def check_sizes(n: int, batch: int) -> None:
    """Refuse a number of samples too small for a distance, and an empty batch."""
    if isinstance(n, bool) or n < 6:
        raise InputError("n", f"is {n}", "give at least 6, better 2,000 or more: distances need a distribution")
    if batch < 1:
        raise InputError("batch", f"is {batch}", "give at least 1")


def _bytes_of(pair: Pair, result: dcd.Result) -> tuple[np.ndarray, np.ndarray]:
    """Samples before and after as image files would hold them."""
    span = image_range(pair)
    return to_uint8(result.before, span), to_uint8(result.after, span)


def choose_features(pair: Pair, name: str | None, data: Images | None, judge: bool = False) -> Features:
    """The named feature net, or the bundled one that fits the pair's images and the data's or pair's name."""
    if name is not None:
        return load_features(name)
    return default_features(pair.sample_shape, data.name if data is not None else pair.name, judge=judge)


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


def _range(text: str) -> tuple[int, int]:
    first, _, end = text.partition(":")
    try:
        return int(first), int(end)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B") from None


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The chain's knobs on a command line."""
    parser.add_argument("--preset", help=f"{', '.join(dcd.PRESETS)} (default latent)")
    parser.add_argument("--steps", type=int, help="number of steps")
    parser.add_argument("--step-size", type=float, help="eta in x + eta * grad + sqrt(2 eta T) * noise")
    parser.add_argument("--temperature", type=float, help="T above")
    parser.add_argument("--critic-scale", type=float, help="factor on the critic's score")
    parser.add_argument("--prior-weight", type=float, help="weight of the prior's log density (latent space)")
    parser.add_argument("--metropolis", action="store_true", default=None, help="accept or reject each step (MALA)")
    parser.add_argument("--hold", type=_range, metavar="A:B", help="coordinates A to B - 1 of the state do not move")
    parser.add_argument("--batch", type=int, default=64, help="chains moved together (default 64)")
    parser.add_argument("--files", type=Path, help="folder of the weight files, where PAIR is a manifest")
    parser.add_argument("--features", help="feature net that judges: a bundled name or a folder")


def tuned_or_settings(args: argparse.Namespace) -> tuple[Pair, dcd.Langevin, float, bool | None]:
    """Pair, chain, OBRS budget, and whether tuning proved a gain (None: nothing was tuned).

    Without PAIR and settings it is the bundled pair as it was tuned.
    """
    given = [name for name in ("pair", "files", "preset", *KNOBS) if getattr(args, name) is not None]
    tuned = args.tuned
    if tuned is None:
        if given:
            config = settings(args)
            return load(args.pair, args.files), config, 1.0, None
        tuned = checkpoints.bundled_tuned()
    elif given:
        flag = given[0] if given[0] == "pair" else f"--{given[0].replace('_', '-')}"
        raise InputError("tuned", f"is given together with {flag}", "leave one out: the file names pair and settings")
    found = dcd.read_tuned(tuned)
    pair = load(found.pair)
    if not found.gain or found.choice is None:
        return pair, dcd.preset("latent").replace(steps=0, preset="keep"), 1.0, False
    return pair, found.choice.chain, found.choice.budget, True


def settings(args: argparse.Namespace) -> dcd.Langevin:
    """The chain that the command line describes."""
    given = {k: getattr(args, k) for k in KNOBS if getattr(args, k) is not None}
    return dcd.preset(args.preset or "latent").replace(**given)


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
