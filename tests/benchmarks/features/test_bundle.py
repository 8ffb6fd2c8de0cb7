"""Feature nets: bundled weights, integrity, the byte and the differentiable form, training by command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import benchmarks.features.bundle as bundle
from benchmarks import bundled_features, default_features, load_features
from benchmarks.features.classifier_training import TrainConfig
from ganrefine import main
from pairs import InputError
from pairs.io.images import read_images
from pairs.io.pixels import to_range
from pairs.registry import build

FLOOR = {"mnist": 0.97, "fashion-mnist": 0.90, "cifar10-jpeg": 0.79}


@pytest.fixture(scope="module")
def net():
    return load_features("mnist-classifier-a")


@pytest.fixture(scope="module")
def bytes_() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1), dtype=np.uint8)


@pytest.mark.parametrize("name", bundled_features())
def test_a_bundled_net_is_small_accurate_and_matches_its_card(name):
    features = load_features(name)
    assert features.card["accuracy"]["value"] >= FLOOR[features.card["data"]["name"]]
    assert name.startswith(features.name) and features.label == f"{name} ({features.dim}-d)"
    reference = features.reference("test")
    assert reference.sigma.shape == (features.dim, features.dim) and reference.sigma.dtype == np.float64
    assert reference.n == 10000 and reference.rows.shape == (2000, features.dim)
    # the rows are 2,000 of the 10,000: their mean lies within 5 standard errors in every coordinate
    error = np.sqrt(np.diag(reference.sigma) / 2000)
    assert np.all(np.abs(reference.rows.mean(0) - reference.mu) < 5 * error + 1e-3)


def test_all_bundled_files_together_stay_small():
    folder = Path(bundle.__file__).parent / "bundled"
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 5_000_000


def test_stored_reference_is_that_of_the_real_test_set(data_root):
    features = load_features("fashion-mnist-classifier-a")
    images = read_images(data_root / "fashion-mnist", "test")
    assert images.sha256 == features.card["reference"]["sha256"]
    reference = features.reference("test")
    kept = np.sort(np.random.default_rng(0).permutation(10000)[:2000])[:250]
    # rows are float16: relative 2^-11 of values of size 10
    np.testing.assert_allclose(features(images.x[kept]), reference.rows[:250], atol=1e-2)
    right = features.logits(images.x[:1000]).argmax(1) == images.labels[:1000]
    assert right.mean() > 0.88  # 0.906 on all; three standard errors of 1,000


@pytest.mark.slow
def test_features_of_an_image_do_not_depend_on_the_batch_and_ranges_agree(net, bytes_):
    whole, alone = net(bytes_), net(bytes_[3:4])
    assert whole.shape == (7, 128) and whole.dtype == np.float32
    scale = np.abs(whole).max()
    np.testing.assert_allclose(whole[3:4], alone, atol=1e-5 * scale)
    for sample_range in ((-1.0, 1.0), (0.0, 1.0)):
        floats = jax.jit(lambda n, x: n(x))(net.as_net(sample_range), to_range(bytes_, sample_range))
        # float32 sums in another order, inputs rounded once
        np.testing.assert_allclose(floats, whole, atol=1e-4 * scale)


@pytest.mark.slow
def test_the_net_on_floats_is_differentiable_rebuilt_by_its_architecture_and_not_traced_twice(net, bytes_):
    traces = []

    @jax.jit
    def slope(n, x):
        traces.append(0)
        return jax.grad(lambda v: jnp.sum(n(v) ** 2))(x)

    x = jnp.asarray(to_range(bytes_[:2], (-1.0, 1.0)))
    first = slope(net.as_net((-1.0, 1.0)), x)
    slope(net.as_net((-1.0, 1.0)), x)
    assert len(traces) == 1 and float(jnp.abs(first).max()) > 0
    architecture = net.as_net((-1.0, 1.0)).architecture
    apply, template = build(architecture)
    assert apply == net.as_net((-1.0, 1.0)).apply
    assert jax.tree.map(lambda a: a.shape, template) == jax.tree.map(lambda a: a.shape, net.params)


@pytest.mark.slow
def test_a_critic_stands_on_the_last_maps_and_the_features(net, bytes_):
    whole, x = net.maps_net((-1.0, 1.0)), to_range(bytes_, (-1.0, 1.0))
    rows = np.asarray(whole(x))
    assert rows.shape == (7, 4 * 4 * 64 + 128)
    np.testing.assert_allclose(rows[:, -128:], net.as_net((-1.0, 1.0))(x), rtol=1e-6)
    apply, _ = build(whole.architecture)
    assert apply == whole.apply


def test_damaged_weights_and_unknown_names_are_refused(tmp_path):
    source = Path(bundle.__file__).parent / "bundled" / "mnist-classifier-a"
    shutil.copytree(source, tmp_path / "net")
    raw = bytearray((tmp_path / "net" / "weights.npz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "net" / "weights.npz").write_bytes(raw)
    with pytest.raises(InputError, match="sha256"):
        load_features(tmp_path / "net")
    (tmp_path / "net" / "weights.npz").unlink()
    with pytest.raises(InputError, match="missing"):
        load_features(tmp_path / "net")
    with pytest.raises(InputError, match="neither bundled"):
        load_features("nothing")


def test_wrong_images_are_refused(net):
    with pytest.raises(InputError, match="float32"):
        net(np.zeros((1, 28, 28, 1), np.float32))
    with pytest.raises(InputError, match="takes"):
        net(np.zeros((1, 32, 32, 1), np.uint8))
    with pytest.raises(InputError, match="train"):
        net.reference("train")


def test_default_net_is_chosen_by_shape_and_data_name():
    assert default_features((28, 28, 1), "fashion-mnist-wgan-gp").name == "fashion-mnist-classifier-a"
    assert default_features((28, 28, 1), "mnist").name == "mnist-classifier-a"
    assert default_features((32, 32, 3), "cifar10-jpeg-sngan").name == "cifar10-jpeg-classifier-a"
    with pytest.raises(InputError, match="the name None tells of no bundled net"):
        default_features((28, 28, 1))
    # the only net of a shape is not taken for other data: it would misjudge them
    with pytest.raises(InputError, match="the name 'celeba32-lsgan' tells of no bundled net"):
        default_features((32, 32, 3), "celeba32-lsgan")
    with pytest.raises(InputError, match="no bundled net takes images"):
        default_features((64, 64, 3), "cifar10-jpeg")


def test_judges_are_of_another_architecture():
    judge, net = (default_features((28, 28, 1), "mnist", judge=j) for j in (True, False))
    assert (judge.arch, net.arch) == ("b", "a") and judge.card["training"]["seed"] != net.card["training"]["seed"]


@pytest.mark.parametrize("arch", ["a", pytest.param("b", marks=pytest.mark.slow)])
def test_training_command_learns_a_separable_task_and_writes_a_loadable_net(tmp_path, capsys, arch):
    rng = np.random.default_rng(0)
    for split, n in (("train", 200), ("test", 60)):
        y = np.arange(n) % 2
        x = rng.integers(0, 100, (n, 10, 10), dtype=np.uint8) + (y * 150).astype(np.uint8)[:, None, None]
        np.savez(tmp_path / f"{split}.npz", x=x, y=y)
    out = tmp_path / "bright"
    arguments = [
        "benchmark",
        "train-features",
        str(tmp_path),
        "--out",
        str(out),
        "--arch",
        arch,
        "--steps",
        "12",
        "--batch",
        "20",
    ]
    assert main([*arguments, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["accuracy"]["value"] > 0.9  # chance is 0.5; brightness alone separates
    features = load_features(out)
    assert features.name == "bright" and features.input_shape == (10, 10, 1)
    assert main(arguments) == 2  # the folder is taken: nothing is overwritten
    assert "not empty" in capsys.readouterr().err


def test_training_settings_are_checked():
    with pytest.raises(InputError, match="steps"):
        TrainConfig(steps=0)
    with pytest.raises(InputError, match="arch"):
        TrainConfig(arch="c")
