"""One device or four: the same noise, the same chains, and the same search and verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from oracles import pair_of, quartic
from test_chain import KEY, PAIR, ULA

from benchmarks.metrics import frechet_distance, moments
from benchmarks.metrics.paired import paired_measures
from dcd import Choice, Judge, Langevin, Tune, refine, tune

CHILD = """
import sys
sys.path[:0] = [{tests!r}, {root!r}, {root!r} + "/tests/helpers"]
import jax, numpy
from dcd.langevin.devices import placement
from test_chain_devices import save
place, batch = placement(10)
assert jax.device_count() == 4 and batch == 12
assert len(place(numpy.zeros((12, 3))).sharding.device_set) == 4
save({out!r})
"""
N, BATCH = 22, 10  # neither divides by four: the batch is rounded up and its end padded


def runs():
    exact = refine(pair_of(quartic, None, 3), Langevin("pixel", 5, 0.05), KEY, N, batch=BATCH)
    layers = refine(PAIR, ULA, KEY, N, batch=BATCH)
    return {"exact": exact, "layers": layers}


def save(path):
    arrays = {}
    for name, result in runs().items():
        arrays |= {f"{name}.{k}": getattr(result, k) for k in ("before", "after", "latents", "start_score", "stopped")}
        arrays[f"{name}.score"] = result.trace.score
    np.savez(path, **arrays, **searched())


def searched():
    """Trials and findings of a small search, whose batches are split over the devices too."""
    told = lambda x: (moments(x).mean, moments(x).covariance)
    distance = lambda x, real: float(frechet_distance(*told(x), *told(real)))
    judge = Judge(lambda x: np.asarray(x, np.float64).reshape(len(x), -1), distance, paired_measures)
    pair = pair_of(quartic, None, 3)
    real = 0.5 * np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)
    choices = [Choice("raw", Langevin("pixel", 4, eta)) for eta in (0.02, 0.1)]
    found = tune({"raw": pair}, real[:500], real[500:], judge, KEY, Tune(n_first=22, rounds=1, confirm_n=500), choices)
    curves = [list(t["after"].values()) for t in found.trials]
    changes = [[c.before, c.after] for c in found.confirmed.values()]
    return {"exact.trials": curves, "exact.changes": changes, "exact.step size": found.choice.chain.step_size}


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() != 1, reason="compares with one device")
def test_four_devices_give_the_samples_of_one(tmp_path):
    tests = Path(__file__).resolve().parent
    out = tmp_path / "four.npz"
    code = CHILD.format(tests=str(tests), root=str(tests.parents[2]), out=str(out))
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=300)
    save(tmp_path / "one.npz")
    with np.load(out) as four, np.load(tmp_path / "one.npz") as one:
        assert sorted(four) == sorted(one)
        assert one["exact.trials"].shape == (2, 4) and one["exact.changes"].shape[1:] == (2,)
        for name in one:
            if name.startswith("exact") or name.endswith("latents"):
                # elementwise nets: no sum whose order could depend on the share of the batch
                np.testing.assert_array_equal(four[name], one[name], err_msg=name)
            else:
                np.testing.assert_allclose(four[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)
