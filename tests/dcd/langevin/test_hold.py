"""Coordinates that a chain holds: they keep every bit, and the others move as if they were all there is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
import pairs


def _identity(p, z):
    return z


def _separate(p, x):
    """Minus a quartic: a target that factorises over coordinates."""
    return -jnp.sum(p * x**4, axis=1)


PAIR = pairs.make_pair(
    pairs.wrap(_identity),
    pairs.wrap(_separate, jnp.arange(1.0, 6.0)),
    pairs.Normal((5,)),
    sample_range=(-9.0, 9.0),
    critic_kind="energy",
)


def _run(space: str = "latent", **settings) -> dcd.Result:
    config = dcd.Langevin(space=space, steps=8, step_size=0.01, **settings)
    return dcd.refine(PAIR, config, jax.random.key(0), 16, batch=16)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"space": "pixel"}, {"noise_order": "before"}, {"clip": 0.1}, {"prior_weight": 1.0, "metropolis": True}],
)
def test_held_coordinates_keep_every_bit_and_the_others_move(settings) -> None:
    result = _run(hold=(1, 3), **settings)
    start = result.latents if settings.get("space") != "pixel" else result.before
    np.testing.assert_array_equal(result.positions[:, 1:3], start[:, 1:3])
    moved = np.any(result.positions != start, axis=0)
    assert moved[[0, 3, 4]].all()


@pytest.mark.slow
def test_where_the_target_factorises_the_free_coordinates_do_not_notice() -> None:
    free, held = _run(prior_weight=1.0), _run(prior_weight=1.0, hold=(0, 2))
    # the same noise, drift and arithmetic coordinate by coordinate; only fusion may differ
    np.testing.assert_allclose(held.positions[:, 2:], free.positions[:, 2:], rtol=1e-5, atol=1e-6)
    assert np.all(np.abs(free.positions[:, :2] - held.positions[:, :2]).max(axis=0) > 0)


@pytest.mark.slow
def test_metropolis_with_held_coordinates_accepts_as_the_smaller_chain_does() -> None:
    # the proposal's densities must leave the held coordinates out: with them rejections would pile up
    result = _run(prior_weight=1.0, metropolis=True, hold=(1, 5))
    assert float(result.trace.acceptance.mean()) > 0.95  # a step of 0.01 on a one-dimensional target of order one


def test_ranges_that_mean_nothing_are_refused() -> None:
    for bad in ((2,), (3, 3), (-1, 2), [0, 1], (0, 1.5)):
        with pytest.raises(pairs.InputError, match="hold"):
            dcd.Langevin(hold=bad)
    with pytest.raises(pairs.InputError, match="coordinates 0 to 4"):
        _run(hold=(0, 6))


def test_it_survives_json() -> None:
    config = dcd.Langevin(hold=(0, 2))
    assert dcd.Langevin.from_dict({**config.to_dict(), "hold": [0, 2]}) == config
