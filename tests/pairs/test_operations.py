"""Equations and operations of traced programs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from pairs.operations import equations, operations

SQUARE = jnp.ones((3, 3))


def test_equations_within_branches_and_loops_are_seen_as_often_as_they_are_run() -> None:
    def program(x):
        x = lax.cond(x[0, 0] > 0, lambda y: y @ y, jnp.sin, x)
        return lax.fori_loop(0, 4, lambda _, y: jnp.cos(y), jax.jit(jnp.tan)(x))

    found = [(equation.primitive.name, times) for equation, times in equations(jax.make_jaxpr(program)(SQUARE).jaxpr)]
    for expected in [("dot_general", 1), ("sin", 1), ("tan", 1), ("cos", 4)]:
        assert found.count(expected) == 1


@pytest.mark.parametrize(("turns", "expected"), [(None, None), (1.0, 54.0), (2.5, 135.0)])
def test_a_loop_of_unknown_length_counts_as_many_turns_as_are_given(turns, expected) -> None:
    product = 2 * 3 * 3 * 3
    program = lambda x: lax.while_loop(lambda y: y[0, 0] < 100, lambda y: y @ y, x)
    assert operations(program, SQUARE, turns=turns) == expected
    assert expected is None or expected == turns * product
    # a loop without products needs no number of turns
    assert operations(lambda x: lax.while_loop(lambda y: y[0, 0] < 100, lambda y: y + 1, x @ x), SQUARE) == product


def test_of_two_branches_the_dearer_one_counts() -> None:
    program = lambda x: lax.cond(x[0, 0] > 0, lambda y: y @ y, lambda y: y @ y @ y, x)
    assert operations(program, SQUARE) == 2 * 54
