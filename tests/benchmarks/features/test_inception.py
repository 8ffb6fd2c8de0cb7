"""Inception of the FID: shape of the net, TensorFlow 1 resize, and the features of torch-fidelity on equal weights."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import load_features
from benchmarks.features.inception import kernel_shapes, load_inception
from benchmarks.features.resizing import resize_matrix
from benchmarks.peers.inception_weights import drawn_inception
from pairs import InputError

GOLDEN = [
    [4.45393, 0.48034, 0.00302022, 0.00823794, 3.00204, 2.74316, 0],
    [4.35348, 0.430978, 0.000878511, 0.0154916, 3.00003, 2.52957, 0],
]
MEAN = [1.830488, 1.82801]


def test_the_net_has_the_layers_of_the_published_weights():
    shapes = kernel_shapes()
    assert len(shapes) == 94
    # weights, four BatchNorm vectors and one counter a layer, and the classifier: 23,885,486 numbers in the file
    count = sum(math.prod(s) + 4 * s[-1] + 1 for s in shapes.values()) + 2048 * 1008 + 1008
    assert count == 23_885_486


def test_resize_has_no_half_pixel_offset_and_repeats_the_last_pixel():
    assert np.array_equal(resize_matrix(2, 4) @ [0, 1], [0, 0.5, 1, 1])
    assert np.array_equal(resize_matrix(4, 2) @ [0, 1, 2, 3], [0, 2])
    assert np.array_equal(resize_matrix(299), np.eye(299))
    np.testing.assert_allclose(resize_matrix(32).sum(1), 1, rtol=1e-6)


def test_weights_of_another_sha256_or_net_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_features(tmp_path / "missing.pth")
    np.savez(tmp_path / "other.npz", x=np.zeros(3, np.float32))
    with pytest.raises(InputError, match="sha256"):
        load_inception(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no tensor"):
        load_inception(tmp_path / "other.npz", _digest(tmp_path / "other.npz"))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_features_are_those_of_torch_fidelity_on_equal_weights(tmp_path):
    np.savez(tmp_path / "weights.npz", **drawn_inception())
    net = load_inception(tmp_path / "weights.npz", _digest(tmp_path / "weights.npz"))
    net = dataclasses.replace(net, batch=2)
    x = np.random.default_rng(1).integers(0, 256, (2, 32, 40, 3), dtype=np.uint8)
    features = net(x)
    # values of torch-fidelity 0.4.0 ("inception-v3-compat"); float32 sums in another order
    np.testing.assert_allclose(features[:, [0, 320, 704, 1088, 1472, 1856, 2047]], GOLDEN, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(features.mean(1), MEAN, rtol=2e-5)
