"""Inception of the FID: shape of the net, TensorFlow 1 resize, and the features of torch-fidelity on equal weights."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from benchmarks import load_features
from benchmarks.commands.evaluate import RESIZES as OPTIONS
from benchmarks.features.inception import kernel_shapes, load_inception
from benchmarks.features.resizing import RESIZES, resize_matrix, resized
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


def waves(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


# smaller, larger and equal sides, and one pixel; values of 0 to 255 in single precision
@pytest.mark.parametrize("size", [(28, 28), (32, 40), (299, 400), (700, 3), (1, 2)])
def test_the_cubic_resize_is_that_of_pillow_on_floats(size):
    x = waves(size)
    pillow = np.asarray(Image.fromarray(x, mode="F").resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255)
    np.testing.assert_allclose(
        128 * np.asarray(resized(x[None, ..., None], "clean-fid"))[0, ..., 0] + 128, pillow, atol=2e-4
    )


@pytest.mark.parametrize("size", [(28, 28), (32, 40), (299, 400), (700, 3), (1, 2)])
def test_the_linear_resize_with_half_pixels_is_that_of_jax_without_antialiasing(size):
    x = waves(size)
    linear = np.asarray(jax.image.resize(x, (299, 299), "linear", antialias=False))
    np.testing.assert_allclose(
        127.5 * (np.asarray(resized(x[None, ..., None], "pytorch-fid"))[0, ..., 0] + 1), linear, atol=1e-3
    )


def test_weights_of_a_resize_sum_to_one_and_other_names_are_refused():
    assert RESIZES == OPTIONS
    for resize in RESIZES:
        np.testing.assert_allclose(resize_matrix(700, 299, resize).sum(1), 1, rtol=1e-6)
    with pytest.raises(InputError, match="give torch-fidelity, clean-fid, pytorch-fid"):
        resize_matrix(3, 4, "bilinear")
    with pytest.raises(InputError, match="at least one pixel"):
        resize_matrix(0)


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


@pytest.mark.slow
def test_features_and_logits_are_those_of_each_tool_with_its_own_resize(tmp_path):
    for tool in ("torch_fidelity", "cleanfid", "pytorch_fid"):
        pytest.importorskip(tool)
    from benchmarks.peers.inception_tools import save_weights, tool_features

    save_weights(tmp_path / "weights.pth", drawn_inception())
    net = dataclasses.replace(load_inception(tmp_path / "weights.pth", _digest(tmp_path / "weights.pth")), batch=2)
    x = np.random.default_rng(1).integers(0, 256, (2, 32, 40, 3), dtype=np.uint8)
    for i, image in enumerate(x):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    tools = tool_features(tmp_path / "weights.pth")
    assert set(tools) == set(RESIZES)
    for resize, way in tools.items():
        theirs, ours = way(tmp_path), net.resized_as(resize)(x)
        # float32 sums in another order through 94 layers
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max(), resize
    np.testing.assert_allclose(net.logits_of(net(x), x), net.logits(x), rtol=1e-3, atol=1e-4)
