"""Statistics files of pytorch-fid and clean-fid: what is read, what is written, what is refused."""

from __future__ import annotations

import dataclasses
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import load_features
from benchmarks.evaluation import evaluate_one
from benchmarks.features import Reference
from benchmarks.features.statistics_file import check_net, holds_statistics, read_statistics, write_statistics
from pairs import InputError

ROWS = np.random.default_rng(0).standard_normal((40, 3))


@pytest.fixture(scope="module")
def net():
    return load_features("mnist-classifier-a")


def saved(folder, **arrays):
    np.savez(folder / "s.npz", **arrays)
    return folder / "s.npz"


def test_mean_and_covariance_are_read_as_pytorch_fid_writes_them(tmp_path):
    mu, sigma = ROWS.mean(0), np.cov(ROWS, rowvar=False)
    found = read_statistics(saved(tmp_path, mu=mu, sigma=sigma))
    assert (found.net, found.sha256, found.reference.n) == (None, None, None)
    assert found.reference.rows.shape == (0, 3) and found.reference.split == "s"
    assert np.array_equal(found.reference.mu, mu) and np.array_equal(found.reference.sigma, sigma)


def test_features_alone_are_read_as_clean_fid_keeps_them_for_its_kid(tmp_path):
    found = read_statistics(saved(tmp_path, feats=ROWS.astype(np.float32))).reference
    assert found.n == 40 and np.array_equal(found.rows, ROWS.astype(np.float32))
    # the moments of float32 rows, taken in float64
    np.testing.assert_allclose(found.sigma, np.cov(ROWS, rowvar=False), rtol=1e-5, atol=1e-6)


def test_what_is_written_is_read_back_to_the_bit_and_holds_the_arrays_that_peers_ask_for(tmp_path, net):
    own = net.reference("test")
    write_statistics(tmp_path / "w.npz", net, own)
    found = read_statistics(tmp_path / "w.npz")
    assert (found.net, found.sha256) == (net.name, net.sha256) and check_net(found, net) == []
    assert (found.reference.split, found.reference.n) == (own.split, own.n)
    for name in ("mu", "sigma", "rows"):
        assert np.array_equal(getattr(found.reference, name), getattr(own, name)), name
    with np.load(tmp_path / "w.npz", allow_pickle=False) as peer:
        assert np.array_equal(peer["mu"][:], own.mu) and np.array_equal(peer["sigma"][:], own.sigma)
        assert np.array_equal(peer["feats"], own.rows)


def test_a_file_of_images_is_no_file_of_statistics(tmp_path):
    assert not holds_statistics(saved(tmp_path, x=np.zeros((2, 4, 4), np.uint8), mu=np.zeros(2)))
    assert not holds_statistics(tmp_path) and not holds_statistics(tmp_path / "none.npz")
    assert holds_statistics(saved(tmp_path, mu=np.zeros(2)))


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"mu": np.zeros(2)}, "lacks sigma"),
        ({"sigma": np.eye(2), "feats": np.zeros((3, 2))}, "lacks mu"),
        ({"other": np.zeros(2)}, "holds other"),
        ({"mu": np.zeros(3), "sigma": np.eye(2)}, "one number of features"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "feats": np.zeros((4, 3))}, "one number of features"),
        ({"mu": np.zeros((1, 2)), "sigma": np.eye(2)}, "mu of shape"),
        ({"mu": np.zeros(2), "sigma": np.zeros((2, 3))}, "sigma of shape"),
        ({"mu": np.zeros(5000), "sigma": np.eye(2)}, "mu of 5,000 features"),
        ({"mu": np.zeros(2, int), "sigma": np.eye(2)}, "mu as int64"),
        ({"mu": np.array([0, np.nan]), "sigma": np.eye(2)}, "NaN or infinity in mu"),
        ({"mu": np.zeros(2), "sigma": np.diag([1, np.inf])}, "NaN or infinity in sigma"),
        ({"feats": np.full((3, 2), np.nan)}, "NaN or infinity in feats"),
        ({"mu": np.zeros(2), "sigma": np.array([[1, 0.001], [0, 1]])}, "not symmetric"),
        ({"mu": np.zeros(2), "sigma": np.array([[1, 2.0], [2, 1]])}, "eigenvalue -1"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2) * 1e-9}, "eigenvalue -1e-09"),
        ({"feats": np.zeros((1, 2))}, "1 rows"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": np.float64(3)}, "no number of images"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": 2, "feats": np.zeros((3, 2))}, "3 rows of 2 images"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "net": np.zeros(3)}, "net as float64"),
    ],
)
def test_what_no_statistics_can_be_is_refused(tmp_path, arrays, words):
    with pytest.raises(InputError, match=words) as refusal:
        read_statistics(saved(tmp_path, **arrays))
    assert refusal.value.field == "statistics" and "give a file of" in refusal.value.remedy


def test_covariances_that_single_precision_rounded_are_taken(tmp_path):
    rows = np.random.default_rng(0).standard_normal((20, 50)) * np.logspace(0, -3, 50)  # singular: rank 19 of 50
    sigma = np.cov(rows, rowvar=False).astype(np.float32)
    assert np.linalg.eigvalsh(sigma.astype(np.float64))[0] < 0
    assert read_statistics(saved(tmp_path, mu=np.zeros(50, np.float32), sigma=sigma)).reference.sigma.shape == (50, 50)


class Trap:
    def __reduce__(self):
        return (exec, ("import sys; sys.statistics_trap = True",))


def test_arrays_of_objects_are_refused_and_never_unpickled(tmp_path):
    mu = np.array([Trap(), Trap()], object)
    np.savez(tmp_path / "s.npz", mu=mu, sigma=np.eye(2))
    with pytest.raises(InputError, match="pickled objects"):
        read_statistics(tmp_path / "s.npz")
    assert not hasattr(sys, "statistics_trap")
    pickle.loads(pickle.dumps(Trap()))  # the trap would have shown
    assert vars(sys).pop("statistics_trap")


def test_a_file_of_no_net_goes_with_inception_alone_and_of_one_net_with_no_other(tmp_path, net):
    foreign = read_statistics(saved(tmp_path, mu=np.zeros(128), sigma=np.eye(128)))
    with pytest.raises(InputError, match="does not say which net"):
        check_net(foreign, net)
    named = lambda dim: SimpleNamespace(name="inception-2015-12-05-clean-fid", arch="inception", dim=dim, sha256="")
    with pytest.raises(InputError, match="has 128 features; give statistics of the last pooling layer, 2,048"):
        check_net(foreign, named(2048))
    assert "resized as clean-fid does" in check_net(foreign, named(128))[0]
    write_statistics(tmp_path / "w.npz", net, net.reference("test"))
    own = read_statistics(tmp_path / "w.npz")
    for other in (dataclasses.replace(net, sha256="0" * 64), dataclasses.replace(net, name="other")):
        with pytest.raises(InputError, match="sha256 .* judges; give the same net"):
            check_net(own, other)


class Pixels:
    """Two pixels as features."""

    name, dim, sha256, card = "pixels", 2, "", {}

    def __call__(self, x):
        return x.reshape(len(x), -1)[:, :2].astype(np.float32)


def test_moments_alone_give_the_frechet_distance_and_say_what_is_not_measured():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 2, 2, 1)).astype(np.uint8)
    bare = Reference("given", None, np.full(2, 128.0), np.eye(2) * 5000, np.zeros((0, 2), np.float32))
    report = evaluate_one(Pixels(), x, bare)
    assert set(report["metrics"]) == {"fid", "fid_ci"}
    assert report["reference"] == {"split": "given", "n": None, "rows": 0}
    assert ["KD, precision" in words for words in report["warnings"]] == [False, True]
    assert "of how many images" in report["warnings"][0] and set(report["further"]) == {"fid_infinity"}
    rows = (rng.standard_normal((50, 2)) * 70 + 128).astype(np.float32)
    whole = evaluate_one(Pixels(), x, bare._replace(rows=rows, n=50))
    assert whole["metrics"]["fid"] == report["metrics"]["fid"] and "kid" in whole["metrics"]
