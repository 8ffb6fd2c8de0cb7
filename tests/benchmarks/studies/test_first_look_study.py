"""The study of the first look puts in the faults that it names, and counts a warning as right where it is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies.first_look import holds, row
from benchmarks.studies.first_look_faults import FAULTS, exchanged
from checkpoints.first_look import FirstLook
from pairs import Normal, make_pair, wrap

REAL = np.random.default_rng(0).uniform(0.5, 0.9, size=(64, 4, 4, 1)).astype(np.float32)


def _paint(p, z):
    """Images whose pixels lie near 0.6, a little darker than real ones."""
    return jnp.broadcast_to((p * (1 + 0.08 * jnp.tanh(z)))[:, :1, None, None], (z.shape[0], 4, 4, 1))


def _level(p, x):
    """Nearness of the mean to p[1], scaled by p[0]."""
    return -p[0, 0] * jnp.abs(x.mean((1, 2, 3)) - p[1, 0])


@pytest.fixture(scope="module")
def pair():
    critic = wrap(_level, jnp.asarray([[1.0], [0.7]]))
    generator = wrap(_paint, jnp.full((1, 1), 0.6))
    return make_pair(generator, critic, Normal((1,)), sample_range=(-1.0, 1.0), critic_kind="energy", check=False)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("sign of the critic turned", "flipped"),
        ("critic of zeros", "constant"),
        ("generator of zeros", "alike"),
        ("NaN in the generator", "nan samples"),
        ("data of another size", "size"),
        ("none", None),
    ],
)
def test_a_fault_is_seen_by_the_warning_that_names_it(change: str, kind: str | None, pair) -> None:
    found = row("small", pair, REAL, None, change, 2)
    assert found is not None and found["looks"] == 2
    assert found["right"] == ({} if kind is None else {kind: 2}) and found["seen"] == (2 if kind else None)
    assert not found["wrong"]


def test_a_fault_that_the_pair_has_no_place_for_is_left_out(pair) -> None:
    assert row("small", pair, None, None, "sign of the critic turned", 2) is None
    assert row("small", pair, None, None, "data of another size", 2) is None
    assert row("small", pair, REAL, None, "two arrays of the generator exchanged", 2) is None


@pytest.mark.parametrize(("best", "verdict", "kind"), [(0.6, "right", "samples over data"), (0.0, "wrong", "flipped")])
def test_what_is_said_of_ranks_is_right_where_other_draws_rank_so(best, verdict, kind, pair) -> None:
    """A critic that likes grey best ranks as a turned one does, and is none."""
    found = row("small", pair.replace(critic=wrap(_level, jnp.asarray([[1.0], [best]]))), REAL, None, "none", 2)
    assert found is not None and found[verdict] == {kind: 2} and max(found["auc"]["data over samples"]) < 0.4


def test_other_draws_refute_what_one_look_says_of_ranks() -> None:
    looks = [FirstLook(8, 0, 1, 0, {}, {"data over noise": told}, ()) for told in (0.3, 0.6)]
    for others, right in ((looks[:1], True), (looks[1:], False), (looks * 2, True), ([], False)):
        assert holds("noise over data", FAULTS["none"], others) is right


def test_exchanged_arrays_are_two_of_equal_shape_kernels_first() -> None:
    params = {"a": jnp.zeros((2, 2)), "b": jnp.ones((2, 2)), "c": jnp.zeros(2), "d": jnp.ones(2)}
    made = exchanged(wrap(lambda p, x: x, params), 0)
    assert made is not None
    want = {**params, "a": params["b"], "b": params["a"]}
    jax.tree.map(np.testing.assert_array_equal, made.params, want)
