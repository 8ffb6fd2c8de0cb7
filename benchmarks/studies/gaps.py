r"""How much of the gap between a generator and real images ``ganrefine tune`` closes, on pairs that nobody tuned for.

``python -m benchmarks.studies.gaps DATA --manifests DIR --work DIR --out benchmarks/results/gaps.json``; options of
``tune`` may follow after ``--``.

.. math:: \text{gap closed} = \frac{\text{before} - \text{after}}{\text{before} - \text{floor}}

in Frechet distances to the test images, in a feature net that took no part in tuning: before of n samples of the
generator, after of the same latents as tuning chose to refine them, floor of n real training images. *Nearer to
training* is the share of the first 1,000 samples whose nearest real image, in pixels, is a training image; where
nothing was learned by heart it is the share of the training images among all, ``training_share``. For a conditional
pair also the share of samples that the judging net puts in the class they were drawn for. A job that is done is not run
again: each leaves ``row.json`` in its folder below ``--work``. Tuning that is done is not repeated where only the
measuring was cut short.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
import dcd
from pairs import InputError
from pairs.checks import image_range
from pairs.io.command import Parser, guard
from pairs.io.images import read_images
from pairs.io.pixels import to_uint8
from pairs.io.reports import hardware, versions, write_json

from ..features import Features
from ..features.bundle import load_features
from ..inputs import load
from ..metrics import frechet_distance, moments

__all__ = ["main"]

PAIRS = {
    "mnist-mlp-gan": "mnist",
    "mnist-wgan-gp": "mnist",
    "mnist-cwgan-gp": "mnist",
    "fashion-dcgan-a": "fashion-mnist",
    "fashion-mnist-wgan-gp": "fashion-mnist",
    "cifar10-jpeg-sngan": "cifar10-jpeg",
}
"""The pairs, and the folder of each one's data, after which its feature nets are named too."""
OFFSET = 1000
"""Added to the seed of tuning for the samples that are measured."""
NEIGHBOURS = 2000
"""Real images whose distances are held at a time."""


def _paths(name: str, args: argparse.Namespace) -> list[str]:
    """PAIR of the command line, with ``--files`` where PAIR is a manifest."""
    if name in checkpoints.bundled_names():
        return [name]
    manifest = Path(args.manifests or "", f"{name}.toml")
    pair = str(manifest) if manifest.exists() else name
    return [pair, "--files", str(Path(args.data, "pairs", name))]


def _measured(features: Features, images: np.ndarray) -> Any:
    return moments(features(images).astype(np.float64))


def _nearer_to_training(x: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Share of samples whose nearest training image is nearer than their nearest test image."""
    return float(np.mean(_least_distance(x, train) < _least_distance(x, test)))


def _least_distance(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Least squared distance to a real image, less the square of the sample, which is the same for all of them."""
    rows = lambda a: a.reshape(len(a), -1).astype(np.float64)
    own, least = rows(x), np.full(len(x), np.inf)
    for start in range(0, len(real), NEIGHBOURS):
        side = rows(real[start : start + NEIGHBOURS])
        least = np.minimum(least, (np.sum(side**2, axis=1) - 2 * own @ side.T).min(axis=1))
    return least


def _row(name: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Tune in a process of its own, refine and measure."""
    folder = Path(args.work, f"{name}-{seed}")
    data = str(Path(args.data, PAIRS[name]))
    own = _paths(name, args)
    command = [sys.executable, "-m", "ganrefine", "tune", own[0], data, *own[1:], "--seed", str(seed)]
    clock = folder / "clock.json"  # written once tuning is done, so that a run that was cut short goes on from there
    if not clock.exists():
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--out", str(folder / "tuned"), "--json", *args.options],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(name, "tune failed: " + (done.stderr.strip().splitlines() or ["?"])[-1], "run it by hand")
        write_json(clock, {"seconds": time.monotonic() - began})
    seconds = json.loads(clock.read_text())["seconds"]
    report = json.loads((folder / "tuned" / "report.json").read_text())
    # of tuning that was stopped and went on the report counts every sitting
    row: dict[str, Any] = {"pair": name, "seed": seed, "n": args.n, "tune_seconds": max(seconds, report["seconds"])}
    row |= {k: report[k] for k in ("verdict", "reason", "choice", "evaluations", "features", "untried")}
    stem = PAIRS[name]
    judge = load_features(f"{stem}-classifier-b")
    pair = load(str(folder / "tuned" / "pair"))
    span = image_range(pair)
    train, test = read_images(data, "train"), read_images(data, "test")
    real = _measured(judge, test.x)

    def distance(images: np.ndarray) -> float:
        own = _measured(judge, images)
        return float(frechet_distance(own.mean, own.covariance, real.mean, real.covariance))

    order = np.random.default_rng(seed).permutation(len(train.x))[: args.n]
    row |= {"judge": judge.name, "floor": distance(train.x[order]), "floor_n": len(order)}
    if report["choice"] is None:
        return row | {"gap": 0.0}
    choice = dcd.Choice.from_dict(report["choice"])
    result = dcd.run_choice(pair, choice, jax.random.key(seed + OFFSET), args.n, batch=args.batch)
    sets = {k: to_uint8(np.asarray(x), span) for k, x in (("before", result.before), ("after", result.after))}
    row |= {k: distance(x) for k, x in sets.items()}
    row["gap"] = (row["before"] - row["after"]) / (row["before"] - row["floor"])
    row["training_share"] = len(train.x) / (len(train.x) + len(test.x))
    row["nearer_to_training"] = {k: _nearer_to_training(x[:1000], train.x, test.x) for k, x in sets.items()}
    row["stopped"] = int(result.stopped.sum())
    if pair.classes is not None:
        labels = np.arange(args.n) % pair.classes
        row["right"] = {k: float(np.mean(judge.logits(x).argmax(1) == labels)) for k, x in sets.items()}
    return row


def _job(name: str, seed: int, args: argparse.Namespace) -> None:
    """One row, in a process of its own: a device may be shared by several."""
    folder = Path(args.work, f"{name}-{seed}")
    if (folder / "row.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.studies.gaps", args.data, "--work", args.work, "--one", name]
    command += ["--seeds", str(seed), "--n", str(args.n), "--batch", str(args.batch)]
    command += ["--manifests", args.manifests] if args.manifests else []
    done = subprocess.run([*command, "--", *args.options], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}, seed {seed}: {(done.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr, flush=True)


def _run(argv: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    options = given[given.index("--") + 1 :] if "--" in given else []
    parser = Parser(prog="python -m benchmarks.studies.gaps", description="The gap that tuning closes.")
    parser.add_argument("data", help="folder with mnist, fashion-mnist, cifar10-jpeg and pairs")
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS), choices=list(PAIRS))
    parser.add_argument("--manifests", help="folder of manifests that are not part of the project")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--n", type=int, default=10_000, help="samples that are measured (default 10,000)")
    parser.add_argument("--batch", type=int, default=250, help="chains that are moved together (default 250)")
    parser.add_argument("--jobs", type=int, default=1, help="rows that are made at a time (default 1)")
    parser.add_argument("--work", required=True, help="folder for what tuning writes")
    parser.add_argument("--one", choices=list(PAIRS), help="make this pair's row of one seed")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args(given[: given.index("--")] if "--" in given else given)
    args.options = options
    if args.one:
        row = _row(args.one, args.seeds[0], args)
        row |= {"versions": versions(), "hardware": hardware()}
        write_json(Path(args.work, f"{args.one}-{args.seeds[0]}", "row.json"), row)
        return 0
    if args.out is None:
        parser.error("--out is required")
    jobs = [(name, seed) for seed in args.seeds for name in args.pairs]
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(lambda job: _job(job[0], job[1], args), jobs))
    files = [Path(args.work, f"{name}-{seed}", "row.json") for name, seed in jobs]
    rows = [json.loads(file.read_text()) for file in files if file.exists()]
    report = {"rows": rows, "options": options, "missing": [f.parent.name for f in files if not f.exists()]}
    write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    for row in rows:
        print(f"{row['pair']}, seed {row['seed']}: {100 * row['gap']:.0f} %, {row['verdict']}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
