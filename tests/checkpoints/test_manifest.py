"""A manifest becomes a pair that computes what PyTorch computed, or one line says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from benchmarks.commands.import_pair import SHIPPED
from checkpoints import import_manifest, load_pair, resolve, save_pair
from checkpoints.description import describe
from checkpoints.importing import Imported, import_files
from checkpoints.lookup import DEFAULT
from checkpoints.manifest import read_manifest, shipped_manifests
from ganrefine import main
from pairs import InputError, Pair
from pairs.sequential.layers import walk

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


WILD = Path(__file__).parent / "pairs_in_the_wild"
REAL = {
    # In float64 the convolutional critic of mnist-wgan-gp lies 4e-6 of the largest score from PyTorch's float32 and
    # 1e-5 from ours: a running variance of 0.01 magnifies the rounding of the layer before it.
    "mnist-wgan-gp": 2e-5,
    "mnist-mlp-gan": 1e-5,
    "celeba32-lsgan": 1e-5,
    "anime32-dcgan": 1e-5,
    "fashion-dcgan-a": 1e-5,
    "mnist-cwgan-gp": 1e-5,
}


def _imported(name: str, data_root: Path) -> Imported:
    folder = data_root / "pairs" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    manifest = WILD / f"{name}.toml" if (WILD / f"{name}.toml").is_file() else name
    return import_files(manifest, folder, folder / "golden.npz")


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_checkpoints_compute_what_pytorch_computed(name: str, data_root: Path) -> None:
    made = _imported(name, data_root)
    assert made.pair.name == name and not made.doubts and made.check is not None
    assert made.check.rows >= 16 and made.check.samples < 1e-5 and (made.check.scores or 1) < REAL[name]
    assert made.pair.classes == (10 if name == "mnist-cwgan-gp" else None)
    assert [row.path for row in made.tables["generator"]] == [
        path
        for path, layer, at in walk(made.pair.generator.apply.layers, made.pair.prior.shape, "generator.layers")
        if layer.param_shapes(at)
    ]


@pytest.fixture(scope="module")
def imported(data_root: Path) -> dict[str, Pair]:
    return {"mnist-wgan-gp": import_manifest("mnist-wgan-gp", data_root / "pairs" / "mnist-wgan-gp")}


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
    assert set(shipped_manifests()) == set(SHIPPED)
    for name in shipped_manifests():
        manifest = read_manifest(name)
        assert len(manifest.prior.shape) == 1 and manifest.pair["name"] == name
        assert describe(read_manifest(name).path)["kind"] == "manifest"


def test_what_cannot_be_resolved_says_what_was_tried(folder: Path) -> None:
    with pytest.raises(InputError, match="no bundled pair of that name, nothing at"):
        resolve("no-such-pair")
    with pytest.raises(InputError, match="is no manifest; make a pair of it with ganrefine import, or write"):
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
        out = " ".join(capsys.readouterr().out.split())
        assert "float32" in out and (path != "pair.toml" or "critic.layers[1] dense <- 'fc': weight 1x8, bias 1" in out)
    assert main(["inspect", str(folder / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_import_looks_for_files_where_it_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "elsewhere").mkdir()
    shutil.move(folder / "weights.npz", folder / "elsewhere")
    arguments = ["import", str(folder / "pair.toml"), "--out", str(folder / "out")]
    assert main(arguments) == 2 and not (folder / "out").exists()
    assert main([*arguments, "--files", str(folder / "elsewhere")]) == 0


def test_import_prints_layer_and_tensor_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(folder / "pair.toml"), "--out", str(folder / "out")]) == 0
    out = capsys.readouterr().out
    for words in ("generator.layers[0]", "critic.layers[1]", "fc", "weight 1x8", "pair 'tiny': samples 2 x 2 x 2"):
        assert words in out


HOSTILE = {
    "many parts": (f"{'.'.join('a' * 500)} = 1\n", "", "a key of 500 parts"),
    "nested": ("shape = [3]", f"shape = {'[' * 5000}{']' * 5000}", "nested too deep"),
    "number": ("[-1, 1]", f"[-1, 1{'0' * 400}]", "sample_range"),
    "digits": ("[-1, 1]", f"[-1, 1{'0' * 5000}]", "cannot be read"),
    "nan": ('{layer = "tanh"}', '{layer = "leaky_relu", slope = nan}', r"generator.layers\[1\]: 'slope' is nan"),
    "user": ('"weights.npz"', '"~nosuchuser/x"', "generator.file: '~nosuchuser/x' begins with ~nosuchuser"),
    "size": ('{layer = "tanh"}', '{layer = "dense", out = 99999999}', "at most 16,777,216 numbers"),
    "taps": (
        "shape = [2, 2, 2]}",
        'shape = [2, 2, 2]}, {layer = "upsample", factor = 1000}, {layer = "max_pool", kernel = 999}',
        "kernel: is 999; use at most 128",
    ),
    "upsample": ("shape = [2, 2, 2]}", 'shape = [2, 2, 2]}, {layer = "upsample", factor = 8000}', "at most 16,777,216"),
    "layers": ('{layer = "tanh"}', ", ".join(['{layer = "tanh"}'] * 600), "use at most 512 layers"),
    "blocks": (
        '{layer = "tanh"}',
        '{layer = "residual", main = [' * 20 + '{layer = "tanh"}' + "]}" * 20,
        "nested more than 8 deep",
    ),
    "long": ("[pair]", "# x\n" * 70000 + "[pair]", "more than 262,144 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_manifests_end_in_one_line(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, words = HOSTILE[name]
    text = TINY.replace(old, new, 1) if new else old + TINY
    assert text != TINY
    (folder / "pair.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(folder / "pair.toml") if name != "user" else import_manifest(folder / "pair.toml")
    assert main(["import", str(folder / "pair.toml"), "--out", str(folder / "out")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2  # what it is doing, and why it stops
