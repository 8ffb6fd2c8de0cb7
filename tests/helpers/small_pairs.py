"""A small random generator with a critic, ends in its latent space, and plain functions: for tests of paths."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import pairs


def generate(p, z):
    return jnp.tanh(z @ p[0]) @ p[1]


def score(p, x):
    return -jnp.sum((x - p) ** 2, axis=-1)


def weight_of(p, s):
    return 1 + p * jnp.log1p(jnp.exp(-s))


def small_pair(d=3, prior=None):
    rng = np.random.default_rng(0)
    p = (jnp.asarray(rng.standard_normal((d, 16))), jnp.asarray(rng.standard_normal((16, 6)) / 4))
    shift = jnp.asarray(rng.standard_normal(6) / 2)
    return pairs.make_pair(
        pairs.wrap(generate, p),
        pairs.wrap(score, shift),
        prior or pairs.Normal((d,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


def random_ends(n=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, d))


def same(p, z):
    return z


def constant(p, s):
    return p + 0 * s


def minus_bump(p, x):
    return -jnp.exp(-jnp.sum(x**2, axis=-1) / 0.5)


def cost(p, s):
    return 1 - 9 * s
