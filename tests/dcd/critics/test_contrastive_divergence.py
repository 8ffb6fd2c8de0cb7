"""Contrastive divergence: its gradient, its fixed points and its chain.

The family of closed forms: D_a(x) = -a x^2 / 2, data N(0, 1), chain starts N(0, g^2), K plain Langevin
steps of size eta. Then negatives are N(0, v_K) with v_{k+1} = (1 - eta a)^2 v_k + 2 eta.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics import contrast_step
from dcd.critics.negative_samples import negatives, starts
from dcd.critics.objective import CriticTerms, CriticWeights, critic_loss
from dcd.langevin.target import make_target
from pairs import InputError, Normal, Pair, make_pair, wrap

ETA = 0.01


def _stretch(p, z):
    return p["scale"] * z


def _quadratic(a, x):
    return -0.5 * a * jnp.sum(x**2, axis=1)


def quadratic_pair(a: float, g: float) -> Pair:
    generator = wrap(_stretch, {"scale": jnp.asarray(g)})
    return make_pair(generator, wrap(_quadratic, jnp.asarray(a)), Normal((1,)), sample_range=None, critic_kind="energy")


def variance_after(a: float, g2: float, steps: int, eta: float = ETA) -> float:
    v = g2
    for _ in range(steps):
        v = (1 - eta * a) ** 2 * v + 2 * eta
    return v


def chain(steps: int, **more) -> dcd.Langevin:
    return dcd.Langevin("pixel", steps, ETA, **more)


def data(n: int = 4000, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, 1)).astype(np.float32)
    return (x - x.mean()) / x.std()  # variance 1 exactly: the tests are about the chain


def run_chain(pair: Pair, config: dcd.Langevin, n: int, seed: int = 0, stop=None, loop: bool = False):
    z = pair.prior.sample(jax.random.key(seed), n)
    position = pair.generator(z) if config.space == "pixel" else z
    stop = config.steps if stop is None else stop
    return negatives(make_target(pair, config), config, jax.random.key(seed + 1), position, stop, loop=loop)


@pytest.mark.parametrize(("final", "of_the_first"), [(0.0, (1.0, 0.75, 0.5, 0.25)), (0.6, (1.0, 0.9, 0.8, 0.7))])
def test_the_learning_rate_falls_linearly_to_its_final_part_over_all_updates(final, of_the_first, monkeypatch):
    rates = []

    def update(state, key, real, labels, negative, negative_labels, frame, weights, terms):
        rates.append(float(weights.learning_rate))
        return state, {}

    monkeypatch.setattr(contrast_step, "_update_on", update)
    config = dcd.Contrast(rounds=2, critic_updates=2, batch=8, learning_rate=0.5, final_rate=final)
    dcd.contrast(quadratic_pair(0.5, 1.0), data(40), jax.random.key(0), config, chain(1))
    np.testing.assert_allclose(rates, 0.5 * np.array(of_the_first), rtol=1e-6)


# --- the gradient -----------------------------------------------------------------------------------


@jax.jit
@jax.grad
def gradient(a, real, negative):
    """Derivative of our objective with respect to the one parameter."""
    critic = lambda x: _quadratic(a, x)
    return critic_loss(critic, critic, real, negative, jax.random.key(0), CriticTerms("wgan"), CriticWeights())[0]


@jax.jit
@jax.grad
def gradient_through_the_chain(a, x, noise, real):
    """The mistake: the same objective with the chain differentiated too."""
    for xi in noise:
        x = (1 - ETA * a) * x + np.sqrt(2 * ETA) * xi
    return jnp.mean(_quadratic(a, x)) - jnp.mean(_quadratic(a, real))


@pytest.mark.slow
@pytest.mark.parametrize("a", [2.0, 20.0])
def test_the_gradient_is_minus_half_the_excess_variance_of_the_negatives(a: float) -> None:
    steps, n = 10, 40_000
    made = run_chain(quadratic_pair(a, 2.0), chain(steps), n)
    wanted = -0.5 * (variance_after(a, 4.0, steps) - 1.0)
    found = gradient(a, data(), np.asarray(made.samples))
    # the sample variance of n normals has standard error v sqrt(2/n), 0.7 % here; half of it enters
    tolerance = 4 * 0.5 * variance_after(a, 4.0, steps) * np.sqrt(2 / n)
    assert abs(found - wanted) < tolerance
    # so a rises exactly where the negatives are too wide
    assert (found < 0) == (variance_after(a, 4.0, steps) > 1.0)
    # and a gradient that ran through the chain would be another number
    rng = np.random.default_rng(1)
    x, noise = 2.0 * rng.standard_normal((n, 1)), rng.standard_normal((steps, n, 1))
    assert abs(gradient_through_the_chain(a, x, noise, data()) - wanted) > 10 * tolerance


def test_hinge_has_no_gradient_where_both_sides_are_beyond_the_margin() -> None:
    # D = a x^2 / 2 on the real side and minus that on the other, at x = 1
    x = np.ones((8, 1), np.float32)

    def objective(a, negative_sign):
        on_real, on_negative = (lambda x: -_quadratic(a, x)), (lambda x: negative_sign * _quadratic(a, x))
        return critic_loss(on_real, on_negative, x, x, jax.random.key(0), CriticTerms("hinge"), CriticWeights())[0]

    slope = jax.jit(jax.grad(objective))
    assert float(slope(4.0, 1.0)) == 0.0  # D(real) = 2 > 1, D(negative) = -2 < -1
    assert float(slope(4.0, -1.0)) != 0.0  # D(negative) = 2: inside the margin
    assert float(slope(1.0, 1.0)) != 0.0  # D(real) = 1/2: inside the margin


def test_energy_term_holds_the_offset_of_a_difference_of_scores() -> None:
    terms, weights = CriticTerms("wgan", energy=True), CriticWeights(energy=0.5)
    x = np.ones((4, 1), np.float32)

    def objective(b):
        critic = lambda x: x[:, 0] + b
        return critic_loss(critic, critic, x, -x, jax.random.key(0), terms, weights)[0]

    # alpha [(b - 1)^2 + (b + 1)^2] - 2 has derivative 4 alpha b
    assert float(jax.jit(jax.grad(objective))(0.3)) == pytest.approx(4 * 0.5 * 0.3, abs=1e-6)


# --- the fixed points -------------------------------------------------------------------------------

FIXED_POINTS = {
    0.25: {1: -98.0, 5: -12.7, 10: -5.09, 20: -1.53, 60: 0.569, 200: 0.991, 1000: 1.005},
    4.0: {1: 50.5, 5: 13.5, 10: 7.25, 20: 3.96, 60: 1.73, 200: 1.05, 1000: 1.005},
}


@pytest.mark.parametrize("g2", FIXED_POINTS)
def test_expected_updates_end_at_the_known_fixed_points(g2: float) -> None:
    for steps, wanted in FIXED_POINTS[g2].items():
        a = 0.0
        for _ in range(3000):
            v = variance_after(a, g2, steps)
            # Newton's step on v_K(a) = 1 by a finite difference, held back: the root of the expected gradient
            slope = (variance_after(a + 1e-4, g2, steps) - v) / 1e-4
            move = -(v - 1.0) / slope
            a += float(np.clip(move, -1.0, 1.0))
            if abs(move) < 1e-10:
                break
        # the table is rounded to three digits
        assert a == pytest.approx(wanted, rel=6e-3), steps


@pytest.mark.slow
@pytest.mark.parametrize(("g2", "steps", "first"), [(4.0, 20, 2.0), (0.25, 20, 0.5)])
def test_fine_tuning_one_parameter_ends_at_the_fixed_point_of_its_chain(g2: float, steps: int, first: float) -> None:
    config = dcd.Contrast(rounds=120, critic_updates=1, batch=256, learning_rate=0.15, ema=0.95)
    pair = quadratic_pair(first, np.sqrt(g2))
    new, report = dcd.contrast(pair, data(), jax.random.key(0), config, chain(steps))
    found = float(new.critic.params)
    # neither where it started nor the density's value 1; the average of noisy updates has a deviation near 0.1
    assert found == pytest.approx(FIXED_POINTS[g2][steps], abs=0.35)
    assert report.updates == 120 and report.stopped == 0
    # at the fixed point the chain turns N(0, g^2) into the data's law
    end = np.asarray(run_chain(new, chain(steps), 40_000).samples)
    assert abs(end.var() - 1.0) < 0.08


# --- the chain --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_negatives_are_the_states_of_the_chain_that_samples() -> None:
    pair, config = quadratic_pair(1.5, 2.0), chain(7, clip=0.8)
    result = dcd.refine(pair, config, jax.random.key(3), 16)
    key = jax.random.fold_in(jax.random.key(3), 1)
    made = negatives(make_target(pair, config), config, key, jnp.asarray(result.before), 7)
    np.testing.assert_allclose(made.samples, result.after, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loop", [False, True])
def test_each_negative_is_taken_at_its_own_stop(loop: bool) -> None:
    pair, config = quadratic_pair(1.0, 2.0), chain(4)
    stop = jnp.arange(256) % 5
    made = run_chain(pair, config, 256, stop=stop, loop=loop)
    for k in range(5):
        whole = run_chain(pair, config, 256, stop=k)
        rows = np.asarray(stop) == k
        np.testing.assert_allclose(np.asarray(made.samples)[rows], np.asarray(whole.samples)[rows], rtol=1e-6)
    # a persistent chain goes on from the end, wherever its negative was taken
    np.testing.assert_allclose(made.ends, run_chain(pair, config, 256).ends, rtol=1e-6)


@pytest.mark.slow
def test_no_gradient_flows_through_negatives_to_critic_or_generator() -> None:
    pair, config = quadratic_pair(1.0, 2.0), dcd.Langevin("latent", 3, ETA, prior_weight=1.0)

    def total(target):
        position = jnp.ones((4, 1))
        return jnp.sum(negatives(target, config, jax.random.key(0), position, 3).samples)

    slopes = jax.jit(jax.grad(total))(make_target(pair, config))
    assert all(not np.any(np.asarray(g)) for g in jax.tree.leaves(slopes))


@pytest.mark.slow
def test_persistent_chains_wander_on_and_fresh_ones_do_not() -> None:
    pair = quadratic_pair(1.0, 2.0)
    target, key = make_target(pair, chain(1)), jax.random.key(0)
    buffer = jnp.asarray(100.0 + np.arange(10.0, dtype=np.float32)[:, None])
    fresh, _, rows = starts(target, buffer, None, key, 0.0, "pixel", "fresh", 6, None)
    assert rows is None and np.all(np.abs(np.asarray(fresh)) < 50)
    old, _, rows = starts(target, buffer, None, key, 0.0, "pixel", "persistent", 6, None)
    assert rows is not None and len(set(np.asarray(rows).tolist())) == 6
    assert np.array_equal(np.asarray(old), np.asarray(buffer)[np.asarray(rows)])
    mixed, _, rows = starts(target, buffer, None, key, 0.0, "pixel", "mixed", 6, None)
    assert np.sum(np.asarray(mixed) > 50) == 3 and rows is not None and len(rows) == 3
    # with a restart chance of one, persistent chains are fresh again
    again, _, _ = starts(target, buffer, None, key, 1.0, "pixel", "persistent", 6, None)
    assert np.all(np.abs(np.asarray(again)) < 50)


@pytest.mark.slow
def test_persistent_fine_tuning_finds_the_density_where_a_short_fresh_chain_cannot() -> None:
    # chains that go on are long chains: the fixed point is that of K = infinity, 1.005, not 3.96
    config = dcd.Contrast(
        rounds=120,
        critic_updates=1,
        batch=256,
        learning_rate=0.1,
        ema=0.95,
        starts="persistent",
        buffer=256,
        restart=0.0,
    )
    new, _ = dcd.contrast(quadratic_pair(2.0, 2.0), data(), jax.random.key(0), config, chain(20))
    assert float(new.critic.params) == pytest.approx(1.005, abs=0.25)


def test_a_chain_without_steps_is_refused() -> None:
    with pytest.raises(InputError, match="at least one step"):
        dcd.contrast(quadratic_pair(1.0, 1.0), data(), jax.random.key(0), dcd.Contrast(), chain(0))
