r"""One pass for a whole chain: flows before the generator, on 25 Gaussians and on image pairs.

``python -m benchmarks.studies.amortised DATA --out benchmarks/results/amortised_gaussians.json``, and with
``--no-toy --pairs tuned/tuned.toml ... --out benchmarks/results/amortised.json`` the image pairs.

On 25 Gaussians the generator of a small GAN has all modes, unequally, and a recovered, calibrated critic. For each
image pair the chain is that of its ``tuned.toml``. Measured are the generator, the chain, flows trained with several
weights of the chain's samples, and what starts from the nearest of them: five steps of the chain, and importance
resampling. In the plane the exact target is at hand too, by importance resampling of 40 times as many samples.

.. math:: \text{share} = \frac{\text{before} - \text{after}}{\text{before} - \text{chain}}

is the share of the chain's gain, in Frechet distances to the test images in a feature net that took no part. Recall and
coverage are those of the first 2,500 samples against as many test images. The price of a sample is the median time of
its whole batch over that of a bare generator pass, in turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import checkpoints
import dcd
from dcd.critics.architectures import default_layers
from dcd.critics.scores import generate_set, scores_of
from pairs import Pair
from pairs.batches import apply_net
from pairs.checks import image_range
from pairs.io.command import guard, seed_number
from pairs.io.images import read_images
from pairs.io.pixels import to_uint8
from pairs.io.reports import hardware, versions, write_json

from ..features.bundle import load_features
from ..metrics import density_coverage, frechet_distance, moments, precision_recall
from .refine_toys import modes
from .toy_gans import gaussians, make, train

__all__ = ["main"]

FORMS: dict[str, dict[str, Any]] = {
    "target alone": {"chain_weight": 0.0, "transport": 0.0},
    "target, with transport": {"chain_weight": 0.0, "transport": 1.0},
    "half chain": {"chain_weight": 0.5, "transport": 0.0},
    "chain alone": {"chain_weight": 1.0},
}
"""Ways to train a flow."""
SHORT = 5
NEAR = 2500


def _summary(report: dcd.AmortiseReport) -> dict[str, Any]:
    return {k: v for k, v in report.to_dict().items() if k not in ("chain", "history", "tried")}


def toy(args: argparse.Namespace) -> dict[str, Any]:
    """The rows of 25 Gaussians."""
    keys = jax.random.split(jax.random.key(args.seed), 5)
    pair = make(*train(gaussians, args.gan_steps, args.seed), "25-gaussians")
    real = gaussians(np.random.default_rng(args.seed + 1), 30_000)
    # modes of width 0.035 want a critic that bends faster than the default
    layers = ({"layer": "scale", "factor": 4.0}, *default_layers(pair.sample_shape))
    recovery = dcd.Recover(
        r1=0.001, steps=args.critic_steps, batch=256, learning_rate=1e-3, architecture=layers, patience=100
    )
    pair, _ = dcd.recover(pair, real[:20_000], keys[0], recovery)
    pair, _ = dcd.calibrate(pair, real[20_000:], keys[1])
    chain, start = dcd.preset("ddls").replace(steps=20, step_size=0.0005, metropolis=True), 0.1
    many = generate_set(pair, keys[2], 40 * args.n)[1]
    score = scores_of(pair, many).astype(np.float64)
    weights = np.exp(score - score.max()) / np.exp(score - score.max()).sum()
    exact = np.random.default_rng(args.seed).choice(len(many), args.n, p=weights)
    done = dcd.run_choice(pair, dcd.Choice("own", chain, start), keys[2], args.n, batch=args.n)
    rows: dict[str, Any] = {"generator": modes(done.before), "exact target": modes(many[exact])}
    rows["chain"] = modes(done.after) | {"steps": chain.steps, "acceptance of OBRS before": start}
    rows["real"] = modes(gaussians(np.random.default_rng(args.seed + 2), args.n))
    for name, weight in (("target alone", 0.0), ("mostly chain", 0.9), ("chain alone", 1.0)):
        settings = dcd.Amortise(
            steps=args.flow_steps, layers=8, learning_rate=2e-3, pool=20_000, chain_weight=weight, transport=0.0
        )
        fast, report = dcd.amortise(pair, chain, keys[3], settings, acceptance=start)
        z = dcd.amortised_latents(fast, keys[2], args.n, batch=args.n)
        rows[f"flow, {name}"] = modes(np.asarray(pair.generate(z))) | _summary(report)
        isir = dcd.correct(fast, args.n, keys[4], particles=8, steps=4, batch=args.n)
        rows[f"flow, {name}, i-SIR"] = modes(isir.samples) | {"moved": isir.acceptance}
        print(name, rows[f"flow, {name}"], rows[f"flow, {name}, i-SIR"], file=sys.stderr, flush=True)
    return rows


def images(tuned: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The rows of one image pair."""
    found = dcd.read_tuned(tuned)
    assert found.choice is not None
    pair, chain, budget = checkpoints.resolve(found.pair), found.choice.chain, found.choice.acceptance
    span, stem = image_range(pair), "mnist" if "mnist-" == pair.name[:6] else "fashion-mnist"
    judge = load_features(f"{stem}-classifier-b")
    test, own = (read_images(str(Path(args.data, stem)), split).x for split in ("test", "train"))
    real = judge(test).astype(np.float64)
    centre = moments(real)

    def measured(x: np.ndarray) -> dict[str, float]:
        rows = judge(x if x.dtype == np.uint8 else to_uint8(np.asarray(x), span)).astype(np.float64)
        law, few = moments(rows), (real[:NEAR], rows[:NEAR])
        near, cover = precision_recall(*few), density_coverage(*few)
        distance = frechet_distance(law.mean, law.covariance, centre.mean, centre.covariance)
        return {"distance": distance, "recall": near.recall, "coverage": cover.coverage, "precision": near.precision}

    keys = jax.random.split(jax.random.key(args.seed), 3)
    choice = dcd.Choice("tuned", chain, budget)
    began = time.perf_counter()
    done = dcd.run_choice(pair, choice, keys[0], args.n, batch=250)
    spent = time.perf_counter() - began
    rows: dict[str, Any] = {"generator": measured(done.before)}
    rows["chain"] = measured(done.after) | {"steps": chain.steps, "seconds": spent}
    rows["real"] = measured(own[np.random.default_rng(args.seed).permutation(len(own))[: args.n]])
    made: dict[str, Pair] = {}
    for name, given in FORMS.items():
        settings = dcd.Amortise(steps=args.flow_steps, pool=args.pool, width=args.width, **given)
        made[name], report = dcd.amortise(pair, chain, keys[1], settings, acceptance=budget)
        z = dcd.amortised_latents(made[name], keys[0], args.n)
        rows[name] = measured(_drawn(pair, z)) | _summary(report)
        print(pair.name, name, rows[name], file=sys.stderr, flush=True)
    best = min(FORMS, key=lambda name: rows[name]["energy_distance"])  # as dcd.amortise chooses, without real data
    z = dcd.amortised_latents(made[best], keys[0], args.n)
    few = chain.replace(steps=SHORT, anneal=(1.0,), anneal_noise=(1.0,))
    rows["nearest, short chain"] = measured(dcd.refine(pair, few, keys[2], args.n, latents=z, batch=250).after)
    rows["short chain alone"] = measured(dcd.refine(pair, few, keys[2], args.n, batch=250).after)
    isir = dcd.correct(made[best], args.n, keys[2], particles=8, steps=2)
    rows["nearest, i-SIR"] = measured(isir.samples) | {"moved": isir.acceptance}
    gain = rows["generator"]["distance"] - rows["chain"]["distance"]
    for row in rows.values():
        row["share"] = (rows["generator"]["distance"] - row["distance"]) / gain
    about = {"pair": pair.name, "chain": chain.to_dict(), "budget": budget, "nearest": best}
    return about | {"price": _price(pair, made[best], keys[2]), "rows": rows}


def _drawn(pair: Pair, z: Any) -> np.ndarray:
    return np.concatenate([np.asarray(apply_net(pair.generator, z[i : i + 250])) for i in range(0, len(z), 250)])


def _price(pair: Pair, fast: Pair, key: jax.Array, turns: int = 15) -> dict[str, float]:
    """Medians of a batch of 256, in seconds, in turns, and their ratio."""
    z = jnp.asarray(pair.prior.sample(key, 256))
    calls: dict[str, Callable[[], Any]] = {
        "generator": lambda: apply_net(pair.generator, z),
        "flow and generator": lambda: apply_net(fast.generator, z),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 3):
        for name, call in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call())
            if turn >= 3:
                times[name].append(time.perf_counter() - began)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    ratios = np.array(times["flow and generator"]) / np.array(times["generator"])
    quartiles = [float(v) for v in np.quantile(ratios, (0.25, 0.5, 0.75))]
    return medians | {"ratio": quartiles[1], "ratio_low": quartiles[0], "ratio_high": quartiles[2]}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.amortised", description="Amortised chains.")
    parser.add_argument("data", help="folder with mnist and fashion-mnist")
    parser.add_argument("--pairs", nargs="*", type=Path, default=[], help="tuned.toml of each image pair")
    parser.add_argument("--n", type=int, default=5000, help="samples that are measured (default 5,000)")
    parser.add_argument("--pool", type=int, default=4000, help="samples of the chain to learn from (default 4,000)")
    parser.add_argument("--flow-steps", type=int, default=2000, help="updates of each flow (default 2,000)")
    parser.add_argument("--width", type=int, default=64, help="hidden units of a layer (default 64)")
    parser.add_argument("--gan-steps", type=int, default=6000, help="updates of the toy GAN (default 6,000)")
    parser.add_argument("--critic-steps", type=int, default=3000, help="updates of its critic (default 3,000)")
    parser.add_argument("--no-toy", action="store_true", help="leave 25 Gaussians out")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    report: dict[str, Any] = {"n": args.n, "seed": args.seed, "pairs": []}
    report |= {"versions": versions(), "hardware": hardware()}
    if not args.no_toy:
        report["25 gaussians"] = toy(args)
        write_json(args.out, report)
    for tuned in args.pairs:
        report["pairs"].append(images(tuned, args))
        write_json(args.out, report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
