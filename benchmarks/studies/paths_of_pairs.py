"""Paths of several pairs, by every method, judged frame by frame; sheets whose rows are shuffled, with a key.

``python -m benchmarks.studies.paths_of_pairs --pair NAME [--files DIR] --data DATA --work DIR --out FILE``

Random pairs of latents of one pair. Every method's frames, as many and at equal steps in pixels, are judged in the
second architecture of the net whose images agree with DATA: Frechet distance of the interiors with its interval
(jackknife over paths), distance to the nearest real image, frames off the data, worst frame, confidence, jumps. The
methods are line, slerp, transport-matched line, plain geodesic, pixel cross-fade, and geodesics with a critic for paths
that is trained as ``ganrefine path PAIR DATA`` does: on pixels, on features, as the command decides, and with what the
command leaves out. Against slerp, each has the share of pairs on which its worst frame is better and the ratio of
Frechet distances with an interval.

Work in DIR resumes: critics, paths and figures of a method that is done are read back. ``--sheet N`` draws that many
pairs, chosen by the seed, into FILE's folder: rows are in shuffled order without names; the key is a file of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import interp
from pairs import Net
from pairs.batches import map_batches
from pairs.io.command import guard, seed_number
from pairs.io.files import write_bytes
from pairs.io.pixels import to_range
from pairs.io.reports import hardware, versions, write_json

from ..features import choose
from ..inputs import load
from ..metrics.fid import moments
from ..metrics.frames import NearestReal
from ..paths.answer import least_confidence
from ..paths.data import PathData, read_path_data
from ..paths.kept import Kept, name_of_critic
from ..paths.realism import Judge
from ..paths.training import UPDATES, Steering, nodes_of, trained_critic
from .path_figures import distances, figures_of, shuffled_sheets, summary

__all__ = ["METHODS", "main"]

METHODS = (
    "linear",
    "slerp",
    "matched",
    "plain",
    "cross-fade",
    "critic on pixels",
    "critic on features",
    "classifier",
    "answer",
    "feature metric",
    "refined graph",
)
"""Methods. ``classifier`` has the critic on features and charges for images that a classifier is not sure of, as the
command solves by itself; ``answer`` is slerp where that classifier is less sure of its least certain frame, as the
command answers; ``feature metric`` and ``refined graph`` are ``classifier`` with distances in features, and with starts
through a graph of refined samples.
"""
NODES = 400


class _Study:
    """The inputs of one pair and what was done before."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.work = args, args.work
        self.pair = load(args.pair, args.files)
        self.data: PathData = read_path_data(args, self.pair)
        assert self.pair.sample_range is not None
        known = np.concatenate([self.data.real, self.data.fresh])
        choice = choose("auto", self.pair.sample_shape, data=known, data_name=self.data.name, judge=True)
        rows = choice.features(self.data.real), choice.features(self.data.fresh)
        self.judge = Judge(choice, NearestReal.of(*rows), self.pair.sample_range)
        self.real = moments(np.concatenate(rows))
        inner = choose("auto", self.pair.sample_shape, data=known, data_name=self.data.name)
        self.inner = inner.features if inner.kind == "bundled" else None
        self.z = [self.pair.prior.sample(jax.random.key(1000 * args.seed + k), args.pairs) for k in (1, 2)]
        self.settings = interp.GeodesicSettings(
            points=args.points, segments=8, evaluations=args.evaluations, tolerance=1e-3, batch=64, seed=args.seed
        )

    def samples(self, z: np.ndarray) -> np.ndarray:
        """Samples ``(paths, points, *sample)`` of latents."""
        flat = z.reshape(-1, *self.pair.prior.shape)
        make = lambda v: _generate(self.pair, v)
        return map_batches(make, flat).reshape(*z.shape[:2], *self.pair.sample_shape)

    def critic(self, features: Net | None) -> Steering:
        """The trained critic, kept in the folder of the work."""
        kept = Kept(self.work / "kept")
        name = name_of_critic(self.pair, self.data, UPDATES, features, self.args.seed)
        made = kept.critic(name, self.pair)
        if made is None:
            made = trained_critic(self.pair, self.data.train, self.data.labels, self.args.seed, UPDATES, features)
            kept.keep_critic(name, made)
        return made

    def path(self, method: str, before: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, Any]]:
        """Samples of all paths by a method, and notes; ``before`` holds the samples of earlier methods."""
        pair, settings, (a, b) = self.pair, self.settings, self.z
        plain, _ = interp.make_metric(pair, dataclasses.replace(settings, mode="none"))
        if method == "answer":
            assert self.inner is not None and pair.sample_range is not None
            sure = {k: least_confidence(self.inner, before[k], pair.sample_range) for k in ("slerp", "classifier")}
            taken = sure["classifier"] >= sure["slerp"]
            rows = taken.reshape(-1, *[1] * (before["slerp"].ndim - 1))
            return np.where(rows, before["classifier"], before["slerp"]), {"geodesics": float(np.mean(taken))}
        if method == "cross-fade":
            return np.asarray(interp.cross_fade(pair, a, b, np.linspace(0, 1, settings.points))), {}
        if method in interp.BASELINES:
            first, last = (jnp.reshape(z, (len(z), -1)) for z in (a, b))
            flat = interp.baseline_at_constant_speed(plain, method, first, last, settings.points)
            return self.samples(np.asarray(flat)), {}
        if method == "plain":
            found = interp.geodesic(pair, a, b, settings=dataclasses.replace(settings, mode="none"))
            return self.samples(np.asarray(found.path)), {}
        assert pair.sample_range is not None
        net = None if self.inner is None or method == "critic on pixels" else self.inner.as_net(pair.sample_range)
        made = self.critic(net)
        wall = interp.PathWeightSettings(ratio=30, shape="wall")
        real = to_range(self.data.real[:2000], pair.sample_range)
        weigh = lambda p: interp.weigh(p, jax.random.key(self.args.seed), wall, real=real)
        steering, weight = made.pair, weigh(made.pair)
        if method not in ("critic on pixels", "critic on features"):
            assert self.inner is not None
            logits = self.inner.as_net(pair.sample_range, "logits")
            steering = interp.with_classifier(steering, logits, weight, strength=1.0)
            weight = weigh(steering)
        metric, initial = net if method == "feature metric" else None, None
        if method == "refined graph":
            settings = dataclasses.replace(settings, keep="radial")
            nodes = nodes_of(steering, NODES, self.args.seed)
            measured, _ = interp.make_metric(steering, settings, weight=weight)
            initial = interp.neighbour_graph(measured, nodes, neighbours=6).start(a, b, settings.mode_count)
        found = interp.geodesic(steering, a, b, settings=settings, weight=weight, features=metric, initial=initial)
        evidence = interp.blend_evidence(steering).to_dict()
        flags = {k: float(np.mean(v)) for k, v in found.flags._asdict().items()}
        notes = {"training": made.record, "evidence": evidence, "calibration": weight.statistics, "flags": flags}
        even, _ = interp.constant_speed(plain, found.curve, settings.points)  # in pixels, whatever the metric
        return self.samples(np.asarray(even)), notes


_generate = jax.jit(lambda pair, z: pair.generate(z))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.paths_of_pairs", description="Paths of a pair by every method, judged."
    )
    parser.add_argument("--pair", required=True)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of latents (default 1,000)")
    parser.add_argument("--points", type=int, default=10, help="frames of every path (default 10)")
    parser.add_argument("--evaluations", type=int, default=15, help="evaluations on the last level (default 15)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--sheet", type=int, default=0, help="pairs on the sheet (default 0: none)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--work", type=Path, required=True, help="folder of intermediate results, for resuming")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    args.split, args.array, args.limit = None, None, None
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)
    study = _Study(args)
    held: dict[str, dict[str, np.ndarray]] = {}
    samples: dict[str, np.ndarray] = {}
    notes: dict[str, Any] = {}
    first = ["slerp", "classifier"] if "answer" in args.methods else ["slerp"]
    for method in dict.fromkeys([*first, *args.methods]):
        if method in METHODS[-5:] and study.inner is None:
            continue
        label = f"{method.replace(' ', '-')}-{args.pairs}-{args.points}-{args.evaluations}-{args.seed}"
        file = args.work / f"{study.pair.name}-{label}.npz"
        if not file.is_file():
            began = time.perf_counter()
            made, said = study.path(method, samples)
            said["seconds"] = time.perf_counter() - began
            packed = io.BytesIO()
            arrays: dict[str, Any] = {"samples": made, **figures_of(study.judge, made)}
            np.savez_compressed(packed, **arrays)
            write_json(file.with_suffix(".json"), said)
            write_bytes(file, packed.getvalue())
            say(f"{method}: {said['seconds']:.0f} s")
        with np.load(file, allow_pickle=False) as found:
            held[method] = {k: found[k] for k in found.files if k != "samples"}
            samples[method] = found["samples"]
        notes[method] = json.loads(file.with_suffix(".json").read_text())
    real = study.real
    shown = summary(held, real)
    z = np.asarray(study.pair.prior.sample(jax.random.key(1000 * args.seed + 3), args.pairs * (args.points - 2)))
    drawn = figures_of(study.judge, study.samples(z.reshape(args.pairs, -1, *study.pair.prior.shape)))
    report = {
        "pair": study.pair.name,
        "data": study.data.name,
        "pairs": args.pairs,
        "points": args.points,
        "seed": args.seed,
        "config": study.settings.to_dict(),
        "judge": study.judge.record(),
        "samples_frechet": distances(drawn, real)[0],
        "methods": {name: shown[name] | {"notes": notes[name]} for name in shown},
        "protocol": f"{args.points} frames at equal pixel steps for every method; {args.pairs} random pairs of latents",
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    if args.sheet:
        picture, key = shuffled_sheets(samples, study.judge.span, args.sheet, args.seed)
        write_bytes(args.out.with_suffix(".png"), picture)
        write_json(args.out.with_name(f"{args.out.stem}-key.json"), key)
    for name, entry in shown.items():
        line = f"{name:20s} Frechet {entry['frechet']:7.2f} ({entry['frechet_over_slerp']:.2f} of slerp)"
        print(f"{line}, off {entry['off_data']:.3f}, worst better {entry['worst_better_than_slerp']:.2f}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
