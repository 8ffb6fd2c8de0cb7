"""A weighted sum of critics: its value, its labels, its shared features, and its way through a checkpoint."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs import InputError, Net
from pairs.heads.affine_score import AffineApply, affine
from pairs.heads.on_features import FeatureCriticApply, feature_critic
from pairs.heads.sum_of_scores import SumApply, summed
from pairs.registry import build
from pairs.sequential.spec import init_sequential

X = jax.random.normal(jax.random.key(0), (5, 4))


def _dense(seed: int, out: int = 1, inputs: int = 4) -> Net:
    layers = [{"layer": "dense", "out": out}, *([{"layer": "squeeze"}] if out == 1 else [])]
    return init_sequential(jax.random.key(seed), layers, (inputs,))


def test_the_sum_is_that_of_its_weighted_parts_and_affine_parts_are_unwrapped() -> None:
    a, b = _dense(1), _dense(2)
    total = summed([affine(a, 2.0, 0.5), b], [3.0, -1.0])
    # float32 sums of a few numbers of order 1
    np.testing.assert_allclose(total(X), 3.0 * (2.0 * a(X) + 0.5) - b(X), rtol=1e-5, atol=1e-5)
    assert isinstance(total.apply, SumApply)
    assert not any(isinstance(part, AffineApply) for part in total.apply.parts)


def test_critics_on_the_same_features_compute_them_once() -> None:
    features, heads = _dense(3, out=6), [_dense(k, inputs=6) for k in (4, 5)]
    center, spread = jnp.arange(6.0), jnp.full(6, 2.0)
    critics = [feature_critic(features, center, spread, head) for head in heads]
    total = summed(critics, [1.0, 0.5])
    assert isinstance(total.apply, FeatureCriticApply)
    np.testing.assert_allclose(total(X), critics[0](X) + 0.5 * critics[1](X), rtol=1e-5, atol=1e-5)
    apart = summed([critics[0], feature_critic(features, center + 1, spread, heads[1])], [1.0, 0.5])
    assert isinstance(apart.apply, SumApply)  # standardised otherwise: nothing to share


def test_labels_reach_every_part() -> None:
    own = [Net(jnp.asarray(k), lambda p, x, y: p * x[:, 0] * y) for k in (1.0, 10.0)]
    labels = jnp.arange(5)
    np.testing.assert_allclose(summed(own, [1.0, 1.0])(X, labels), 11.0 * X[:, 0] * labels, rtol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_a_checkpoint_rebuilds_the_sum(shared: bool) -> None:
    critics = [_dense(1), affine(_dense(2), 2.0, 1.0)]
    if shared:
        features = _dense(3, out=6)
        critics = [feature_critic(features, jnp.zeros(6), jnp.ones(6), _dense(k, inputs=6)) for k in (4, 5)]
    total = summed(critics, [1.0, 2.0])
    assert total.architecture is not None
    apply, template = build(total.architecture)
    assert jax.tree.map(jnp.shape, total.params) == jax.tree.map(lambda leaf: leaf.shape, template)
    np.testing.assert_array_equal(apply(total.params, X), total.apply(total.params, X))


def test_a_sum_without_parts_or_with_too_few_weights_is_refused() -> None:
    with pytest.raises(InputError, match="weights: are 1 for 2 critics"):
        summed([_dense(1), _dense(2)], [1.0])
