"""Terms of the autoencoders' losses against closed forms and quadrature in one dimension."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs.vae.losses import (
    gaussian_log_likelihood,
    hsic,
    kl_mixture_bounds,
    kl_normal,
    kl_standard,
    label_logits,
    label_losses,
    split_posterior,
    squared_error,
)

GRID = np.linspace(-12, 12, 4001)
RULE = 1e-5  # single precision sums of a few terms of order one; the trapezoid rule itself is exact far beyond that


def _density(x: np.ndarray, mean: float, scale: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))


def _integral(values: np.ndarray) -> float:
    return float(np.trapezoid(values, GRID))


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.3, -0.7), (-0.4, 1.1)])
def test_kl_to_a_gaussian_is_its_integral(mean: float, log_var: float) -> None:
    q = _density(GRID, mean, math.exp(log_var / 2))
    for to_mean, to_scale in ((0.0, 1.0), (0.5, 0.8)):
        p = _density(GRID, to_mean, to_scale)
        exact = _integral(q * (np.log(q + 1e-300) - np.log(p + 1e-300)))
        m, v = jnp.asarray([[mean]]), jnp.asarray([[log_var]])
        assert float(kl_normal(m, v, to_mean, to_scale)[0]) == pytest.approx(exact, abs=RULE)
        if (to_mean, to_scale) == (0.0, 1.0):
            assert float(kl_standard(m, v)[0]) == pytest.approx(exact, abs=RULE)


@pytest.mark.slow
def test_kl_to_a_mixture_lies_between_its_bounds_which_meet_for_one_component() -> None:
    means, scales, weights = jnp.asarray([[-1.5], [0.5], [2.0]]), jnp.asarray([[0.4], [1.0], [0.6]]), jnp.ones(3) / 3
    p = sum(_density(GRID, float(m[0]), float(s[0])) / 3 for m, s in zip(means, scales, strict=True))
    bounds = jax.jit(kl_mixture_bounds)
    for mean, log_var in ((0.3, -1.0), (-1.5, -2.0), (1.0, 0.5)):
        q = _density(GRID, mean, math.exp(log_var / 2))
        exact = _integral(q * (np.log(q + 1e-300) - np.log(p + 1e-300)))
        low, high = bounds(jnp.asarray([[mean]]), jnp.asarray([[log_var]]), means, scales, weights)
        assert float(low[0]) <= exact + RULE and exact <= float(high[0]) + RULE
    one = bounds(jnp.asarray([[0.3]]), jnp.asarray([[-1.0]]), means[:1], scales[:1], jnp.ones(1))
    exact = float(kl_normal(jnp.asarray([[0.3]]), jnp.asarray([[-1.0]]), means[0], scales[0])[0])
    assert float(one[1][0]) == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
def test_gaussian_likelihood_is_its_density_and_its_best_variance_the_mean_squared_residual() -> None:
    x, mean = jnp.asarray([[0.7]]), jnp.asarray([[-0.2]])
    value = float(gaussian_log_likelihood(x, mean, math.log(0.5))[0])
    assert value == pytest.approx(math.log(_density(np.asarray(0.7), -0.2, 0.5)), abs=RULE)
    residual = jax.random.normal(jax.random.key(0), (500, 1)) * 0.3
    best = 0.5 * jnp.log(jnp.mean(residual**2))
    slope = jax.jit(jax.grad(lambda s: jnp.mean(gaussian_log_likelihood(residual, jnp.zeros_like(residual), s))))(best)
    assert abs(float(slope)) < 1e-5  # stationary: d/ds = -1 + mean r^2 e^(-2s)


def test_squared_error_sums_over_coordinates_of_each_sample() -> None:
    x = jnp.arange(12.0).reshape(2, 3, 2, 1)
    np.testing.assert_allclose(squared_error(x, x - 2.0), [24.0, 24.0])


def test_log_variances_are_clipped_where_exp_would_overflow() -> None:
    _, log_var = split_posterior(jnp.asarray([[0.0, 500.0], [0.0, -500.0]]))
    assert bool(jnp.all(jnp.isfinite(kl_standard(jnp.zeros((2, 1)), log_var))))


@pytest.mark.slow
def test_class_logits_at_unit_precision_are_those_of_equal_gaussians() -> None:
    key = jax.random.key(1)
    code, means = jax.random.normal(key, (5, 3)), jax.random.normal(jax.random.fold_in(key, 1), (4, 3))
    raw = jnp.full((4, 3), math.log(math.e - 1))  # softplus of it is 1
    expected = -0.5 * jnp.sum((code[:, None] - means) ** 2, axis=-1)
    np.testing.assert_allclose(label_logits(code, means, raw), expected, atol=1e-5)
    margin = label_logits(code, means, raw, jnp.zeros(5, int), 0.3)
    np.testing.assert_allclose(margin[:, 0], 1.3 * expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(margin[:, 1:], expected[:, 1:], atol=1e-5)


@pytest.mark.slow
def test_label_losses_are_cross_entropy_and_minus_the_log_density_up_to_its_constant() -> None:
    code, means, raw = jnp.asarray([[0.4]]), jnp.asarray([[1.0], [-0.5]]), jnp.asarray([[0.2], [1.0]])
    classify, likelihood = label_losses(code, means, raw, jnp.asarray([1]))
    scale = 1 / np.sqrt(np.log1p(np.exp(np.asarray(raw[:, 0]))))
    p = [_density(np.asarray(0.4), float(m), float(s)) for m, s in zip(means[:, 0], scale, strict=True)]
    assert float(classify[0]) == pytest.approx(-math.log(p[1] / (p[0] + p[1])), abs=RULE)
    assert float(likelihood[0]) == pytest.approx(-math.log(p[1]) - 0.5 * math.log(2 * math.pi), abs=RULE)


def test_class_logits_do_not_underflow_in_many_dimensions() -> None:
    # the product of 512 precisions of e^-5 is e^-2560, far below the smallest single
    code, means = jnp.zeros((1, 512)), jnp.zeros((2, 512))
    assert bool(jnp.all(jnp.isfinite(label_logits(code, means, jnp.full((2, 512), -5.0)))))


@pytest.mark.slow
def test_dependence_is_zero_for_constant_codes_and_largest_where_the_label_decides() -> None:
    labels = jnp.arange(60) % 3
    free = jax.random.normal(jax.random.key(2), (60, 2))
    bound = free + 6.0 * jax.nn.one_hot(labels, 3)[:, :2]
    values = [float(hsic(z, labels)) for z in (jnp.ones((60, 2)), free, bound)]
    assert abs(values[0]) < 1e-6
    assert values[1] < 0.2 * values[2]  # independent: order 1/n = 1/60 of the kernel's variance


@pytest.mark.slow
def test_the_pull_of_dependence_falls_with_the_size_of_small_codes() -> None:
    """Quadratic at the origin, by the least width: a tenth of the codes, a tenth of the gradient. A width that shrinks
    with them would make it ten times as large, and hold collapsed codes down."""
    labels = jnp.arange(60) % 3
    codes = jax.random.normal(jax.random.key(2), (60, 2)) + jax.nn.one_hot(labels, 3)[:, :2]
    size = [float(jnp.linalg.norm(jax.jit(jax.grad(hsic))(s * codes, labels))) for s in (0.02, 0.002)]
    # the next term is of relative order 0.02^2
    assert size[0] / size[1] == pytest.approx(10.0, rel=0.01)
