"""The skeletons of the page on extending run, and do what the page says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from dcd.langevin.settings import Langevin
from pairs.sequential.layers import LAYERS, Layer, Params, Shape, positive
from pairs.sequential.spec import init_sequential

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "extending.md"


def _skeleton(begins: str) -> dict[str, object]:
    """The names of the page's block of code that begins so."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    given = {"dataclasses": dataclasses, "jnp": jnp, "NamedTuple": NamedTuple, "Array": jax.Array, "Langevin": Langevin}
    given |= {"Layer": Layer, "Params": Params, "Shape": Shape, "positive": positive, "__name__": __name__}
    exec(next(block for block in blocks if block.startswith(begins)), given)
    return given


def test_the_preset_is_a_setting_of_the_kernel() -> None:
    preset = _skeleton("def my_method")["my_method"]()
    assert (preset.space, preset.prior_weight, preset.preset) == ("latent", 1.0, "my-method")


def test_the_layer_computes_its_formula_and_refuses_what_has_no_meaning() -> None:
    _skeleton("@dataclasses.dataclass(frozen=True)\nclass ScaledSoftsign")
    try:
        net = init_sequential(jax.random.key(0), [{"layer": "scaled_softsign", "b": 2.0}], (3,))
        x = np.asarray([[-1.0, 0.0, 4.0]], np.float32)
        np.testing.assert_allclose(net(x), x / (1 + 2 * np.abs(x)), rtol=1e-6)
        with pytest.raises(pairs.InputError, match="b"):
            init_sequential(jax.random.key(0), [{"layer": "scaled_softsign", "b": -2.0}], (3,))
    finally:
        LAYERS.pop("scaled_softsign", None)


def test_a_layer_that_the_project_has_is_not_replaced() -> None:
    with pytest.raises(TypeError, match="softsign"):

        class Softsign(Layer, kind="softsign"):
            __module__, __qualname__ = LAYERS["softsign"].__module__, LAYERS["softsign"].__qualname__


@pytest.mark.slow
def test_the_solver_finds_the_way_over_a_cone() -> None:
    cone = lambda p, z: jnp.stack([z[:, 1] * jnp.cos(z[:, 0]), z[:, 1] * jnp.sin(z[:, 0]), z[:, 1]], 1)
    critic = pairs.wrap(lambda p, x: 0 * x[:, 0])
    pair = pairs.make_pair(pairs.wrap(cone), critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
    solver = _skeleton("class DescentState")["Descent"](evaluations=30, rate=0.1)
    fixed = interp.GeodesicSettings(multiresolution=False, restarts=0, resample="none", keep="free", mode="none")
    settings = dataclasses.replace(fixed, points=17, segments=16, modes=6, solver=solver)
    found = interp.geodesic(pair, [[0.0, 1.0]], [[2.0, 1.0]], settings=settings)
    # the cone unrolled is flat: the distance is that of a chord, 1.8375; 16 segments err by 0.2 %
    assert float(found.length[0]) == pytest.approx(1.837451, rel=5e-3)
    assert min(float(length[0]) for length in found.baseline_length.values()) > 1.9
