"""Conditional pairs as unconditional ones: one class, or the class as part of the latent."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pairs
from interp.labels import between_classes, within_class
from pairs import InputError
from pairs.sequential.spec import init_sequential

GENERATOR = [
    {"layer": "concatenate", "branches": [[], [{"layer": "embed", "classes": 3, "out": 4}]]},
    {"layer": "dense", "out": 6},
    {"layer": "conditional_batch_norm", "classes": 3},
    {"layer": "tanh"},
]
CRITIC = [{"layer": "add", "branches": [[{"layer": "dense", "out": 1}], [{"layer": "projection", "classes": 3}]]}]


@pytest.fixture(scope="module")
def pair():
    keys = jax.random.split(jax.random.key(0))
    critic = init_sequential(keys[1], [*CRITIC, {"layer": "squeeze"}], (6,))
    return pairs.make_pair(
        init_sequential(keys[0], GENERATOR, (5,)),
        critic,
        pairs.Normal((5,)),
        sample_range=(-1, 1),
        critic_kind="logit",
        classes=3,
    )


def test_a_fixed_label_gives_what_the_pair_gives_with_it(pair):
    z = pair.prior.sample(jax.random.key(1), 4)
    one, labels = within_class(pair, 2), jnp.full((4,), 2)
    x = one.generate(z)
    np.testing.assert_array_equal(x, pair.generate(z, labels))
    np.testing.assert_array_equal(one.score(x), pair.score(x, labels))
    assert one.classes is None


def test_unit_codes_are_the_classes_and_codes_between_move_continuously(pair):
    both = between_classes(pair)
    z = pair.prior.sample(jax.random.key(1), 3)
    codes = jnp.eye(3)
    found = both.generate(jnp.concatenate([z, codes], axis=1))
    np.testing.assert_allclose(found, pair.generate(z, jnp.arange(3)), atol=1e-4)  # shares are kept off zero by 1e-6
    t = jnp.linspace(0, 1, 101)[:, None]
    way = both.generate(jnp.concatenate([jnp.repeat(z[:1], 101, 0), (1 - t) * codes[0] + t * codes[1]], axis=1))
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert steps.sum() > 0.1 and steps.max() < 4 * steps.mean()


def test_draws_with_a_label_lie_at_its_code(pair):
    both = between_classes(pair)
    w = np.asarray(both.prior.sample(jax.random.key(0), 6, jnp.arange(6) % 3))
    np.testing.assert_array_equal(w[:, 5:].argmax(axis=1), np.arange(6) % 3)


def test_label_codes_are_used_as_they_are():
    prior = pairs.ClassMixture((2,), jnp.asarray([[0.0, 0.0], [5.0, 0.0]]), jnp.ones((2, 2)), jnp.full((2,), 0.5))
    net = pairs.wrap(lambda p, z, c: jnp.tanh(z)), pairs.wrap(lambda p, x, c: x[:, 0])
    codes = pairs.make_pair(*net, prior, sample_range=(-1, 1), critic_kind="energy", classes=2)
    both = between_classes(codes)
    assert both.prior.shape == (2,) and both.classes is None
    np.testing.assert_allclose(both.generate(jnp.ones((1, 2))), np.tanh(np.ones((1, 2))), rtol=1e-6)


def test_what_has_no_way_between_classes_is_refused(pair):
    whole = pair.replace(
        generator=pairs.wrap(lambda p, z, c: z[:, :1] + jnp.arange(6.0) * jnp.take(jnp.arange(3.0), c)[:, None])
    )
    for bad, field in ((whole, "--to-label"), (pair.replace(prior=pairs.Uniform((5,), -1.0, 1.0)), "pair")):
        with pytest.raises(InputError) as refused:
            between_classes(bad)
        assert refused.value.field == field
    with pytest.raises(InputError, match="for 3 classes"):
        within_class(pair, 3)
