"""Arrays on their way to the device: the values and types of ``jnp.asarray``, memory of their own, nothing compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs.arrays import copied, on_device


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int64", "uint8", "bool"])
def test_a_host_array_comes_as_asarray_brings_it_and_compiles_nothing(kind, compiled) -> None:
    given = np.arange(3 * 7 * 11).reshape(3, 7, 11).astype(kind)
    ours = on_device(given)
    assert compiled == []
    np.testing.assert_array_equal(ours, jnp.asarray(given), strict=True)
    jax.jit(lambda v: ~v if v.dtype == bool else v + 1)(ours)
    assert compiled != []  # a program is heard of
    assert isinstance(ours, jax.Array) and not ours.weak_type


def test_what_is_written_to_the_host_array_afterwards_does_not_reach_the_device() -> None:
    # whether memory could be shared depends on where it begins: of 40 arrays some could be
    given = [np.zeros(1000 + i, np.float32) for i in range(40)]
    held = [on_device(v) for v in given]
    for v in given:
        v[:] = 1
    assert not any(np.asarray(v).any() for v in held)


def test_numbers_and_traced_arrays_are_taken_too() -> None:
    assert on_device([1, 2]).tolist() == [1, 2]
    assert jax.jit(on_device)(np.ones(2)).tolist() == [1, 1]


def test_copies_can_be_given_up_and_their_originals_live(compiled) -> None:
    tree = {"a": on_device(np.ones((5, 13))), "b": (np.ones(3, np.float32), jax.random.key(0)), "c": None}
    compiled.clear()
    found = copied(tree)
    assert compiled == [] and found["c"] is None
    jax.jit(lambda v: v + 1, donate_argnums=0)(found["a"])
    assert found["a"].is_deleted() and not tree["a"].is_deleted()
    tree["b"][0][:] = 2
    assert found["b"][0].tolist() == [1, 1, 1] and found["b"][1] == tree["b"][1]
