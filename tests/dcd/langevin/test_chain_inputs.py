"""Labels that a chain takes, and input that it refuses."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from test_chain import KEY, MALA, PAIR, STEPS, ULA, N

from dcd import Langevin, advance, refine, start
from pairs import InputError, Net, Normal, Sphere, make_pair

# --- refused input ------------------------------------------------------------------------------


def conditional(params, x, labels):
    return jnp.sum(x, axis=1) + labels


def labelled(params, z, labels):
    return z + labels[:, None]


CONDITIONAL = make_pair(
    Net(None, labelled),
    Net(None, conditional),
    Normal((2,)),
    sample_range=None,
    critic_kind="energy",
    classes=3,
    check=False,
)


@pytest.mark.parametrize(
    ("field", "pair", "arguments"),
    [
        ("n", PAIR, dict(n=0)),
        ("n", PAIR, dict(n=2.0)),
        ("n", PAIR, dict(n=True)),
        ("batch", PAIR, dict(batch=0)),
        ("chunk", PAIR, dict(chunk=0)),
        ("snapshots", PAIR, dict(snapshots=(STEPS + 1,))),
        ("latents", PAIR, dict(latents=np.zeros((3, 4)))),
        ("latents", PAIR, dict(latents=np.full((4, 4), np.nan))),
        ("latents", PAIR, dict(latents=np.full((4, 4), np.inf))),
        ("labels", PAIR, dict(labels=[0, 0, 0, 0])),
        ("labels", CONDITIONAL, dict(labels=[0, 1, 2, 3])),
        ("labels", CONDITIONAL, dict(labels=[0, 1, 2, -1])),
        ("labels", CONDITIONAL, dict(labels=[0, 1, 2])),
        ("labels", CONDITIONAL, dict(labels=[0.0, 1.5, 2.0, 1.0])),
    ],
)
def test_bad_input_is_refused_by_field_in_one_line(field, pair, arguments):
    with pytest.raises(InputError) as error:
        refine(pair, ULA, KEY, **{"n": 4, "batch": 4, **arguments})
    assert error.value.field == field and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ULA, PAIR), "pair: is no pair but Langevin"),
        (("fashion-mnist-wgan-gp", ULA), "pair: is no pair but 'fashion-mnist-wgan-gp'; make one with ganrefine.load"),
        ((PAIR, "ddls"), "config: is 'ddls', no settings of a chain; give ganrefine.preset"),
        ((PAIR, None), "config: is None, no settings of a chain"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(arguments, words):
    with pytest.raises(InputError, match=words):
        refine(*arguments, KEY, 4)


def test_steps_outside_the_chain_are_refused():
    state = start(PAIR, ULA, np.zeros((N, 4), np.float32), np.arange(N))
    for first, last in ((0, STEPS + 1), (5, 4), (-1, 3)):
        with pytest.raises(InputError, match="last: asks for steps"):
            advance(PAIR, ULA, KEY, state, first, last)


def test_labels_reach_both_nets_and_are_all_classes_in_turn_by_default():
    config = Langevin("latent", 1, 0.5, temperature=0.0)
    result = refine(CONDITIONAL, config, KEY, 5, batch=5)
    classes = np.arange(5) % 3
    np.testing.assert_allclose(result.before, result.latents + classes[:, None], rtol=1e-6)
    np.testing.assert_allclose(result.after, result.before + 0.5, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(result.start_score, result.before.sum(1) + classes, rtol=1e-5, atol=1e-5)
    given = refine(CONDITIONAL, config, KEY, 5, batch=5, labels=[2] * 5)
    np.testing.assert_allclose(given.before, given.latents + 2, rtol=1e-6)


def test_a_correction_on_a_sphere_is_refused_because_it_would_reject_every_move():
    ball = PAIR.replace(prior=Sphere((4,)))
    with pytest.raises(InputError, match="metropolis"):
        refine(ball, MALA, KEY, 2)
    moved = refine(ball, ULA, KEY, 2)
    np.testing.assert_allclose(np.linalg.norm(moved.positions, axis=1), ball.prior.radius, rtol=1e-5)
