"""A critic with a label term comes back from its architecture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pairs import Net
from pairs.heads.label_term import label_term
from pairs.registry import build
from pairs.sequential.spec import init_sequential

KEYS = jax.random.split(jax.random.key(0))


def _nets() -> tuple[Net, Net]:
    score = {"layer": "dense", "out": 1}
    projection = {"layer": "add", "branches": [[score], [{"layer": "projection", "classes": 3}]]}
    critic = init_sequential(KEYS[0], [projection, {"layer": "squeeze"}], (4,))
    return critic, init_sequential(KEYS[1], [{"layer": "dense", "out": 3}], (4,))


def test_the_rebuilt_critic_scores_as_the_first_one() -> None:
    made = label_term(*_nets(), 0.7)
    assert made.architecture is not None and made.architecture.name == "label-term"
    apply, template = build(made.architecture)
    assert jax.tree.map(lambda v: v.shape, template) == jax.tree.map(jnp.shape, made.params)
    x, y = jax.random.normal(KEYS[0], (5, 4)), jnp.asarray([0, 1, 2, 2, 0])
    np.testing.assert_array_equal(apply(made.params, x, y), made(x, y))


def test_a_term_of_a_plain_function_has_no_architecture() -> None:
    critic, _ = _nets()
    assert label_term(critic, Net(None, lambda _, x: x[:, :3]), 1.0).architecture is None
