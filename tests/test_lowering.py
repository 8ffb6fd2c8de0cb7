"""The compiled steps lower for CUDA and TPU, with the forms that those take, and call nothing that only a CPU has.

Lowering needs no accelerator. It shows that a program exists, not that it is right or fast there.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled_steps import load_rooms, recorded, targets

import dcd
import dcd.langevin.chain
import interp
import pairs
from benchmarks.features.fixed_features import random_features
from pairs.sequential.spec import init_sequential

PLATFORMS = ("cuda", "tpu")
KNOWN = {"cusolver_getrf_ffi", "LuDecomposition", "cu_lu_pivots_to_permutation"}
"""Library calls of small linear systems, on CUDA and on TPU."""
KEY = jax.random.key(0)
CHAIN = ("dcd.langevin.driver.begin", "dcd.langevin.loop._call", "dcd.langevin.loop._loop")
REST = (
    "benchmarks.features.feature_net._apply",
    "dcd.critics.contrast_step._update_on",
    "dcd.critics.held_out._score_and_norm",
    "dcd.critics.recovery_step.step_recovery",
    "dcd.critics.training_data._draw_batch",
    "dcd.langevin.target.to_samples",
    "interp.curves.sine_curve.evaluate",
    "interp.metric.speed._equalise",
    "interp.solve.gauss_newton._step",
    "interp.solve.lbfgs._fused_step",
)


@pytest.fixture(scope="module", autouse=True)
def accelerator():
    """Forms of nets are chosen as on a GPU; the nets here are no other test's, so that no program is reused."""
    real, jax.default_backend = jax.default_backend, lambda: "gpu"
    yield
    jax.default_backend = real


@pytest.fixture(scope="module")
def pair():
    up = {"layer": "conv_transpose", "out": 1, "kernel": 4, "stride": 2, "padding": 1}
    layers = [{"layer": "dense", "out": 48}, {"layer": "unflatten", "shape": [3, 4, 4]}, up, {"layer": "tanh"}]
    down = {"layer": "conv", "out": 5, "kernel": 3, "stride": 2, "padding": 1}
    critic = [down, {"layer": "tanh"}, {"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = init_sequential(KEY, layers, (4,)), init_sequential(jax.random.key(1), critic, (8, 8, 1))
    return pairs.make_pair(*nets, pairs.Normal((4,)), sample_range=(-1.0, 1.0), critic_kind="logit")


def lowered(calls) -> set[str]:
    """Lower all calls, and see that what they call is known; the names of the functions."""
    for name, call in calls.items():
        assert targets(*call, PLATFORMS) <= KNOWN, name
    return set(calls)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_chains_lower_for_cuda_and_tpu(pair, dtype) -> None:
    cast = lambda net: dataclasses.replace(net, params=jax.tree.map(lambda v: v.astype(dtype), net.params))
    given = pair.replace(generator=cast(pair.generator), critic=cast(pair.critic))
    config = dcd.preset("ddls-mala").replace(steps=1)
    calls = {}
    with recorded(calls):
        dcd.refine(given, config, KEY, 2, batch=2)
        if dtype == jnp.float32:  # one call per step, as on CPU
            state = dcd.start(given, config, np.zeros((2, 4), np.float32), np.arange(2))
            dcd.advance(given, config, KEY, state, loop=False)
    assert lowered(calls) >= set(CHAIN if dtype == jnp.float32 else CHAIN[::2])


@pytest.mark.slow
def test_recovery_contrast_paths_and_features_lower_for_cuda_and_tpu(pair) -> None:
    load_rooms()
    real = np.clip(np.random.default_rng(0).normal(size=(600, 8, 8, 1)), -1, 1).astype(np.float32)
    few = dict(segments=4, points=4, modes=2, evaluations=2, restarts=0, multiresolution=False, mode="none")
    calls = {}
    with recorded(calls):
        dcd.recover(pair, real, KEY, dcd.Recover(steps=1, batch=8))
        dcd.contrast(pair, real, KEY, dcd.Contrast(rounds=1, batch=8), dcd.Langevin("latent", 2, 0.05))
        for solver in ("lbfgs", "gauss-newton"):
            ends = np.zeros((1, 4)) + 0.1, np.ones((1, 4))
            interp.geodesic(pair, *ends, settings=interp.GeodesicSettings(solver=solver, **few))
        random_features((8, 8, 1))(np.zeros((3, 8, 8, 1), np.uint8))
    assert lowered(calls) >= set(REST)
