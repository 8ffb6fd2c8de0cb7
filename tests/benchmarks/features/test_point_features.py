"""Random Fourier features measure points."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.features.point_features import point_features
from benchmarks.metrics import frechet_distance, moments
from pairs import InputError

RNG = np.random.default_rng(0)
REAL = RNG.standard_normal((20_000, 2))


def test_the_mean_of_the_features_is_the_characteristic_function_of_the_law() -> None:
    # E cos(w x + b) = exp(-|w|^2 / 2) cos b for N(0, 1); 20,000 samples err by 1 / sqrt(2 * 20,000) = 0.005 a feature
    net = point_features(REAL)
    p = net.params
    scale = p["spread"][:, None] * p["frequencies"] / p["spread"][:, None]
    expected = np.exp(-(scale**2).sum(0) / 2) * np.cos(p["phases"])
    assert np.abs(net(REAL).mean(0) / np.sqrt(2 / net.dim) - expected).max() < 5 * 0.005


def test_laws_of_equal_mean_and_covariance_are_told_apart() -> None:
    angle = RNG.uniform(0, 2 * np.pi, 4000)
    ring = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)  # mean 0, covariance 1, as REAL
    net = point_features(REAL)
    reference = net.reference("given")

    def distance(x: np.ndarray) -> float:
        own = moments(net(x))
        return frechet_distance(own.mean, own.covariance, reference.mu, reference.sigma)

    # a Frechet distance of the coordinates is the same for both
    assert distance(ring) > 20 * distance(RNG.standard_normal((4000, 2)))


def test_samples_of_another_shape_and_data_without_spread_are_refused() -> None:
    net = point_features(REAL[:100].reshape(100, 2, 1))
    assert net(np.zeros((3, 2, 1))).shape == (3, 64)
    with pytest.raises(InputError, match=r"samples: have shape \(3, 2\)"):
        net(np.zeros((3, 2)))
    with pytest.raises(InputError, match="are all equal"):
        point_features(np.ones((50, 2)))
    nearly = np.ones((1000, 2))
    nearly[0] = 2
    with pytest.raises(InputError, match="equal in more than half"):
        point_features(nearly)
