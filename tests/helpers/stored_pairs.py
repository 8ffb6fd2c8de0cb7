"""A tiny pair to store, and the comparison of what comes back."""

from __future__ import annotations

import jax
import numpy as np

from pairs import Normal, Pair, Record
from pairs.sequential.spec import init_sequential


def tiny_pair(**changes: object) -> Pair:
    generator = init_sequential(
        jax.random.key(0), [{"layer": "dense", "out": 12}, {"layer": "unflatten", "shape": [3, 2, 2]}], (4,)
    )
    critic = init_sequential(
        jax.random.key(1), [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2, 2, 3)
    )
    pair = Pair(generator, critic, Normal((4,)), (2, 2, 3), (-1.0, 1.0), "wasserstein", record=Record(name="tiny"))
    return pair.replace(**changes)


def same(a: object, b: object) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert u.dtype == v.dtype
        np.testing.assert_array_equal(np.asarray(u), np.asarray(v))
