"""What names do not decide is refused, warned of or settled by stored outputs; what is left out is said."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import jax
import numpy as np
import pytest
from weight_files import SIZES, four_layers

from benchmarks.studies.sound_files import torch_zip_bytes
from checkpoints import import_manifest, load_pair, save_pair
from checkpoints.description import describe
from checkpoints.golden import check_golden
from checkpoints.importing import import_files
from ganrefine import main
from pairs import InputError

MANIFEST = """
[pair]
name = "four"
sample_range = [-1, 1]
critic_kind = "logit"
[prior]
kind = "normal"
shape = [3]
[generator]
file = "{file}"
{extra}
layers = [
  {{layer = "dense", out = 4}}, {{layer = "leaky_relu"}},
  {{layer = "dense", out = 4{first}}}, {{layer = "leaky_relu"}},
  {{layer = "dense", out = 4{second}}}, {{layer = "leaky_relu"}},
  {{layer = "dense", out = 8}}, {{layer = "tanh"}},
]
[critic]
file = "d.npz"
layers = [{{layer = "dense", out = 1}}, {{layer = "squeeze"}}]
"""


def _forward(z: np.ndarray) -> np.ndarray:
    tensors = four_layers()
    for name in SIZES:
        z = z @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        z = np.tanh(z) if name == "to_img" else np.where(z >= 0, z, 0.01 * z)
    return z


def _write(folder: Path, file: str = "g.safetensors", extra: str = "", first: str = "", second: str = "") -> Path:
    draw = np.random.default_rng(1)
    np.savez(folder / "d.npz", **{"fc.weight": draw.normal(size=(1, 8)).astype("f"), "fc.bias": np.zeros(1, "f")})
    tensors = dict(sorted(four_layers().items()))
    if file.endswith(".safetensors"):
        head, at = {}, 0
        for name, a in tensors.items():
            head[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
            at += a.nbytes
        text = json.dumps(head).encode()
        body = b"".join(np.ascontiguousarray(a).tobytes() for a in tensors.values())
        (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + body)
    elif file.endswith(".pth"):
        (folder / file).write_bytes(torch_zip_bytes({n: np.ascontiguousarray(a) for n, a in tensors.items()}))
    else:
        np.savez(folder / file, **tensors)
    z = draw.normal(size=(5, 3)).astype("f")
    np.savez(folder / "golden.npz", z=z, x=_forward(z).astype("f"))
    (folder / "pair.toml").write_text(MANIFEST.format(file=file, extra=extra, first=first, second=second))
    return folder / "pair.toml"


@pytest.mark.parametrize(
    ("file", "why"), [("g.safetensors", "sorted by name"), ("g.npz", "sorted by name"), ("g.pth", "were registered")]
)
def test_layers_of_equal_shape_that_names_do_not_decide_are_refused(file: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"layers\[2\] takes 'extra'.*{why}.*give each a name") as error:
        import_files(_write(tmp_path, file))
    assert "\n" not in str(error.value)


def test_inspect_shows_layer_and_tensor_side_by_side_with_the_doubt(tmp_path: Path) -> None:
    about = json.dumps(describe(_write(tmp_path, "g.pth"))["about"])
    assert "generator.layers[2] dense <- 'extra': weight 4x4" in about and "(doubt: modules of equal shapes" in about


@pytest.mark.slow
def test_names_or_stored_outputs_settle_which_layer_is_which(tmp_path: Path) -> None:
    z = np.load(_write(tmp_path).parent / "golden.npz")["z"]
    settled = import_files(tmp_path / "pair.toml", check=tmp_path / "golden.npz")
    assert settled.check is not None and settled.check.samples < 1e-5 and not settled.doubts
    assert [row.module for row in settled.tables["generator"]] == list(SIZES)
    named = import_files(_write(tmp_path, first=', name = "main"'))
    for pair in (settled.pair, named.pair):
        np.testing.assert_allclose(pair.generate(z), _forward(z), rtol=1e-5, atol=1e-5)


def test_the_remedy_of_the_refusal_works_when_followed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        import_files(_write(tmp_path))
    assert 'name = "extra"' in error.value.remedy
    import_files(_write(tmp_path, first=', name = "main"', second=', name = "extra"'))


def test_a_wrong_net_is_refused_with_its_deviation(tmp_path: Path) -> None:
    path = _write(tmp_path, first=', name = "extra"', second=', name = "main"', extra="")
    with pytest.raises(InputError, match="not reproduced: the generator is off by 1.7 of the largest"):
        import_files(path, check=tmp_path / "golden.npz")
    pair = import_manifest(path)
    with pytest.raises(InputError, match="check"):
        check_golden(pair, tmp_path / "golden.npz")


def test_tensors_are_ignored_by_name_or_pattern_and_listed(tmp_path: Path) -> None:
    path = _write(tmp_path, first=', name = "main"')
    with np.load(tmp_path / "d.npz") as archive:
        np.savez(tmp_path / "d.npz", **archive, **{"aux.weight": np.zeros((10, 8), "f"), "aux.bias": np.zeros(10, "f")})
    with pytest.raises(InputError, match="'aux.weight' is left over.*list tensors to leave out in ignore"):
        import_files(path)
    text = path.read_text()
    path.write_text(text.replace('file = "d.npz"', 'file = "d.npz"\nignore = ["aux.*"]'))
    assert "critic: ignored aux.weight, aux.bias" in import_files(path).notes
    path.write_text(text.replace('file = "d.npz"', 'file = "d.npz"\nignore = ["aux.*", "axu"]'))
    with pytest.raises(InputError, match="critic.ignore: 'axu' fits no tensor"):
        import_files(path)


def test_the_part_of_a_file_that_fits_is_taken_and_said(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = _write(tmp_path, "g.pth.npz", first=', name = "main"')
    path.write_text(path.read_text().replace("g.pth.npz", "g.pth"))
    net = {k: torch.tensor(v) for k, v in four_layers().items()}
    other = {k: v for k, v in net.items() if "main" in k}
    torch.save({"epoch": 3, "g": net, "other": other}, tmp_path / "g.pth")
    made = import_files(path)
    assert any("'g' was taken, the only one of 2 state dicts that fits" in n for n in made.notes)
    assert made.pair.record["imported"]["generator"]["key"] == "g"
    torch.save({"g": net, "g_ema": {k: 2 * v for k, v in net.items()}}, tmp_path / "g.pth")
    assert any("'g_ema' was taken, the average of the weights" in n for n in import_files(path).notes)
    torch.save({"g": net, "model": net}, tmp_path / "g.pth")
    with pytest.raises(InputError, match='generator.key: is not given, and 2 state dicts .* fit; write key = "g"'):
        import_files(path)


@pytest.mark.slow
def test_a_generator_without_a_critic_is_a_pair_that_says_how_to_get_one(tmp_path: Path) -> None:
    path = _write(tmp_path, first=', name = "main"')
    text = path.read_text()
    path.write_text(text[: text.index("[critic]")].replace('critic_kind = "logit"\n', ""))
    pair = import_manifest(path)
    assert not pair.has_critic and pair.critic_kind is None and "critic     none yet" in repr(pair)
    stored = load_pair(save_pair(tmp_path / "stored", pair))
    assert not stored.has_critic and stored.critic.apply == pair.critic.apply
    z = np.ones((2, 3), "f")
    np.testing.assert_array_equal(stored.generate(z), pair.generate(z))
    for broken in (pair, stored):
        with pytest.raises(InputError, match="critic: is missing.*ganrefine adapt"):
            jax.jit(lambda p, x: p.score(x))(broken, z)


def test_the_command_checks_against_stored_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "import",
        str(_write(tmp_path)),
        "--check",
        str(tmp_path / "golden.npz"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["check"]["rows"] == 5 and report["check"]["samples"] < 1e-5
    assert [row["module"] for row in report["tensors"]["generator"]] == list(SIZES)
    assert main(arguments[:2] + arguments[4:]) == 2
    np.savez(tmp_path / "golden.npz", z=np.zeros((2, 3), "f"), x=np.ones((2, 8), "f"))
    assert main([*arguments, "--overwrite"]) == 2
    assert "not reproduced" in capsys.readouterr().err.splitlines()[-1]
