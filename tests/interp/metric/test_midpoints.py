"""Critics for paths: the pair of points between latents, and what a critic recovered on it does to a path."""

from __future__ import annotations

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
import interp
from pairs import InputError, Normal, Sphere, make_pair, wrap

ANGLE = 2 * np.pi * np.arange(200) / 200
RING = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1).astype(np.float32)


def _same(params, z):
    return z


def _flat(params, x):
    return 0.0 * x[:, 0]


def _pair(d: int):
    critic = wrap(_flat, None)
    return make_pair(wrap(_same, None), critic, Normal((d,)), sample_range=None, critic_kind="energy")


def test_between_two_latents_half_the_points_are_ends_and_the_rest_uniform() -> None:
    lines = interp.between(_pair(2), [[0.0, 0.0], [1.0, -2.0]])
    x = np.asarray(lines.generate(lines.prior.sample(jax.random.key(0), 20_000)))
    np.testing.assert_allclose(x[:, 1], -2 * x[:, 0], atol=1e-6)
    # a = b in half of the draws: standard error of the share 0.0035
    ends = (x[:, 0] == 0) | (x[:, 0] == 1)
    assert abs(ends.mean() - 0.5) < 0.015
    inner = np.sort(x[~ends, 0])
    # Kolmogorov-Smirnov on 10,000: chance 1e-4 of a gap of 0.022
    assert np.abs(inner - (np.arange(len(inner)) + 0.5) / len(inner)).max() < 0.022


@pytest.mark.slow
def test_on_a_sphere_the_points_lie_on_it() -> None:
    pair = _pair(2).replace(prior=Sphere((2,)))
    ends = Sphere((2,)).sample(jax.random.key(0), 5)
    lines = interp.between(pair, ends)
    x = lines.generate(lines.prior.sample(jax.random.key(1), 500))
    np.testing.assert_allclose(jnp.linalg.norm(x, axis=1), jnp.linalg.norm(ends[0]), rtol=1e-5)


@pytest.mark.slow
def test_a_critic_recovered_between_points_of_a_ring_keeps_paths_on_the_ring() -> None:
    """The straight line between ends 2 radians apart dips to radius cos(1) = 0.54, the way on the ring keeps 1. Without
    a critic the pull-back geodesic of the identity is that line."""
    pair = _pair(2)
    settings = dcd.Recover(steps=600, learning_rate=1e-3, ema=0.99, r1=0.01)
    critic = dcd.recover(interp.between(pair, RING), RING, jax.random.key(1), settings)[0].critic
    knows = pair.replace(critic=critic)
    ends = np.asarray([[np.cos(1.0), np.sin(1.0)], [np.cos(1.0), -np.sin(1.0)]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path_weight = interp.weigh(knows, jax.random.key(2), interp.PathWeightSettings(damp=False), real=RING)
        few = interp.GeodesicSettings(segments=16, multiresolution=False, restarts=0)
        path = interp.geodesic(knows, ends[:1], ends[1:], settings=few, weight=path_weight).path[0]
        line = interp.geodesic(pair, ends[:1], ends[1:], settings=dataclasses.replace(few, mode="none")).path[0]
    assert abs(np.linalg.norm(line, axis=1).min() - np.cos(1.0)) < 0.01
    # least radius of three seeds: 0.951 to 0.958
    assert np.linalg.norm(path, axis=1).min() > 0.9


def test_between_needs_two_finite_latents_of_an_unconditional_pair() -> None:
    with pytest.raises(InputError, match="at least two"):
        interp.between(_pair(2), RING[:1])
    with pytest.raises(InputError, match="latents"):
        interp.between(_pair(3), RING)
    with pytest.raises(InputError, match="NaN"):
        interp.between(_pair(2), np.full((4, 2), np.nan))
    with pytest.raises(InputError, match="conditional"):
        interp.between(_pair(2).replace(classes=3), RING)
