"""Released settings: the additive energy is the released objective, in its own units."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_pairs import small_pair

from interp.metric.critic_weight import ReciprocalCost
from interp.metric.energy import Metric, observe, path_energy
from interp.presets import PRESETS, settings_of
from pairs import InputError


def test_the_energy_is_the_released_sum_times_a_constant():
    pair, name = small_pair(), "released-celeba-hq"
    settings, released = settings_of(name, pair), PRESETS[name]
    n, size = released.points - 1, 6
    z = jax.random.normal(jax.random.key(0), (1, n + 1, 3))
    cost = ReciprocalCost(jnp.asarray(-30.0), jnp.asarray(0.0))
    metric = Metric(pair, weight=cost, strength=settings.strength, mode="additive")
    x = np.asarray(pair.generate(z[0]), np.float64)
    c = np.asarray(cost(pair.score(x)), np.float64)
    step = np.mean(np.diff(x, axis=0) ** 2, axis=1)
    wanted = np.sum((released.strength * np.sqrt(c[1:] * c[:-1]) + np.sqrt(step)) ** 2)
    energy = jax.jit(lambda z: path_energy(metric, observe(metric, z)))
    assert float(energy(z)[0]) == pytest.approx(n * size * wanted, rel=1e-4)


def test_every_preset_is_a_valid_setting_and_others_are_refused():
    pair = small_pair()
    for name, released in PRESETS.items():
        assert settings_of(name, pair).mode_count == released.modes
    with pytest.raises(InputError, match="preset"):
        settings_of("paper", pair)
