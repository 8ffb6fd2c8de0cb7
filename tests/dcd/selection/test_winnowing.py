"""Selection among stored samples: shares come right, nothing twice, what the pool pair draws."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

import dcd
from pairs import InputError

SETTINGS = dcd.Recover(steps=400, batch=128, r1=0.01, learning_rate=1e-3, ema=0.98)


def two_modes(n: int, share: float, seed: int, stray: float = 0.0) -> np.ndarray:
    """Modes at -1 and 1 of deviation 0.1, ``share`` of them at 1; ``stray`` of all between them."""
    rng = np.random.default_rng(seed)
    x = 0.1 * rng.standard_normal((n, 2)) + np.where(rng.random(n) < share, 1.0, -1.0)[:, None] * [1, 0]
    x[: int(stray * n)] = 0.1 * rng.standard_normal((int(stray * n), 2))
    return x.astype(np.float32)


POOL = two_modes(6000, 0.8, 0, stray=0.1)


@functools.cache
def kept() -> dcd.Winnowed:
    return dcd.winnow(POOL, two_modes(6000, 0.5, 1), jax.random.key(2), 0.3, SETTINGS)


@pytest.mark.slow
def test_shares_of_the_modes_come_to_those_of_the_data_and_strays_go():
    x = POOL[kept().rows]
    right = np.mean(x[:, 0] > 0.5)
    # the pool has 0.72; a net of 400 updates on 4,500 points leaves a few hundredths
    assert abs(right - 0.5) < 0.05 < np.mean(POOL[:, 0] > 0.5) - 0.5
    assert np.mean(np.abs(x[:, 0]) < 0.5) < 0.01 < np.mean(np.abs(POOL[:, 0]) < 0.5)


@pytest.mark.slow
def test_each_of_the_pool_is_kept_once_at_most_and_their_share_is_the_budget():
    rows = kept().rows
    assert np.all(np.diff(rows) > 0) and rows[0] >= 0 and rows[-1] < len(POOL)
    # 1 / sup r is 0.18 / 0.5 = 0.36, so c is 1 and more than the budget of 0.3 is kept
    assert len(rows) / len(POOL) > 0.3 - 5 * (0.3 * 0.7 / len(POOL)) ** 0.5


@pytest.mark.slow
def test_the_pool_pair_draws_every_sample_alike():
    pair = dcd.pool_pair(np.arange(8, dtype=np.float32)[:, None])
    z = pair.prior.sample(jax.random.key(0), 8000)
    counts = np.bincount(np.asarray(pair.generate(z))[:, 0].astype(int), minlength=8)
    assert np.all(np.abs(counts - 1000) < 5 * 1000**0.5)


@pytest.mark.parametrize("given", [dict(samples=POOL[:10]), dict(budget=0.0), dict(samples=POOL[:, 0])], ids=str)
def test_what_cannot_be_winnowed_is_refused(given):
    arguments = {"samples": POOL, "data_x": POOL, "key": jax.random.key(0)} | given
    with pytest.raises(InputError, match="samples|budget"):
        dcd.winnow(**arguments)
