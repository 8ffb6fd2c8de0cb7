"""The speed benchmark: the PyTorch contestant computes the same gradients, and the report says what was measured."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import checkpoints
from benchmarks.speed import _floor, measure
from pairs import InputError, Normal, Pair, make_pair, wrap


@pytest.fixture(scope="module")
def pair() -> Pair:
    return checkpoints.resolve(None)


@pytest.mark.parametrize("space", ["latent", "pixel"])
def test_gradients_of_the_pytorch_job_are_ours(pair, space) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.peers.torch_loop import TorchJob

    z = pair.prior.sample(jax.random.key(0), 4)
    job = TorchJob(pair, threads=1)
    ours = np.asarray(_floor(pair, space)(z if space == "latent" else pair.generate(z))[1])
    u = np.asarray(z if space == "latent" else pair.generate(z)).copy()
    u = torch.from_numpy(u if space == "latent" else np.ascontiguousarray(u.transpose(0, 3, 1, 2)))
    theirs = job.gradient(u, space)[1].numpy()
    theirs = theirs if space == "latent" else theirs.transpose(0, 2, 3, 1)
    # float32 sums of thousands of terms in another order
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()
    assert np.abs(ours).max() > 0


@pytest.mark.slow
def test_one_round_returns_times_and_ratios(pair) -> None:
    found = measure(pair, "latent", batch=4, rounds=1)
    assert set(found) == {"space", "batch", "rounds", "parity_with_torch", "ms_per_step", "ratio"}
    assert set(found["ms_per_step"]) == {"chain", "floor"} and found["parity_with_torch"] is None
    assert all(v > 0 for v in found["ms_per_step"].values())
    chain, floor = found["ms_per_step"]["chain"], found["ms_per_step"]["floor"]
    assert found["ratio"]["chain / floor"] == pytest.approx(chain / floor)


def _identity(p, x):
    return p * x


def _sum(p, x):
    return p * x.sum((1, 2, 3))


def test_a_pair_that_the_pytorch_loop_does_not_know_is_refused() -> None:
    pytest.importorskip("torch")
    from benchmarks.peers.torch_loop import TorchJob

    one = np.float32(1.0)
    plain = make_pair(wrap(_identity, one), wrap(_sum, one), Normal((2, 2, 1)), sample_range=None, critic_kind="logit")
    with pytest.raises(InputError, match="without a stored architecture"):
        TorchJob(plain, 1)
