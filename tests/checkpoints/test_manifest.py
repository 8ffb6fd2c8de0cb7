"""A manifest becomes a pair that computes what PyTorch computed, or one line says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from checkpoints import import_manifest, load_pair, resolve, save_pair
from checkpoints.description import describe
from checkpoints.lookup import DEFAULT
from checkpoints.manifest import read_manifest, shipped_manifests
from ganrefine import main
from pairs import InputError, Pair

_call = jax.jit(lambda net, x: net(x))

TINY = """
[pair]
name = "tiny"
sample_range = [-1, 1]
critic_kind = "logit"

[prior]
kind = "normal"
shape = [3]

[generator]
file = "weights.npz"
key = "g"
layers = [{layer = "dense", out = 8}, {layer = "tanh"}, {layer = "unflatten", shape = [2, 2, 2]}]

[critic]
file = "weights.npz"
key = "d"
layers = [
  {layer = "flatten"},
  {layer = "dense", out = 1, name = "fc"},
  {layer = "squeeze"},
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    arrays = {"g.0.weight": (8, 3), "g.0.bias": (8,), "d.fc.weight": (1, 8), "d.fc.bias": (1,)}
    np.savez(tmp_path / "weights.npz", **{n: draw.normal(size=s).astype("f") for n, s in arrays.items()})
    (tmp_path / "pair.toml").write_text(TINY)
    return tmp_path


@pytest.fixture(scope="module")
def imported(data_root: Path) -> dict[str, Pair]:
    return {n: import_manifest(n, data_root / "pairs" / n) for n in shipped_manifests()}


@pytest.mark.parametrize("name", ["mnist-mlp-gan", "mnist-wgan-gp"])
def test_real_checkpoints_compute_what_pytorch_computed(name: str, imported: dict[str, Pair], data_root: Path) -> None:
    pair, golden = imported[name], np.load(data_root / "pairs" / name / "golden.npz")
    x = golden["x"].reshape(-1, 1, 28, 28).transpose(0, 2, 3, 1)
    assert pair.name == name and pair.sample_shape == (28, 28, 1)
    np.testing.assert_allclose(_call(pair.generator, golden["z"]), x, rtol=0, atol=1e-5)
    score = golden["score"].ravel()
    # In float64 the convolutional critic lies 4e-6 of the largest score from PyTorch's float32 and 1e-5 from ours:
    # a running variance of 0.01 magnifies the rounding of the layer before it.
    np.testing.assert_allclose(_call(pair.critic, x), score, rtol=0, atol=2e-5 * np.abs(score).max())


def test_provenance_names_the_files(imported: dict[str, Pair], data_root: Path) -> None:
    record = imported["mnist-wgan-gp"].record
    assert record["license"] == "MIT" and record["source"].startswith("https://github.com/")
    assert record["imported"]["critic"]["file"] == "critic.pth" and len(record["imported"]["critic"]["sha256"]) == 64


def test_an_imported_pair_is_stored_and_found_again(folder: Path) -> None:
    pair = import_manifest(folder / "pair.toml")
    assert pair.generator.apply.layers[0].name is None
    stored = load_pair(save_pair(folder / "stored", pair))
    x = pair.generate(np.ones((2, 3), "f"))
    np.testing.assert_array_equal(stored.score(x), pair.score(x))
    for path in (folder, folder / "pair.toml", folder / "stored"):
        assert resolve(path).name == "tiny"
    assert resolve(str(folder / "stored")).record == pair.record


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "tiny"', "", "pair.name: is missing"),
        ('name = "tiny"', 'name = "tiny"\nauthor = "x"', "pair.author: is no setting"),
        ('name = "tiny"', "name = 3", "pair.name: is 3; give a str"),
        ("[-1, 1]", "[1, -1]", "sample_range"),
        ("[-1, 1]", "[-1]", "sample_range"),
        ("[-1, 1]", "[2, 3]", "samples lie in"),
        ('"logit"', '"sigmoid"', "critic_kind"),
        ('"normal"', '"gaussian"', "prior.kind"),
        ('"normal"', '"class-mixture"', "prior.kind"),
        ("[prior]", "[priors]", "priors: is no section"),
        ("[3]", "[4]", r"'0.weight' has shape \(8, 3\), not \(8, 4\)"),
        ("[3]", '"x"', "prior"),
        ('key = "g"', 'key = "G"', "generator.key: 'G' is not in"),
        ('key = "g"', f'key = "g"\nsha256 = "{"0" * 64}"', "generator.sha256"),
        ('file = "weights.npz"\nkey = "g"', 'file = "none.pth"', "generator.file: .*none.pth' does not exist"),
        ('{layer = "tanh"}', '{layer = "than"}', r"generator.layers\[1\]: has layer = 'than'"),
        ("out = 8", "out = 9", r"generator.layers\[2\]: 'unflatten' cannot view 9 numbers"),
        ("[2, 2, 2]", "[2, 2, 3]", r"generator.layers\[2\]"),
        ("out = 1,", "out = 2,", r"critic.layers: end in shape \[2\], not one number; return one number"),
        ('  {layer = "squeeze"},\n', "", r'critic.layers: end in shape \[1\].*add {layer = "squeeze"}'),
        ('  {layer = "squeeze"},\n', '  {layer = "sigmoid"},\n  {layer = "squeeze"},\n', "leave the sigmoid out"),
        ('name = "fc"', 'name = "main"', "'main' is not in the file, 'fc.weight' is left over"),
        ("[critic]", "[critic]\ninput_shape = [2, 2, 1]", "critic.input_shape"),
        ("[generator]", "[generator", "is not TOML"),
    ],
)
def test_mistakes_in_a_manifest_are_one_line_that_names_them(folder: Path, old: str, new: str, words: str) -> None:
    assert old in TINY
    (folder / "pair.toml").write_text(TINY.replace(old, new, 1))
    with pytest.raises(InputError, match=words) as error:
        import_manifest(folder / "pair.toml")
    assert "\n" not in str(error.value)


def test_shipped_manifests_are_sound_without_their_weights() -> None:
    assert set(shipped_manifests()) == {"mnist-mlp-gan", "mnist-wgan-gp"}
    for name in shipped_manifests():
        manifest = read_manifest(name)
        assert manifest.prior.shape == (64,) and manifest.pair["name"] == name
        assert describe(read_manifest(name).path)["kind"] == "manifest"


def test_what_cannot_be_resolved_says_what_was_tried(folder: Path) -> None:
    with pytest.raises(InputError, match="no bundled pair of that name, nothing at"):
        resolve("no-such-pair")
    with pytest.raises(InputError, match="is no manifest; write a pair.toml"):
        resolve(folder / "weights.npz")
    with pytest.raises(InputError, match="holds no checkpoint"):
        (folder / "empty").mkdir()
        resolve(folder / "empty")
    with pytest.raises(InputError, match="is empty"):
        resolve("")
    stored = save_pair(folder / "stored", import_manifest(folder / "pair.toml"))
    (stored / "_CHECKPOINT_METADATA").write_text("{}")
    with pytest.raises(InputError, match="is damaged: file '_CHECKPOINT_METADATA' is changed"):
        resolve(stored)


def test_the_bundled_pair_resolves_by_default() -> None:
    assert resolve().record == resolve(DEFAULT).record


def test_commands_import_and_inspect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["import", str(folder / "pair.toml"), "--out", str(folder / "out")]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pair"] == "tiny" and report["parameters"] == 41
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "exists; choose another path" in captured.err.splitlines()[-1]
    assert main([*arguments, "--overwrite"]) == 0
    capsys.readouterr()
    assert main(["inspect", str(folder / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["about"]["tree_digest"] == report["tree_digest"]
    for path in ("out", "weights.npz", "pair.toml"):
        assert main(["inspect", str(folder / path)]) == 0
        assert "float32" in capsys.readouterr().out
    assert main(["inspect", str(folder / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_import_looks_for_files_where_it_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "elsewhere").mkdir()
    shutil.move(folder / "weights.npz", folder / "elsewhere")
    arguments = ["import", str(folder / "pair.toml"), "--out", str(folder / "out")]
    assert main(arguments) == 2 and not (folder / "out").exists()
    assert main([*arguments, "--files", str(folder / "elsewhere")]) == 0
