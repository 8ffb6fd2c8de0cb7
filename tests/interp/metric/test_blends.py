"""Negatives of a critic for paths, on pairs whose blends are known, and the evidence about a critic."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pairs
from interp.metric.blends import SHARES, blends
from interp.metric.evidence import blend_evidence


def plane(critic, prior=None):
    return pairs.make_pair(
        pairs.wrap(lambda p, z: z),
        pairs.wrap(critic),
        prior or pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


@pytest.fixture(scope="module")
def circle():
    """Samples on a circle of radius 1: whatever is a blend lies inside, whatever is moved lies beside."""
    return plane(lambda p, x: x[:, 0], pairs.Sphere((2,), 1.0))


def test_each_kind_of_blend_comes_in_its_share(circle):
    source = blends(circle, count=512)
    x = np.asarray(source.generate(source.prior.sample(jax.random.key(1), 6000)))
    radius = np.linalg.norm(x, axis=1)
    on = np.abs(radius - 1) < 1e-4
    # lines and arcs are projected to the sphere; cross-fades of pool samples and moved samples leave it
    share = SHARES[0] + SHARES[3]
    assert np.mean(on) == pytest.approx(share, abs=4 * (share * (1 - share) / 6000) ** 0.5)
    assert np.isfinite(x).all()


def test_cross_fades_are_mixtures_of_two_samples_of_the_pool(circle):
    source = blends(circle, count=64)
    pool = np.asarray(source.generator.params["samples"])[0]
    row = jnp.asarray([[sum(SHARES[:1]) + 0.01, 0.1, 0.9, 0.25, 0.5]])
    t = 0.2 + 0.6 * 0.25
    wanted = (1 - t) * pool[int(0.1 * 64)] + t * pool[int(0.9 * 64)]
    np.testing.assert_allclose(source.generate(row)[0], wanted, atol=1e-6)


def test_noise_is_as_wide_as_its_scale_says(circle):
    source = blends(circle, count=64)
    scale = float(source.generator.params["scale"])
    pool = np.asarray(source.generator.params["samples"])[0]
    kind = SHARES[0] + SHARES[1] + 0.01
    seeds = np.linspace(0, 0.999, 4000)
    rows = np.stack([np.full(4000, kind), np.zeros(4000), np.zeros(4000), np.ones(4000), seeds], axis=1)
    moved = np.asarray(source.generate(jnp.asarray(rows, jnp.float32))) - pool[0]
    assert moved.std() == pytest.approx(scale, rel=4 / 8000**0.5)


def test_blends_keep_the_class_of_a_conditional_pair():
    net = pairs.wrap(lambda p, z, c: 0.01 * z + 10.0 * c[:, None]), pairs.wrap(lambda p, x, c: x[:, 0])
    pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy", classes=3, check=False)
    source = blends(pair, count=90)
    labels = jnp.arange(300) % 3
    x = np.asarray(source.generate(source.prior.sample(jax.random.key(0), 300, labels), labels))
    np.testing.assert_array_equal(np.round(x[:, 0] / 10), labels)


def test_evidence_tells_a_critic_of_blends_from_one_that_prefers_them():
    # midpoints of 64 normal numbers have half the squared norm of samples, and so have their means
    outward, inward = (lambda p, x: jnp.sum(x**2, axis=1)), (lambda p, x: -jnp.sum(x**2, axis=1))
    prior = pairs.Normal((64,))
    good, bad = blend_evidence(plane(outward, prior)), blend_evidence(plane(inward, prior))
    assert good.tells and min(good.midpoints, good.cross_fades) > 0.99
    assert not bad.tells and bad.midpoints == pytest.approx(1 - good.midpoints, abs=1e-9)


def test_a_critic_that_sees_only_one_kind_of_blend_does_not_pass():
    prior = pairs.Normal((64,))
    squash = pairs.wrap(lambda p, z: jnp.sign(z))  # midpoints are samples, cross-fades are not
    pair = plane(lambda p, x: jnp.sum(x**2, axis=1), prior).replace(generator=squash)
    found = blend_evidence(pair)
    assert found.cross_fades > 0.99 and abs(found.midpoints - 0.5) < 0.05 and not found.tells
