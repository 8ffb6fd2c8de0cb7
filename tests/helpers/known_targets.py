"""Pairs whose targets are known in closed form, and a quick training of a flow."""

from __future__ import annotations

import jax.numpy as jnp

import dcd
import pairs

DDLS = dcd.preset("ddls").replace(steps=0)
ALONE = dcd.Amortise(
    steps=300, batch=128, learning_rate=2e-2, layers=2, width=4, bins=0, chain_weight=0.0, transport=0.0, ema=0.98
)


def linear(p, z):
    return z @ p


def quadratic(p, x):
    return -0.5 * jnp.sum(((x - p[0]) / p[1]) ** 2, axis=-1)


def slope(p, x):
    return x @ p


def sorted_by_class(p, z, c):
    return z @ p


def known_pair(prior, score, numbers, classes=None, matrix=None):
    matrix = jnp.eye(prior.size) if matrix is None else matrix
    critic = pairs.wrap(score, numbers)
    generator = pairs.wrap(linear if classes is None else sorted_by_class, matrix)
    return pairs.make_pair(generator, critic, prior, sample_range=None, critic_kind="energy", classes=classes)
