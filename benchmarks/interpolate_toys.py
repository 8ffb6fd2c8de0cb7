"""Interpolation on two small GANs trained here: Swiss roll and 25 Gaussians.

``python -m benchmarks.interpolate_toys --out benchmarks/results/interpolate_toys.json``

Non-saturating GANs with an R1 penalty, 2-D normal latents. For random pairs of latents: share of pairs whose
mean critic along the conformal path is at least that along the line, and share of path points
off the data (distance to the nearest of 20,000 real points above the 99.5 % quantile of held-out
real points' own distances). All paths at constant sample speed.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import interp
import pairs

from .pictures import write_bytes
from .report import hardware, versions, write_json

__all__ = ["main", "train", "swiss_roll", "gaussians"]

POINTS = 64


def swiss_roll(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two turns of a spiral, radius 1.5 pi to 4.5 pi, noise 0.25, over 7.5."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    x = np.stack([t * np.cos(t), t * np.sin(t)], 1) + 0.25 * rng.standard_normal((n, 2))
    return (x / 7.5).astype(np.float32)


def gaussians(rng: np.random.Generator, n: int) -> np.ndarray:
    """A 5 by 5 grid with spacing 0.7 and standard deviation 0.035."""
    centre = (rng.integers(0, 5, (n, 2)) - 2) * 0.7
    return (centre + 0.035 * rng.standard_normal((n, 2))).astype(np.float32)


def _mlp(sizes: list[int], key: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    keys = jax.random.split(key, len(sizes) - 1)
    shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [((2 / a) ** 0.5 * jax.random.normal(k, (a, b)), jnp.zeros(b)) for k, a, b in shapes]


def _generator(p: Any, z: jax.Array) -> jax.Array:
    for w, b in p[:-1]:
        z = jax.nn.silu(z @ w + b)
    return z @ p[-1][0] + p[-1][1]


def _critic(p: Any, x: jax.Array) -> jax.Array:
    for w, b in p[:-1]:
        x = jax.nn.leaky_relu(x @ w + b, 0.2)
    return (x @ p[-1][0] + p[-1][1])[:, 0]


def _critic_step(
    adam: Any, d: Any, memory: Any, g: Any, pool: jax.Array, key: jax.Array, r1: float, wide: float = 0.0
) -> tuple[Any, Any]:
    """A step of the logistic loss, ``r1/2 |slope|^2`` at real points; half the latents uniform up to ``wide``."""
    x = pool[jax.random.randint(jax.random.fold_in(key, 0), (256,), 0, len(pool))]
    z = jax.random.normal(jax.random.fold_in(key, 1), (256, 2))
    if wide:
        z = z.at[:128].set(jax.random.uniform(jax.random.fold_in(key, 3), (128, 2), minval=-wide, maxval=wide))
    fake = _generator(g, z)

    def loss(d: Any) -> jax.Array:
        value = jnp.mean(jax.nn.softplus(-_critic(d, x)) + jax.nn.softplus(_critic(d, fake)))
        if not r1:
            return value
        slope = jax.grad(lambda x: jnp.sum(_critic(d, x)))(x)
        return value + 0.5 * r1 * jnp.mean(jnp.sum(slope**2, axis=1))

    grad, memory = adam.update(jax.grad(loss)(d), memory)
    return optax.apply_updates(d, grad), memory


def train(data: Any, steps: int, seed: int, r1: float = 0.2, width: int = 128) -> tuple[Any, Any]:
    """Alternating Adam; parameters of the generator, averaged with decay 0.999, and of the critic."""
    key = jax.random.key(seed)
    g = _mlp([2, width, width, width, 2], jax.random.fold_in(key, 0))
    d = _mlp([2, width, width, width, 1], jax.random.fold_in(key, 1))
    pool = jnp.asarray(data(np.random.default_rng(seed), 50000))
    adam = optax.adam(optax.cosine_decay_schedule(1e-3, steps, 0.05), b1=0.0, b2=0.95)

    def both(state: Any, key: jax.Array) -> tuple[Any, None]:
        g, d, og, od, average = state
        d, od = _critic_step(adam, d, od, g, pool, key, r1)
        z = jax.random.normal(jax.random.fold_in(key, 2), (256, 2))
        grad, og = adam.update(jax.grad(lambda g: jnp.mean(jax.nn.softplus(-_critic(d, _generator(g, z)))))(g), og)
        g = optax.apply_updates(g, grad)
        return (g, d, og, od, jax.tree.map(lambda a, v: 0.999 * a + 0.001 * v, average, g)), None

    run = jax.jit(lambda state, keys: jax.lax.scan(both, state, keys)[0])
    _, d, _, _, average = run((g, d, adam.init(g), adam.init(d), g), jax.random.split(key, steps))
    return average, d


def sharpen(data: Any, g: Any, d: Any, steps: int, seed: int) -> Any:
    """The critic trained on against the frozen averaged generator, without penalty, on latents paths may use.

    At equilibrium the critic of a GAN is flat and knows nothing; a penalty on its slope forbids what is
    needed here, a fall of several units over the width of the data (0.03); and what samples never
    show it, between and beyond them, it would have to guess.
    """
    pool = jnp.asarray(data(np.random.default_rng(seed + 7), 50000))
    adam = optax.adam(optax.cosine_decay_schedule(1e-3, steps, 0.02), b1=0.5, b2=0.99)
    alone = lambda state, key: (_critic_step(adam, state[0], state[1], g, pool, key, 0.0, wide=3.5), None)
    run = jax.jit(lambda state, keys: jax.lax.scan(alone, state, keys)[0])
    return run((d, adam.init(d)), jax.random.split(jax.random.key(seed + 7), steps))[0]


def _pair(g: Any, d: Any, name: str) -> pairs.Pair:
    nets = pairs.wrap(_generator, g), pairs.wrap(_critic, d)
    return pairs.make_pair(*nets, pairs.Normal((2,)), sample_range=None, critic_kind="logit",
                           record=pairs.Record(name=name))  # fmt: skip


def _trained(data: Any, steps: int, seed: int, keep: str | None) -> tuple[pairs.Pair, float]:
    """The pair and its training seconds; from the folder ``keep`` where it was trained before."""
    path = None if keep is None else Path(keep) / f"{data.__name__}-{steps}-{seed}.npz"
    if path is not None and path.exists():
        with np.load(path) as held:
            nets = [[(jnp.asarray(held[f"{n}w{i}"]), jnp.asarray(held[f"{n}b{i}"])) for i in range(4)] for n in "gd"]
            return _pair(nets[0], nets[1], data.__name__), float(held["seconds"])
    began = time.perf_counter()
    g, d = train(data, steps, seed)
    pair = _pair(g, jax.block_until_ready(sharpen(data, g, d, steps // 2, seed)), data.__name__)
    seconds = time.perf_counter() - began
    if path is not None:
        flat = {f"{n}{k}{i}": np.asarray(v) for n, net in (("g", pair.generator), ("d", pair.critic))
                for i, layer in enumerate(net.params) for k, v in zip("wb", layer, strict=True)}  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, seconds=seconds, **flat)  # pyright: ignore[reportArgumentType]
    return pair, seconds


def _nearest(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Distance to the nearest real point, in blocks."""
    flat, out = x.reshape(-1, 2), []
    for i in range(0, len(flat), 500):
        out.append(np.sqrt(((flat[i : i + 500, None] - real[None]) ** 2).sum(-1).min(1)))
    return np.concatenate(out).reshape(x.shape[:-1])


def judge(
    pair: pairs.Pair, data: Any, count: int, seed: int, config: interp.GeodesicConfig
) -> tuple[dict[str, Any], Any]:
    """Every method on ``count`` random pairs."""
    rng = np.random.default_rng(seed + 1)
    real, held = data(rng, 20000), data(rng, 4000)
    threshold = float(np.quantile(_nearest(held, real), 0.995))
    z0, z1 = (pair.prior.sample(jax.random.key(seed + k), count) for k in (1, 2))
    began = time.perf_counter()
    found = interp.compare(pair, z0, z1, config=config)
    seconds = time.perf_counter() - began
    generate = jax.jit(lambda p, z: p.generate(z.reshape(-1, 2)).reshape(z.shape))
    line = np.asarray(found.diagnostics["linear"].critic_mean)
    samples = np.asarray(generate(pair, pair.prior.sample(jax.random.key(9), 4000)))
    report: dict[str, Any] = {
        "pairs": count, "threshold": threshold, "seconds": seconds,
        "generated_off_data": float(np.mean(_nearest(samples, real) > threshold)), "methods": {},
        "calibration": None if found.calibration is None else found.calibration.statistics,
    }  # fmt: skip
    for name, path in found.paths.items():
        x = np.asarray(generate(pair, path))
        d = found.diagnostics[name]
        off = _nearest(x, real) > threshold
        report["methods"][name] = {
            "off_data": float(off.mean()),
            "critic_mean_at_least_linear": float(np.mean(np.asarray(d.critic_mean) >= line - 1e-6)),
            "critic_mean": float(d.critic_mean.mean()), "critic_min": float(d.critic_min.mean()),
            "plain_length": float(d.plain_length.mean()), "length": float(d.length.mean()),
        }  # fmt: skip
    base = report["methods"]["linear"]["off_data"]
    for entry in report["methods"].values():
        entry["off_data_cut_against_linear"] = None if base == 0 else 1 - entry["off_data"] / base
    flags = found.results["geodesic"].flags
    report["flags"] = {k: int(np.sum(v)) for k, v in flags._asdict().items()}
    return report, found


def _picture(pair: pairs.Pair, data: Any, found: Any, rows: int = 6) -> bytes:
    import io

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
    real = data(np.random.default_rng(5), 3000)
    for i, name in enumerate(("linear", "slerp", "plain", "geodesic")):
        a = axes.flat[i]
        a.scatter(real[:, 0], real[:, 1], s=1, color="#cccccc")
        for row in range(rows):
            x = np.asarray(pair.generate(found.paths[name][row]))
            a.plot(x[:, 0], x[:, 1], ".-", ms=3, lw=1)
        a.set_title(name)
        a.set_aspect("equal")
    grid = np.linspace(-3, 3, 120, dtype=np.float32)
    z = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    score = np.asarray(pair.score(pair.generate(z))).reshape(120, 120)
    shown = axes.flat[4].pcolormesh(grid, grid, np.clip(score, *np.quantile(score, [0.02, 0.98])), shading="auto")
    figure.colorbar(shown, ax=axes.flat[4])
    for row in range(rows):
        for name, style in (("linear", "w:"), ("geodesic", "r-")):
            p = np.asarray(found.paths[name][row])
            axes.flat[4].plot(p[:, 0], p[:, 1], style, lw=1.2)
    axes.flat[4].set_title("critic over latents; dotted line, red geodesic")
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(3), 3000)))
    axes.flat[5].scatter(x[:, 0], x[:, 1], s=1)
    axes.flat[5].set_title("generated samples")
    axes.flat[5].set_aspect("equal")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    plt.close(figure)
    return out.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_toys.json")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--keep", metavar="DIR", help="keep the trained pairs here, and use those that are there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ratio", type=float, default=30.0)
    parser.add_argument("--shape", default="barrier")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    calibration = interp.CalibrationConfig(ratio=args.ratio, shape=args.shape)
    config = interp.GeodesicConfig(points=POINTS, segments=64, restarts=6, batch=64, keep="free", evaluations=80,
                                   calibration=calibration)  # fmt: skip
    report: dict[str, Any] = {"steps": args.steps, "seed": args.seed, "points": POINTS, "config": repr(config)}
    for data in (swiss_roll, gaussians):
        pair, trained = _trained(data, args.steps, args.seed, args.keep)
        entry, found = judge(pair, data, args.pairs, args.seed, config)
        report[data.__name__] = {"training_seconds": trained, **entry}
        write_bytes(Path(args.out).with_name(f"{Path(args.out).stem}_{data.__name__}.png"), _picture(pair, data, found))
        shown = {k: (round(v["off_data"], 4), v["critic_mean_at_least_linear"]) for k, v in entry["methods"].items()}
        print(data.__name__, shown,
              "generated off", entry["generated_off_data"], flush=True)  # fmt: skip
        write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
