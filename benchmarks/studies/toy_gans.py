"""Two small GANs in the plane, trained in a minute: Swiss roll and 25 Gaussians, with a critic that knows its business.

Non-saturating GANs with an R1 penalty, 2-D normal latents, the generator averaged; then a critic for paths is trained.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import pairs

__all__ = ["swiss_roll", "gaussians", "train", "sharpen", "trained", "density"]


def swiss_roll(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two turns of a spiral, radius 1.5 pi to 4.5 pi, noise 0.25, over 7.5."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    x = np.stack([t * np.cos(t), t * np.sin(t)], 1) + 0.25 * rng.standard_normal((n, 2))
    return (x / 7.5).astype(np.float32)


def gaussians(rng: np.random.Generator, n: int) -> np.ndarray:
    """A 5 by 5 grid with spacing 0.7 and standard deviation 0.035."""
    centre = (rng.integers(0, 5, (n, 2)) - 2) * 0.7
    return (centre + 0.035 * rng.standard_normal((n, 2))).astype(np.float32)


def density(data: Any) -> pairs.Net:
    """Logarithm of the data's own density up to a constant, as a critic."""
    if data is gaussians:
        axis = (np.arange(5) - 2) * 0.7
        centres, scale = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), 0.035
    else:
        t = 1.5 * np.pi * (1 + 2 * (np.arange(1000) + 0.5) / 1000)
        centres, scale = np.stack([t * np.cos(t), t * np.sin(t)], 1) / 7.5, 0.25 / 7.5
    parameters = jnp.asarray(centres, jnp.float32), jnp.asarray(scale, jnp.float32)
    return pairs.wrap(_log_mixture, parameters)


def _log_mixture(p: Any, x: jax.Array) -> jax.Array:
    centres, scale = p
    squared = jnp.sum((x[:, None] - centres) ** 2, axis=-1)
    return jax.nn.logsumexp(-0.5 * squared / scale**2, axis=1)


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


def _critic_step(adam: Any, d: Any, memory: Any, x: jax.Array, fake: jax.Array, r1: float = 0.0) -> tuple[Any, Any]:
    """A step of the logistic loss, ``r1/2 |slope|^2`` at real points."""

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
        x = pool[jax.random.randint(jax.random.fold_in(key, 0), (256,), 0, len(pool))]
        fake = _generator(g, jax.random.normal(jax.random.fold_in(key, 1), (256, 2)))
        d, od = _critic_step(adam, d, od, x, fake, r1)
        z = jax.random.normal(jax.random.fold_in(key, 2), (256, 2))
        grad, og = adam.update(jax.grad(lambda g: jnp.mean(jax.nn.softplus(-_critic(d, _generator(g, z)))))(g), og)
        g = optax.apply_updates(g, grad)
        return (g, d, og, od, jax.tree.map(lambda a, v: 0.999 * a + 0.001 * v, average, g)), None

    run = jax.jit(lambda state, keys: jax.lax.scan(both, state, keys)[0])
    _, d, _, _, average = run((g, d, adam.init(g), adam.init(d), g), jax.random.split(key, steps))
    return average, d


def sharpen(data: Any, g: Any, steps: int, seed: int, width: int = 128) -> Any:
    """A critic for paths: trained against the frozen averaged generator without penalty, and against its surroundings.

    At equilibrium the critic of a GAN is flat and knows nothing, and where it never saw a sample (in the seams
    between regions of the latent space that map far apart) it guesses. Of 512 negatives a third are samples,
    a sixth come from latents uniform over the square of half-width 3.5, half are samples moved by normal noise of
    scale 0.01 to 0.7, so that the critic is asked all over the plane.
    """
    pool = jnp.asarray(data(np.random.default_rng(seed + 7), 50000))
    adam = optax.adam(optax.cosine_decay_schedule(1e-3, steps, 0.02), b1=0.5, b2=0.99)
    d = _mlp([2, width, width, width, 1], jax.random.key(seed + 11))

    def alone(state: Any, key: jax.Array) -> tuple[Any, None]:
        rows, prior, wide, scale, noise = jax.random.split(key, 5)
        z = jax.random.normal(prior, (432, 2))
        square = jax.random.uniform(wide, (80, 2), minval=-3.5, maxval=3.5)
        sample = _generator(g, jnp.concatenate([square, z]))
        spread = jnp.exp(jax.random.uniform(scale, (256, 1), minval=jnp.log(0.01), maxval=jnp.log(0.7)))
        fake = sample.at[256:].add(spread * jax.random.normal(noise, (256, 2)))
        x = pool[jax.random.randint(rows, (512,), 0, len(pool))]
        return _critic_step(adam, state[0], state[1], x, fake), None

    run = jax.jit(lambda state, keys: jax.lax.scan(alone, state, keys)[0])
    return run((d, adam.init(d)), jax.random.split(jax.random.key(seed + 7), steps))[0]


def make(g: Any, d: Any, name: str) -> pairs.Pair:
    nets = pairs.wrap(_generator, g), pairs.wrap(_critic, d)
    return pairs.make_pair(
        *nets, pairs.Normal((2,)), sample_range=None, critic_kind="logit", record=pairs.Record(name=name)
    )


def trained(data: Any, steps: int, seed: int, keep: str | None) -> tuple[pairs.Pair, float]:
    """The pair and its training seconds; from the folder ``keep`` where it was trained before."""
    path = None if keep is None else Path(keep) / f"{data.__name__}-{steps}-{seed}.npz"
    if path is not None and path.exists():
        with np.load(path) as held:
            nets = [[(jnp.asarray(held[f"{n}w{i}"]), jnp.asarray(held[f"{n}b{i}"])) for i in range(4)] for n in "gd"]
            return make(nets[0], nets[1], data.__name__), float(held["seconds"])
    began = time.perf_counter()
    g, _ = train(data, steps, seed)
    pair = make(g, jax.block_until_ready(sharpen(data, g, steps // 2, seed)), data.__name__)
    seconds = time.perf_counter() - began
    if path is not None:
        flat = {
            f"{n}{k}{i}": np.asarray(v)
            for n, net in (("g", pair.generator), ("d", pair.critic))
            for i, layer in enumerate(net.params)
            for k, v in zip("wb", layer, strict=True)
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, seconds=seconds, **flat)
    return pair, seconds
