"""The kernel against other people's: optax's noisy gradient descent and blackjax's MALA, proposal for proposal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracles import drive, pair_of, quartic

from dcd import Langevin

N, DIM, STEPS = 64, 3, 12
START = np.random.default_rng(11).standard_normal((N, DIM), dtype=np.float32)


def log_density(x):
    return quartic(None, x[None])[0]


@pytest.mark.slow
def test_transition_is_optax_noisy_sgd_with_variance_2t_over_eta():
    """``params -= lr (grad_loss + std noise)``: lr = eta, std = sqrt(2 T / eta), our noise is minus theirs."""
    eta, temperature, key = 0.02, 0.2, jax.random.key(2)
    descent = optax.noisy_sgd(eta, eta=2 * temperature / eta, gamma=0.0, key=key)
    loss = lambda x: -jnp.sum(jax.vmap(log_density)(x))

    @jax.jit
    def theirs(x):
        def one(carry, _):
            x, inner = carry
            updates, inner = descent.update(jax.jit(jax.grad(loss))(x), inner, x)
            x = optax.apply_updates(x, updates)
            return (x, inner), x

        return jax.lax.scan(one, (x, descent.init(x)), None, STEPS)[1]

    @jax.jit
    def their_noise(key):
        def one(key, _):
            key, sample = jax.random.split(key)
            return key, optax.tree.random_like(sample, jnp.zeros((N, DIM)), sampler=jax.random.normal)

        return jax.lax.scan(one, key, None, STEPS)[1]

    random = (-their_noise(key), jnp.zeros((STEPS, N)))
    config = Langevin("pixel", STEPS, eta, temperature=temperature)
    state, info = drive(pair_of(quartic, None, DIM), config, START, 0, random=random)
    path = theirs(START)
    # float32 sums in another order: a few units in the last place per step, no growth near a mode
    np.testing.assert_allclose(state.position, path[-1], rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(info.norm, jnp.linalg.norm(path, axis=2), rtol=2e-5)


def blackjax_mala(x, keys, eta):
    """Their path and the random numbers behind it: per chain, noise and decision keys are a split."""
    mala = pytest.importorskip("blackjax.mcmc.mala")
    kernel = mala.build_kernel()

    def step(state, keys):
        state, info = jax.vmap(lambda k, s: kernel(k, s, log_density, eta))(keys, state)
        return state, (state.position, info.acceptance_rate, info.is_accepted)

    def random(key):
        noise, decide = jax.random.split(key)
        return jax.random.normal(noise, (DIM,)), jax.random.uniform(decide)

    start = jax.vmap(lambda v: mala.init(v, log_density))(x)
    return jax.lax.scan(step, start, keys)[1], jax.vmap(jax.vmap(random))(keys)


blackjax_mala_jit = jax.jit(blackjax_mala)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0.05, 0.4])
def test_mala_is_blackjax_mala_in_proposal_acceptance_and_decision(eta):
    (position, rate, accepted), random = blackjax_mala_jit(START, jax.random.split(jax.random.key(3), (STEPS, N)), eta)
    config = Langevin("pixel", STEPS, eta, metropolis=True)
    state, info = drive(pair_of(quartic, None, DIM), config, START, 0, random=random)
    assert 0.2 < float(accepted.mean()) < 0.9999  # both decisions occur
    np.testing.assert_array_equal(info.displacement > 0, accepted)
    # acceptance is the exponential of differences of terms up to 100 in float32
    np.testing.assert_allclose(info.acceptance, rate, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(info.norm, jnp.linalg.norm(position, axis=2), rtol=2e-5)
    np.testing.assert_allclose(state.position, position[-1], rtol=2e-5, atol=2e-5)
