"""Random features: one net per seed, any size and channels, bytes and floats agree, nothing to say about classes."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from benchmarks.features import random_features
from pairs import InputError
from pairs.io.pixels import to_range
from pairs.registry import build


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.slow
def test_a_seed_gives_one_net_and_another_seed_another():
    x = images(3, 16, 16, 1)
    first, same, other = (random_features((16, 16, 1), seed) for seed in (0, 0, 1))
    assert first.sha256 == same.sha256 != other.sha256
    np.testing.assert_array_equal(first(x), same(x))
    assert np.abs(first(x) - other(x)).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 20, 3), (33, 16, 1)])
def test_every_size_has_features_of_the_stated_number_which_tell_images_apart(shape):
    features = random_features(shape)
    rows = features(images(4, *shape))
    assert rows.shape == (4, features.dim) and np.all(np.isfinite(rows))
    assert np.ptp(rows, axis=0).max() > 0.01


@pytest.mark.slow
def test_the_net_on_floats_agrees_with_bytes_and_is_rebuilt_by_its_architecture():
    features, x = random_features((16, 16, 3)), images(3, 16, 16, 3)
    net = features.as_net((-1.0, 1.0))
    rows = jax.jit(lambda n, v: n(v))(net, to_range(x, (-1.0, 1.0)))
    np.testing.assert_allclose(rows, features(x), atol=1e-4 * np.abs(rows).max())  # inputs rounded once
    assert net.architecture is not None
    apply, template = build(net.architecture)
    assert apply == net.apply
    assert jax.tree.map(lambda a: a.shape, template) == jax.tree.map(lambda a: a.shape, net.params)


def test_what_random_features_cannot_say_is_refused():
    features = random_features((16, 16, 1))
    with pytest.raises(InputError, match="no classes"):
        features.logits(images(2, 16, 16, 1))
    with pytest.raises(InputError, match="none"):
        features.reference()
    with pytest.raises(InputError, match="8 or more"):
        random_features((4, 16, 1))
