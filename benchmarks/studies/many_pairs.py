"""Does refining ever harm, does it mostly help: twelve small GANs, from bad to good.

``python -m benchmarks.studies.many_pairs --mnist DATA --fashion DATA --cifar DATA --work DIR --out FILE``

Three data sets, one small non-saturating GAN each, kept after four training lengths. Every one is tuned as a user
would (recover, calibrate, search, confirm; at greater length where that finds no gain) on training data and feature
net a, then 10,000 samples are judged against the test set by net b, which took no part. ``tune`` may answer
"no gain"; the samples then stay as they are. Work in DIR resumes: a pair that is done is read back. MNIST and
Fashion-MNIST use the bundled nets; for CIFAR-10, averaged to 16 x 16 pixels, two are trained first.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import dcd
from pairs import Net, Normal, Pair, Record, make_pair
from pairs.io.command import guard, seed_number
from pairs.io.images import Images, read_images
from pairs.io.pixels import to_range, to_uint8
from pairs.io.progress_bars import progress
from pairs.io.reports import hardware, versions, write_json
from pairs.sequential.spec import init_sequential

from ..features import Features, default_features, load_features
from ..features.classifier_training import TrainConfig, save, train
from ..judges import judge_for
from ..metrics import fid_change, moments

__all__ = ["LENGTHS", "train_gan", "main"]

LENGTHS = (500, 1500, 4000, 8000)
SPAN = (-1.0, 1.0)
LATENT = 64


def _nets(key: jax.Array, shape: tuple[int, ...]) -> tuple[Net, Net]:
    size, keys = int(np.prod(shape)), jax.random.split(key)
    relu, leaky = {"layer": "relu"}, {"layer": "leaky_relu", "slope": 0.2}
    dense = lambda out: {"layer": "dense", "out": out}
    generator = [
        dense(256),
        relu,
        dense(512),
        relu,
        dense(size),
        {"layer": "tanh"},
        {"layer": "unflatten", "shape": [shape[2], *shape[:2]]},
    ]
    critic = [{"layer": "flatten"}, dense(512), leaky, dense(256), leaky, dense(1), {"layer": "squeeze"}]
    return init_sequential(keys[0], generator, (LATENT,)), init_sequential(keys[1], critic, shape)


def train_gan(x: np.ndarray, name: str, seed: int, batch: int = 64, r1: float = 0.1) -> dict[int, Pair]:
    """A small GAN, trained by alternating Adam(0.5, 0.99) with the logistic loss.

    Args:
      x: Images as uint8 ``(n, H, W, C)``.
      name: Name of the pair.
      seed: Seed of the run.
      batch: Images per update.
      r1: Weight of the R1 penalty at real samples.

    Returns:
      The pair after each of ``LENGTHS`` updates.
    """
    key = jax.random.key(seed)
    generator, critic = _nets(jax.random.fold_in(key, 0), x.shape[1:])
    adam = optax.adam(2e-4, b1=0.5, b2=0.99)
    pool = jnp.asarray(x)

    def d_loss(d: Any, g: Any, real: jax.Array, z: jax.Array) -> jax.Array:
        score = lambda v: critic.apply(d, v)
        slope = jax.grad(lambda v: jnp.sum(score(v)))(real)
        fake = score(generator.apply(g, z))
        loss = jnp.mean(jax.nn.softplus(-score(real))) + jnp.mean(jax.nn.softplus(fake))
        return loss + r1 / 2 * jnp.mean(jnp.sum(slope**2, axis=(1, 2, 3)))

    def update(state: Any, key: jax.Array) -> tuple[Any, None]:
        g, d, g_adam, d_adam = state
        rows, one, two = jax.random.split(key, 3)
        real = pool[jax.random.randint(rows, (batch,), 0, len(pool))].astype(jnp.float32) / 127.5 - 1
        slope = jax.grad(d_loss)(d, g, real, jax.random.normal(one, (batch, LATENT)))
        change, d_adam = adam.update(slope, d_adam)
        d = optax.apply_updates(d, change)
        z = jax.random.normal(two, (batch, LATENT))
        g_loss = lambda g: jnp.mean(jax.nn.softplus(-critic.apply(d, generator.apply(g, z))))
        change, g_adam = adam.update(jax.grad(g_loss)(g), g_adam)
        return (optax.apply_updates(g, change), d, g_adam, d_adam), None

    stretch = jax.jit(lambda state, keys: jax.lax.scan(update, state, keys)[0])
    state = (generator.params, critic.params, adam.init(generator.params), adam.init(critic.params))
    done, found = 0, {}
    for length in LENGTHS:
        while done < length:
            state = stretch(state, jax.random.split(jax.random.fold_in(key, 1 + done), 500))
            done += 500
        nets = [Net(p, n.apply, n.architecture) for p, n in zip(state[:2], (generator, critic), strict=True)]
        found[length] = make_pair(
            nets[0],
            nets[1],
            Normal((LATENT,)),
            sample_range=SPAN,
            critic_kind="logit",
            record=Record(name=f"{name}-{length}"),
        )
    return found


def _features(data: Images, path: str, name: str, work: Path) -> tuple[Features, Features]:
    """Net a for tuning and net b to judge."""
    if name != "cifar":
        return default_features(data.shape, data.name), default_features(data.shape, data.name, judge=True)
    nets, wanted = [], (TrainConfig("a", 0, 1000, 64), TrainConfig("b", 1, 1000, 64))
    for config in wanted:
        folder = work / f"cifar-classifier-{config.arch}"
        if not (folder / "card.json").is_file():
            train_set, test_set = _images(path, "train"), _images(path, "test")
            trained = train(train_set, test_set, config, lambda line: print(line, file=sys.stderr, flush=True))
            save(folder, folder.name, trained, config, train_set, test_set, "see its source", "many_pairs")
        nets.append(load_features(folder))
    return nets[0], nets[1]


@functools.cache
def _images(path: str, split: str) -> Images:
    found = read_images(path, split)
    keep = np.random.default_rng(0).permutation(len(found))[:20_000]
    labels = None if found.labels is None else found.labels[keep]
    x = found.x[keep]
    if x[0].size > 1024:  # a fully connected generator has little to say about larger images
        x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4)).round().astype(np.uint8)
    return Images(x, labels, found.name, split, found.classes)


def _one(pair: Pair, real: Images, test: Images, a: Features, b: Features, n: int, seed: int) -> dict[str, Any]:
    """Tune on real training data with net a, refine, judge with net b.

    A short search first; where it finds no gain, the full one, with a critic on the features too.
    """
    began = time.perf_counter()
    x = to_range(real.x[np.random.default_rng(seed).permutation(len(real))[:10_000]], SPAN)
    cuts = (np.cumsum((0.55, 0.1, 0.15)) * len(x)).astype(int)
    train_x, held_x, search_x, confirm_x = np.split(x, cuts)
    keys = jax.random.split(jax.random.key(seed), 4)
    judge, full = judge_for(a, pair), False
    variants, _ = dcd.critic_variants(pair, train_x, held_x, keys[:2], steps=1000)
    tuned = dcd.tune(variants, search_x, confirm_x, judge, keys[2], dcd.Tune(steps=40, n_first=100, rounds=2))
    if not tuned.gain:
        full = True
        variants, _ = dcd.critic_variants(pair, train_x, held_x, keys[:2], a.as_net(SPAN))
        tuned = dcd.tune(variants, search_x, confirm_x, judge, keys[2], dcd.Tune(steps=60, minutes=5))
    choice = tuned.choice if tuned.gain and tuned.choice else dcd.Choice("raw", dcd.preset("latent").replace(steps=0))
    result = dcd.run_choice(variants[choice.critic], choice, keys[3], n, batch=100)
    found: dict[str, Any] = {
        "pair": pair.name,
        "gain": tuned.gain,
        "choice": choice.label,
        "steps": choice.chain.steps,
        "search": "full" if full else "short",
        "seconds": time.perf_counter() - began,
    }
    for name, net in (("a", a), ("b", b)):
        rows = [
            net(to_uint8(v, SPAN)).astype(np.float64) for v in (result.before, result.after, to_range(test.x, SPAN))
        ]
        law = moments(rows[2])
        change = fid_change(rows[0], rows[1], law.mean, law.covariance)
        found[name] = {
            "features": net.name,
            "sha256": net.sha256,
            "before": change.before,
            "after": change.after,
            "difference": change.difference,
            "difference_ci": list(change.difference_ci),
        }
    low, high = found["b"]["difference_ci"]
    found["verdict"] = "improved" if high < 0 else "worse" if low > 0 else "unchanged"
    return found


def _data_set(name: str, path: str, todo: list[int], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    real, test = _images(path, "train"), _images(path, "test")
    a, b = _features(real, path, name, args.work)
    trained = train_gan(real.x, name, args.seed)
    for length in todo:
        yield _one(trained[length], real, test, a, b, args.n, args.seed) | {"updates": length, "data": name}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.many_pairs", description="Twelve small GANs, tuned and judged."
    )
    for name in ("mnist", "fashion", "cifar"):
        parser.add_argument(f"--{name}", help=f"folder of {name} images, train and test")
    parser.add_argument("--n", type=int, default=10_000, help="samples to judge (default 10,000)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--work", type=Path, required=True, help="folder of intermediate results, for resuming")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    sources = [(name, getattr(args, name)) for name in ("mnist", "fashion", "cifar") if getattr(args, name)]
    with progress() as bar:
        job = bar.add_task("pairs", total=len(sources) * len(LENGTHS))
        for name, path in sources:
            files = {k: args.work / f"{name}-{k}.json" for k in LENGTHS}
            todo = [k for k in LENGTHS if not files[k].is_file()]
            for entry in _data_set(name, path, todo, args) if todo else ():
                bar.update(job, description=f"{name}, {entry['updates']} updates", advance=1)
                write_json(files[entry["updates"]], entry)
            entries += [json.loads(files[k].read_text()) for k in LENGTHS]
    verdicts = [e["verdict"] for e in entries]
    counts = {v: verdicts.count(v) for v in ("improved", "unchanged", "worse")}
    report = {"n": args.n, "seed": args.seed, "judge": "net b, 95 % intervals", "counts": counts, "pairs": entries}
    write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    for e in entries:
        print(f"{e['pair']}: {e['b']['before']:.1f} -> {e['b']['after']:.1f} ({e['verdict']}), {e['choice']}")
    print(counts)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
