"""Files that describe their nets become a pair without a manifest; what they do not say is asked for or proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from module_files import embedding, keras, leaky, linear, module, saved, sequential
from weight_files import W, plain_modules, write_files

from checkpoints import load_pair, save_pair
from checkpoints.weight_import import import_weights
from ganrefine import main
from pairs import InputError, Normal

_DRAW = np.random.default_rng(0)
TABLE = _DRAW.normal(size=(10, 4)).astype(np.float32)
PLANE = _DRAW.normal(size=(10, 64)).astype(np.float32)


def _bend(h: np.ndarray) -> np.ndarray:
    return np.where(h >= 0, h, 0.2 * h)


def _labelled(folder: Path) -> list[str]:
    """Latents and labels: the embedding comes first, which is not the usual order."""
    joined = sequential(linear(W[8, 7]), leaky(), linear(W[64, 8]), module("Tanh"))
    g = module("my.Generator", children={"model": joined, "label_emb": embedding(TABLE)})
    d = sequential(linear(W[5, 64]), leaky(), linear(W[1, 5]))
    return write_files(folder, g=saved(g), d=saved(d))


def test_a_whole_module_is_a_pair_with_reshapes_at_its_ends_and_the_sigmoid_left_out(tmp_path: Path) -> None:
    made = import_weights(*plain_modules(tmp_path), prior="normal:3", sample_shape=(8, 8, 1))
    assert made.pair.sample_shape == (8, 8, 1) and made.pair.critic_kind == "logit"
    assert made.pair.sample_range == (-1.0, 1.0) and "critic: its final sigmoid was left out" in made.notes[0]
    z = _DRAW.normal(size=(4, 3)).astype(np.float32)
    x = np.tanh(_bend(z @ W[8, 3].T) @ W[64, 8].T)
    np.testing.assert_allclose(made.pair.generate(z).reshape(4, 64), x, atol=1e-5)
    np.testing.assert_allclose(
        made.pair.score(x.reshape(4, 8, 8, 1)), (_bend(x @ W[5, 64].T) @ W[1, 5].T)[:, 0], atol=1e-5
    )
    assert len(made.doubts) == 1 and "does not hold the forward of the class Generator" in made.doubts[0]


def test_stored_outputs_settle_how_a_label_comes_in(tmp_path: Path) -> None:
    files, z, y = _labelled(tmp_path), _DRAW.normal(size=(6, 3)).astype(np.float32), np.arange(6)
    x = np.tanh(_bend(np.concatenate([TABLE[y], z], 1) @ W[8, 7].T) @ W[64, 8].T)
    np.savez(tmp_path / "golden.npz", z=z, x=x, labels=y)
    asked: dict[str, Any] = dict(prior=Normal((3,)), sample_shape=(8, 8, 1), critic_kind="wasserstein")
    made = import_weights(*files, check=tmp_path / "golden.npz", **asked)
    assert made.pair.classes == 10 and made.check is not None and made.check.samples < 1e-5 and not made.doubts
    assert any("'label_emb' concatenated with latents" in n and "confirm" in n for n in made.notes)
    guessed = import_weights(*files, **asked)
    assert "latents concatenated with 'label_emb'" in guessed.doubts[0]
    np.savez(tmp_path / "golden.npz", z=z, x=-x, labels=y)
    with pytest.raises(InputError, match="check: .* is not reproduced"):
        import_weights(*files, check=tmp_path / "golden.npz", **asked)


def test_parts_that_could_be_exchanged_are_refused_until_stored_outputs_settle_them(tmp_path: Path) -> None:
    first, second, last = (_DRAW.normal(size=s).astype(np.float32) for s in ((3, 3), (3, 3), (2, 3)))
    parts = {"b": sequential(linear(second), leaky()), "a": sequential(linear(first), leaky())}
    maker = module("my.G", children={**parts, "out": sequential(linear(last))})
    files = write_files(tmp_path, g=saved(maker))
    with pytest.raises(InputError, match="generator: has parts that could be exchanged, 'b' and 'a', and the file"):
        import_weights(*files, prior="normal:3", sample_range=None)
    z = _DRAW.normal(size=(4, 3)).astype(np.float32)
    np.savez(tmp_path / "golden.npz", z=z, x=_bend(_bend(z @ first.T) @ second.T) @ last.T)
    made = import_weights(*files, prior="normal:3", sample_range=None, check=tmp_path / "golden.npz")
    assert made.check is not None and made.check.samples < 1e-5 and not made.doubts
    assert any("'a', then 'b', then 'out' as one chain" in note and "confirm" in note for note in made.notes)


@pytest.mark.slow
def test_a_label_as_a_plane_of_the_sample_and_parts_with_a_view_between_them(tmp_path: Path) -> None:
    conv = _DRAW.normal(size=(2, 2, 3, 3)).astype(np.float32)
    settings = dict(kernel_size=(3, 3), stride=(1, 1), dilation=(1, 1), groups=1, padding_mode="zeros")
    first = module("Conv2d", {"weight": conv}, in_channels=2, out_channels=2, padding=(0, 0), **settings)
    last = module("Conv2d", {"weight": conv[:1]}, in_channels=2, out_channels=1, padding=(1, 1), **settings)
    end = linear(_DRAW.normal(size=(1, 72)))
    judge = module("my.D", children={"body": sequential(first), "head": sequential(end), "emb": embedding(PLANE)})
    l1 = sequential(linear(_DRAW.normal(size=(128, 7))))
    maker = module("my.G", children={"l1": l1, "emb": embedding(TABLE), "up": sequential(last, module("Tanh"))})
    files = write_files(tmp_path, g=saved(maker), d=saved(judge))
    made = import_weights(*files, prior="normal:3", critic_kind="wasserstein")
    assert made.pair.sample_shape == (8, 8, 1) and made.pair.classes == 10
    assert made.pair.score(np.zeros((2, 8, 8, 1), "f"), np.asarray([0, 1])).shape == (2,)
    assert any("'l1', then 'up' as one chain" in d for d in made.doubts)


@pytest.mark.parametrize("label", ["multiply", "one_hot"])
def test_labels_that_multiply_latents_or_come_as_unit_vectors(label: str, tmp_path: Path) -> None:
    width = 3 if label == "multiply" else 5
    net = sequential(linear(np.ones((2, width), np.float32)))
    children = {"emb": embedding(TABLE[:2, :3])} if label == "multiply" else {}
    files = write_files(tmp_path, g=saved(module("my.G", children={"net": net, **children})))
    made = import_weights(*files, prior="normal:3", sample_range=None, classes=2)
    z, y = np.ones((2, 3), np.float32), np.asarray([0, 1])
    want = TABLE[:2, :3].sum(1) if label == "multiply" else np.full(2, 4.0)
    np.testing.assert_allclose(made.pair.generate(z, y)[:, 0], want, rtol=1e-6)


@pytest.mark.slow
def test_keras_files_are_a_pair_of_points(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    layers = lambda *sizes: [
        (_DRAW.normal(size=s), _DRAW.normal(size=s[1])) for s in zip(sizes, sizes[1:], strict=False)
    ]
    maker, judge = layers(3, 4, 2), layers(2, 5, 1)
    files = write_files(tmp_path, **{"g.h5": keras(maker), "d.h5": keras(judge, "sigmoid")})
    with pytest.raises(InputError, match="prior: is missing; the generator takes 3; give --prior normal:3"):
        import_weights(*files)
    with pytest.raises(InputError, match="sample_range: is not said .* --range none"):
        import_weights(*files, prior="normal:3")
    made = import_weights(*files, prior="normal:3", sample_range=None)
    z = _DRAW.normal(size=(4, 3)).astype(np.float32)
    x = _bend(z @ maker[0][0] + maker[0][1]) @ maker[1][0] + maker[1][1]
    np.testing.assert_allclose(made.pair.generate(z), x, rtol=1e-4, atol=1e-5)
    assert made.pair.critic_kind == "logit" and made.pair.sample_shape == (2,)


def test_a_critic_that_is_low_on_real_samples_is_turned_after_the_check(tmp_path: Path) -> None:
    files, z = plain_modules(tmp_path), _DRAW.normal(size=(4, 3)).astype(np.float32)
    x = np.tanh(_bend(z @ W[8, 3].T) @ W[64, 8].T)
    score = (_bend(x @ W[5, 64].T) @ W[1, 5].T)[:, 0]
    np.savez(tmp_path / "golden.npz", z=z, x=x, score=score)
    made = import_weights(
        *files, prior="normal:3", sample_shape=(8, 8, 1), real_is_low=True, check=tmp_path / "golden.npz"
    )
    np.testing.assert_allclose(made.pair.score(x.reshape(4, 8, 8, 1)), -score, atol=1e-5)
    assert any("sign of its score was turned" in n for n in made.notes)


def test_a_stored_pair_gets_the_critic_of_a_file(tmp_path: Path) -> None:
    g, d = plain_modules(tmp_path)
    alone = import_weights(g, prior="normal:3", sample_shape=(8, 8, 1)).pair
    path = save_pair(tmp_path / "alone", alone)
    made = import_weights(path, d).pair
    assert made.has_critic and made.prior == alone.prior and made.sample_range == alone.sample_range
    np.testing.assert_array_equal(made.generate(np.ones((2, 3), "f")), alone.generate(np.ones((2, 3), "f")))
    with pytest.raises(InputError, match="a stored pair with a prior and a range of its own; give the file of a new"):
        import_weights(path)
    with pytest.raises(InputError, match="no --prior"):
        import_weights(path, d, prior="normal:3")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*argv: str) -> tuple[int, str, str]:
        code = main(["import", *argv, "--out", str(tmp_path / "out")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_command_writes_a_sealed_pair_with_a_first_look(command, tmp_path: Path) -> None:
    files = plain_modules(tmp_path)
    code, out, err = command(*files, "--prior", "normal:3", "--sample", "8x8x1", "--range", "-1:1", "--json")
    report = json.loads(out)
    assert code == 0, err
    assert load_pair(tmp_path / "out").name == "out" and (tmp_path / "out" / "first-look.png").is_file()
    assert report["first_look"]["n"] == 512 and set(report["first_look"]["scores"]) == {"samples", "noise"}
    assert len(report["doubts"]) == 1
    code, out, err = command(files[0], "--prior", "normal:3", "--sample", "8x8x1", "--overwrite")
    assert code == 0 and "no critic yet: make one with ganrefine tune" in out


@pytest.mark.slow
def test_a_strangers_conditional_modules_give_their_stored_outputs(data_root: Path) -> None:
    folder = data_root / "pairs" / "mnist-cwgan-gp"
    made = import_weights(
        folder / "generator-module.pth",
        folder / "critic-module.pth",
        prior="normal:100",
        critic_kind="wasserstein",
        check=folder / "golden.npz",
    )
    assert made.check is not None and made.check.worst < 1e-5 and made.pair.classes == 10


@pytest.mark.slow
def test_an_onnx_generator_by_the_command(command, tmp_path: Path, data_root: Path) -> None:
    pytest.importorskip("onnx")
    folder = data_root / "pairs" / "mnist-wgan-gp-onnx"
    asked = ("--prior", "normal:96", "--check", str(folder / "golden.npz"), "--json")
    code, out, _ = command(str(folder / "generator.onnx"), *asked)
    assert code == 0 and json.loads(out)["check"]["samples"] < 1e-5
    code, _, err = command(str(folder / "generator-uint8.onnx"), *asked, "--overwrite")
    assert code == 2 and "is quantised" in err.splitlines()[-1]
