"""Soft-IntroVAE: its losses, which parameters they move, its energy, and its pair in the tools."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
import interp
from checkpoints import load_pair, save_pair
from pairs import InputError
from pairs.fitting import fit
from pairs.vae import soft_intro as si
from pairs.vae import soft_intro_losses as losses
from pairs.vae.balance import health
from pairs.vae.energy import vary
from pairs.vae.losses import kl_standard, split_posterior, squared_error
from pairs.vae.nets import VaeConfig
from pairs.vae.soft_intro_toys import for_toy
from pairs.vae.toys import TOYS, toy, window

MODEL = VaeConfig((3,), 2, (8,), "silu", None)
BASE = si.SoftIntro(VaeConfig((3,), 2, (8,), "silu", (-4.0, 4.0)), beta_neg=2.0, scale=0.5)
STATE = si.init(BASE, jax.random.key(0))
X = jax.random.normal(jax.random.key(1), (6, 3))
NOISE = jax.random.normal(jax.random.key(2), (6, 2))
KEY = jax.random.key(3)


def _size(tree) -> float:
    return float(sum(np.abs(np.asarray(v)).sum() for v in jax.tree.leaves(tree)))


def _close(a, b, rtol: float = 1e-4) -> None:
    # float32 sums in another order
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=rtol, atol=1e-6), a, b)


@pytest.mark.slow
def test_each_step_moves_its_own_net_alone() -> None:
    for gamma, bootstrap in ((0.0, 0), (0.5, 0), (0.5, 3)):
        s = dataclasses.replace(BASE, gamma=gamma, bootstrap=bootstrap)
        encoder = lambda e, d, t, s=s: losses.encoder_loss(s, e, d, t, X, NOISE, KEY)[0]
        moved = jax.jit(jax.grad(encoder, argnums=(0, 1, 2)))(STATE.encoder, STATE.decoder, STATE.decoder)
        assert _size(moved[0]) > 0 and _size(moved[1:]) == 0
        decoder = lambda d, e, t, s=s: losses.decoder_loss(s, d, e, t, X, NOISE, NOISE, KEY)
        moved = jax.jit(jax.grad(decoder, argnums=(0, 1, 2)))(STATE.decoder, STATE.encoder, STATE.decoder)
        assert _size(moved[0]) > 0 and _size(moved[1:]) == 0


@pytest.mark.slow
def test_the_codes_of_the_encoder_step_are_constants_of_the_decoder_step() -> None:
    slope = jax.jit(
        jax.grad(lambda z: losses.decoder_loss(BASE, STATE.decoder, STATE.encoder, STATE.decoder, X, NOISE, z, KEY))
    )
    assert _size(slope(NOISE)) == 0


def test_without_the_negative_term_the_encoder_follows_the_scaled_vae() -> None:
    far = dataclasses.replace(BASE, beta_neg=1e9)  # exp of minus a billion: zero, and so is its slope
    first = jax.random.split(KEY)[0]
    vae = dataclasses.replace(BASE, scaled_warmup=True)
    a = jax.jit(jax.grad(lambda e: losses.encoder_loss(far, e, STATE.decoder, STATE.decoder, X, NOISE, KEY)[0]))(
        STATE.encoder
    )
    b = jax.jit(jax.grad(lambda e: losses.vae_loss(vae, e, STATE.decoder, X, first)))(STATE.encoder)
    _close(a, b)


def test_exp_elbo_lies_in_zero_to_one_with_the_slope_of_its_formula() -> None:
    error, kl = jnp.asarray([0.0, 0.3, 5.0]), jnp.asarray([0.0, 1.0, 40.0])
    values = losses.exp_elbo(BASE, error, kl)
    assert float(values[0]) == 1.0 and bool(jnp.all((values > 0) & (values <= 1)))
    slope = jax.jit(jax.grad(lambda k: losses.exp_elbo(BASE, 0.3, k)))(1.0)
    assert float(slope) == pytest.approx(-2.0 * 0.5 * 2.0 * float(values[1]), rel=1e-5)  # -alpha s beta_neg e


def test_the_exponential_is_taken_before_the_mean() -> None:
    # a batch's negative term is the mean over its samples, not a function of their mean
    error, kl = jnp.asarray([0.1, 4.0]), jnp.asarray([0.2, 3.0])
    both = jnp.mean(losses.exp_elbo(BASE, error, kl))
    assert float(both) > float(losses.exp_elbo(BASE, jnp.mean(error), jnp.mean(kl))) + 1e-3  # Jensen, strictly


@pytest.mark.slow
def test_the_critic_is_the_formula_of_its_terms_sample_by_sample() -> None:
    pair = si.to_pair(BASE, STATE)
    mean, log_var = split_posterior(BASE.model.encoder(STATE.encoder, X))
    error = squared_error(X, BASE.model.decoder(STATE.decoder, mean))
    kl = kl_standard(mean, log_var)
    np.testing.assert_allclose(pair.critic(X), -(error + 2 * kl) + np.log(2.0), rtol=1e-4)
    np.testing.assert_allclose(vary(pair.critic, terms="kl", shift=0.0)(X), -2 * kl, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(vary(pair.critic, terms="rec", shift=0.0)(X), -error, rtol=1e-4)
    alone = np.concatenate([pair.critic(np.asarray(X)[i : i + 1]) for i in range(6)])
    np.testing.assert_allclose(pair.critic(X), alone, rtol=1e-4)
    with pytest.raises(InputError, match="terms"):
        vary(pair.critic, terms="mean")


@pytest.mark.slow
def test_the_importance_bound_grows_with_draws_and_never_falls_below_the_drawn_bound() -> None:
    critic = vary(si.to_pair(BASE, STATE).critic, terms="importance", rec=0.5, kl=1.0, scale=1.0, shift=0.0)
    means = [float(jnp.mean(vary(critic, draws=m)(X))) for m in (1, 8, 512)]
    assert means[0] < means[2] and means[1] < means[2] + 0.1  # in expectation monotone; 0.1 for six samples


def test_images_need_a_range_and_a_wrong_toy_is_named() -> None:
    with pytest.raises(InputError, match="sample_range"):
        si.SoftIntro(MODEL)
    with pytest.raises(InputError, match="moons"):
        for_toy("moons")


@pytest.mark.slow
@pytest.mark.parametrize("name", TOYS)
def test_toy_sets_lie_in_their_window_and_are_centred(name: str) -> None:
    x = np.asarray(jax.jit(toy(name), static_argnums=1)(jax.random.key(0), 4000))
    assert x.shape == (4000, 2) and np.all(np.abs(x) < window(name) + 0.6)
    assert np.all(np.abs(x.mean(axis=0)) < 0.25)  # standard error of the mean is below 2.4 / 63 = 0.04


def test_health_names_the_remedy_of_either_imbalance() -> None:
    curves = {"kl_real": [10.0], "kl_fake": [10.5], "exp_elbo": [0.01]}
    assert health(1.0, 64.0, curves) == []
    assert "lower beta_neg" in health(1.0, 64.0, {**curves, "kl_fake": [5.0]})[0]
    assert "raise beta_neg" in health(1.0, 64.0, {**curves, "kl_fake": [90.0]})[0]


@pytest.mark.slow
def test_training_is_resumed_bit_for_bit_and_the_bootstrap_target_is_a_held_copy(tmp_path) -> None:
    s = dataclasses.replace(for_toy("rings", hidden=(8,)), warmup=2, batch=16, bootstrap=4, gamma=1.0)
    start, update = si.init(s, jax.random.key(0)), si.make_update(s)
    whole, _ = fit(update, start, 6, jax.random.key(1))
    part, history = fit(update, start, 3, jax.random.key(1))
    resumed, history = fit(update, part, 6, jax.random.key(1), start=3, history=history)
    jax.tree.map(np.testing.assert_array_equal, whole, resumed)
    # renewed at step 4, then held while the decoder moved at steps 4 and 5
    held, _ = fit(update, start, 4, jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, whole.target, held.decoder)
    assert _size(jax.tree.map(lambda a, b: a - b, whole.target, whole.decoder)) > 0


@pytest.mark.slow
def test_the_pair_survives_storage_and_is_refined_in_either_space(tmp_path) -> None:
    s = for_toy("8-gaussians", hidden=(8,))
    pair = si.to_pair(s, si.init(s, jax.random.key(0)))
    save_pair(tmp_path / "pair", pair)
    loaded = load_pair(tmp_path / "pair")
    x = pair.prior.sample(jax.random.key(1), 4)
    for name in ("generator", "critic", "encoder"):
        np.testing.assert_array_equal(getattr(pair, name)(x), getattr(loaded, name)(x))
    for space in ("latent", "pixel"):
        result = dcd.refine(loaded, dcd.Langevin(space, 2, 1e-3), jax.random.key(2), 4, batch=4)
        assert np.all(np.isfinite(result.after)) and not result.stopped.any()


@pytest.mark.slow  # the solver compiles a program of its own
def test_a_geodesic_between_encoded_points_has_them_as_its_ends() -> None:
    s = for_toy("8-gaussians", hidden=(8,))
    loaded = si.to_pair(s, si.init(s, jax.random.key(0)))
    settings = interp.GeodesicSettings(
        points=4, segments=4, mode="none", evaluations=5, restarts=0, multiresolution=False
    )
    assert loaded.encoder is not None
    ends = loaded.encoder(toy("8-gaussians")(jax.random.key(3), 2))
    path = interp.geodesic(loaded, ends[:1], ends[1:], settings=settings).path
    np.testing.assert_allclose(path[:, [0, -1]], jnp.stack([ends[:1], ends[1:]], axis=1), atol=1e-6)
