"""WGAN-GP losses in closed form, and a training loop that resumes bit for bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs import InputError
from pairs.fitting import ema_update, fit
from pairs.gan.train_wgan_gp import WganGpTraining, make_update
from pairs.gan.wgan_gp import WganGpConfig, critic_loss, generator_loss, gradient_penalty

KEY = jax.random.key(0)
REAL = jax.random.normal(jax.random.key(1), (6, 2, 2, 1))
FAKE = jax.random.normal(jax.random.key(2), (6, 2, 2, 1)) + 1.0
W = jnp.asarray([1.0, -2.0, 2.0, 4.0]).reshape(2, 2, 1)  # |W| = 5


def linear(x):
    return jnp.sum(x * W, axis=(1, 2, 3)) + 3.0


def quadratic(x):
    return 0.5 * jnp.sum(x**2, axis=(1, 2, 3))


def test_the_penalty_of_a_linear_critic_is_its_slope_minus_one_squared() -> None:
    np.testing.assert_allclose(gradient_penalty(linear, REAL, FAKE, KEY), (5.0 - 1.0) ** 2, rtol=1e-6)


@pytest.mark.slow
def test_the_penalty_is_taken_on_the_segment_with_one_position_per_couple() -> None:
    # the gradient of |x|^2 / 2 is x itself; a couple of equal points has only one point between
    norms = np.sqrt(np.sum(np.asarray(REAL) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(gradient_penalty(quadratic, REAL, REAL, KEY), np.mean((norms - 1) ** 2), rtol=1e-5)
    # from 0 to v of norm 3 the norms are 3 t with t uniform: E (3t - 1)^2 = 3 - 3 + 1 = 1, s.d. 1.0 / sqrt(4000)
    v = jnp.full((4000, 9, 1, 1), 1.0)
    assert abs(float(gradient_penalty(quadratic, v, jnp.zeros_like(v), KEY)) - 1.0) < 0.08


def test_the_losses_are_those_of_the_formula() -> None:
    gap = float(jnp.mean(linear(FAKE)) - jnp.mean(linear(REAL)))
    np.testing.assert_allclose(critic_loss(linear, REAL, FAKE, KEY, penalty=10.0), gap + 160.0, rtol=1e-5)
    np.testing.assert_allclose(critic_loss(linear, REAL, FAKE, KEY, penalty=0.0), gap, rtol=1e-4)
    np.testing.assert_allclose(generator_loss(linear, FAKE), -float(jnp.mean(linear(FAKE))), rtol=1e-6)


@jax.jit
def _noisy_descent(state, key, step):
    x, average = state
    x = x - 0.1 * x + 0.01 * jax.random.normal(key, x.shape) / (1 + step)
    return (x, ema_update(average, x, 0.9)), {"loss": jnp.sum(x**2)}


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit() -> None:
    start = (jnp.ones(3), jnp.zeros(3))
    whole = fit(_noisy_descent, start, 9, KEY, record_every=2)
    saved = {}

    def keep(done, state, history):
        saved[done] = jax.tree.map(np.asarray, state), {k: list(v) for k, v in history.items()}

    fit(_noisy_descent, start, 4, KEY, record_every=2, checkpoint_every=2, on_checkpoint=keep)
    assert sorted(saved) == [2, 4]
    state, history = saved[4]
    resumed = fit(_noisy_descent, state, 9, KEY, start=4, history=history, record_every=2)
    jax.tree.map(np.testing.assert_array_equal, whole.state, resumed.state)
    assert whole.history == resumed.history and whole.history["step"] == [2, 4, 6, 8, 9]
    assert history["step"] == [2, 4]  # the caller's list is not written to


def test_the_moving_average_is_the_convex_combination() -> None:
    np.testing.assert_allclose(ema_update({"a": jnp.asarray(1.0)}, {"a": jnp.asarray(3.0)}, 0.75)["a"], 1.5)


def test_a_loss_that_is_not_finite_stops_the_run_and_nothing_is_saved_after() -> None:
    def update(state, key, step):
        return state, {"loss": jnp.where(step >= 3, jnp.nan, 1.0)}

    saved = []
    with pytest.raises(InputError, match="loss is not finite at step 4"):
        fit(update, 0, 8, KEY, record_every=1, checkpoint_every=2, on_checkpoint=lambda d, s, h: saved.append(d))
    assert saved == [2]


def test_no_checkpoint_is_written_between_records_once_a_loss_is_not_finite() -> None:
    def update(state, key, step):
        return state, {"loss": jnp.where(step >= 3, jnp.nan, 1.0)}

    saved = []
    with pytest.raises(InputError, match="not finite"):
        fit(update, 0, 20, KEY, record_every=10, checkpoint_every=5, on_checkpoint=lambda d, s, h: saved.append(d))
    assert saved == []


@pytest.mark.parametrize(
    "make,field",
    [
        (lambda: WganGpConfig(size=30), "size"),
        (lambda: WganGpConfig(size=4), "size"),
        (lambda: WganGpConfig(latent=0), "latent"),
        (lambda: WganGpConfig(width=-1), "width"),
        (lambda: WganGpTraining(batch=0), "batch"),
        (lambda: WganGpTraining(critic_steps=0), "critic_steps"),
        (lambda: WganGpTraining(learning_rate=float("nan")), "learning_rate"),
        (lambda: WganGpTraining(learning_rate=float("inf")), "learning_rate"),
        (lambda: WganGpTraining(ema=1.0), "ema"),
        (lambda: fit(_noisy_descent, 0, 0, KEY), "steps"),
        (lambda: fit(_noisy_descent, 0, 5, KEY, checkpoint_every=0), "checkpoint_every"),
        (lambda: make_update(WganGpTraining(), np.zeros((5, 8, 8, 1), np.uint8)), "data"),
        (lambda: make_update(WganGpTraining(), np.zeros((5, 28, 28, 1), np.float32)), "data"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.field == field
