"""What the additive and the potential mode charge along a path around a bad disk, in float64."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from small_pairs import cost, minus_bump, same

import interp
import pairs


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def _additive(n: int, strength: float, modes: int = 12) -> float:
    """Flat plane with a bad disk: cost 1 outside, 10 at the centre; ends (-2, 0), (2, 0); largest detour."""
    pair = pairs.make_pair(
        pairs.wrap(same),
        pairs.wrap(minus_bump),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(
        points=n + 1,
        segments=n,
        modes=min(modes, n - 1),
        mode="additive",
        strength=strength,
        evaluations=150,
        multiresolution=False,
        restarts=2,
        resample="none",
        tolerance=1e-10,
    )
    r = interp.geodesic(pair, [[-2.0, 0.0]], [[2.0, 0.0]], settings=settings, weight=pairs.wrap(cost))
    return float(np.abs(r.path[0, :, 1]).max())


@pytest.mark.slow
def test_additive_mode_converges_in_the_number_of_points_and_the_code_s_weight_does_not():
    coarse, fine = (_additive(n, 2.0) for n in (16, 32))
    assert coarse == pytest.approx(fine, rel=0.03)
    # a weight per step, as in the released code, is strength proportional to N
    assert _additive(32, 4.0) > 1.1 * coarse


@pytest.mark.slow
def test_potential_mode_conserves_v2_minus_lambda_c2():
    """Jacobi's principle: kinetic minus potential is constant along an optimum."""
    pair = pairs.make_pair(
        pairs.wrap(same),
        pairs.wrap(minus_bump),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(
        points=97,
        segments=96,
        modes=32,
        mode="potential",
        strength=1.0,
        evaluations=300,
        multiresolution=False,
        restarts=2,
        resample="none",
        tolerance=1e-12,
    )
    r = interp.geodesic(pair, [[-2.0, 0.0]], [[2.0, 0.0]], settings=settings, weight=pairs.wrap(cost))
    z = np.asarray(r.path[0])
    v2 = np.sum(np.diff(z, axis=0) ** 2, axis=1) * 96**2
    c = 1 + 9 * np.exp(-np.sum(z**2, axis=1) / 0.5)
    conserved = v2 - c[1:] * c[:-1]
    assert np.ptp(conserved[2:-2]) / v2.max() < 0.01
    assert math.isfinite(float(r.energy[0]))
