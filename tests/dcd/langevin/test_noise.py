"""The noise: its generator against the library's, its law, and what it depends on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from dcd.langevin.noise import draw_noise, threefry

draw = jax.jit(draw_noise, static_argnums=3)


@pytest.mark.slow
def test_the_written_out_rounds_give_the_librarys_words():
    key = jax.random.key_data(jax.random.key(123456789))
    first, second = jnp.arange(1000, dtype=jnp.uint32) * 40503, jnp.arange(1000, dtype=jnp.uint32)[::-1]
    theirs = threefry_2x32(key, jnp.concatenate([first, second])).reshape(2, -1)
    np.testing.assert_array_equal(jnp.stack(jax.jit(threefry)(key, first, second)), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (28, 28, 1)])
def test_a_samples_noise_depends_on_key_step_and_its_own_index_alone(shape):
    key = jax.random.key(4)
    xi, u = draw(key, 5, jnp.arange(9), shape)
    there, v = draw(key, 5, jnp.asarray([7, 2]), shape)
    np.testing.assert_array_equal(there, xi[jnp.asarray([7, 2])])
    np.testing.assert_array_equal(v, u[jnp.asarray([7, 2])])
    for other in (draw(key, 6, jnp.arange(9), shape), draw(jax.random.key(5), 5, jnp.arange(9), shape)):
        assert not np.any(other[0] == xi) and not np.any(other[1] == u)


@pytest.mark.slow
def test_the_noise_is_standard_normal_and_independent_of_its_uniform():
    xi, u = draw(jax.random.key(6), 0, jnp.arange(4000), (25,))
    x = np.asarray(xi, np.float64).ravel()
    # 100,000 draws: five standard errors of each moment
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(x**power) - moment) < 5 * (variance / x.size) ** 0.5
    assert abs(np.mean(u) - 0.5) < 5 * (1 / 12 / u.size) ** 0.5 and 0 <= u.min() and u.max() < 1
    assert np.all(np.abs(np.asarray(xi).T @ (np.asarray(u) - 0.5)) / len(u) < 5 * (1 / 12 / len(u)) ** 0.5)
