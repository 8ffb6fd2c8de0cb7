"""Bad input at the command line: one line that names field and remedy, exit code 2, nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import checkpoints
from ganrefine import main
from pairs import Normal, Record, make_pair
from pairs.sequential.spec import init_sequential

BUNDLED = "fashion-mnist-wgan-gp"


@pytest.mark.parametrize(
    "argv,words",
    [
        (["nothing-here"], "pair: 'nothing-here' was not found"),
        (["", "--n", "10"], "PAIR: is empty"),
        (["--n", "0"], "n: is 0"),
        (["--n", "3"], "n: is 3"),
        (["--n", "many"], "--n: "),
        (["--batch", "0", "--n", "10"], "batch: is 0"),
        (["--steps", "-1"], "steps: is -1"),
        (["--step-size", "-0.1"], "--step-size: is -0.1"),
        (["--step-size", "nan"], "--step-size: is nan"),
        (["--temperature", "-1"], "temperature: is -1"),
        (["--critic-scale", "inf"], "--critic-scale: is inf"),
        (["--preset", "best"], "preset: "),
        (["--seed", "-1"], "--seed: is -1; give a whole number from 0"),
        (["--seed", str(2**32)], "--seed: "),
        (["--seed", "1.5"], "--seed: is 1.5; give a whole number"),
        (["--features", "nothing"], "features: 'nothing'"),
        (["--data", "/nowhere"], "data: /nowhere does not exist"),
        (["--files", "/tmp"], "files: is given without a manifest"),
        ([BUNDLED, "more"], "arguments: unrecognized"),
        (["--nonsense"], "arguments: unrecognized"),
        (["--step"], "arguments: "),
    ],
)
def test_refine_names_the_argument(refused, argv, words) -> None:
    assert words in refused("refine", *argv)


def test_missing_arguments_and_unknown_commands_are_refused(capsys) -> None:
    for argv in (
        ["benchmark", "refine"],
        [],
        ["improve"],
        ["train", "stylegan", "data"],
        ["train", "wgan-gp"],
    ):
        assert main(argv) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and err.count("\n") == 1 and ("--help" in err or "use one of" in err)


MANIFEST = """
[pair]
name = "m"
sample_range = [-1, 1]
critic_kind = "logit"
[prior]
kind = "normal"
shape = [4]
[generator]
file = "generator.npz"
layers = [{layer = "dense", out = 16}, {layer = "unflatten", shape = [1, 4, 4]}, {layer = "tanh"}]
[critic]
file = "critic.npz"
layers = [{layer = "flatten"}, {layer = "dense", out = 1}, {layer = "squeeze"}]
"""


@pytest.mark.parametrize(
    "old,new,words",
    [
        ('"dense", out = 16', '"dens", out = 16', "layers[0]"),
        ("shape = [4]", "shap = [4]", "shap"),
        ("[critic]", "[critc]", "critc"),
        ('critic_kind = "logit"', 'critic_kind = "probability"', "critic_kind"),
        ("[1, 4, 4]", "[1, 5, 5]", "layers[1]"),
        ("sample_range = [-1, 1]", "sample_range = [1, -1]", "sample_range"),
        ("generator.npz", "other.npz", "other.npz"),
        ("out = 16", "out = 32", "layers["),
        ("generator.npz", "critic.npz", "generator"),
    ],
)
def test_a_typo_in_a_manifest_is_named(refused, tmp_path, old, new, words) -> None:
    rng = np.random.default_rng(0)
    for name, outputs, inputs in (("generator", 16, 4), ("critic", 1, 16)):
        weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", **{"fc.weight": weight, "fc.bias": np.zeros(outputs, np.float32)})
    (tmp_path / "pair.toml").write_text(MANIFEST.replace(old, new) if old else MANIFEST)
    assert words in refused("refine", tmp_path / "pair.toml")


def _pictures(folder: Path, shape: tuple[int, ...]) -> Path:
    from PIL import Image

    folder.mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_data_that_does_not_fit_the_pair_is_refused(refused, tmp_path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is empty" in refused("benchmark", "refine", BUNDLED, empty)
    small = _pictures(tmp_path / "small", (14, 14))
    assert "resize them to 28x28" in refused("benchmark", "refine", BUNDLED, small)
    oblong = _pictures(tmp_path / "oblong", (28, 20))
    assert "resize them to 28x28" in refused("benchmark", "refine", BUNDLED, oblong)
    assert "square images" in refused("train", "wgan-gp", oblong)
    colour = _pictures(tmp_path / "colour", (28, 28, 3))
    assert "give grey images" in refused("benchmark", "refine", BUNDLED, colour)
    (tmp_path / "split").mkdir()
    np.savez(tmp_path / "split" / "train.npz", x=np.zeros((8, 28, 28), np.uint8))
    assert "split: 'validation' is not in" in refused(
        "benchmark", "refine", BUNDLED, tmp_path / "split", "--split", "validation"
    )


def test_an_output_that_cannot_be_written_is_refused_before_any_work(refused, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/self/refined")):
        for argv in (
            ["refine"],
            ["benchmark", "refine", BUNDLED, "x"],
            ["benchmark", "speed"],
        ):
            assert "error: out: " in refused(*argv, "--out", out)
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(
    "argv,words",
    [
        (["--batch", "0"], "batch: is 0"),
        (["--rounds", "0"], "rounds: is 0"),
        (["nothing-here"], "pair: 'nothing-here'"),
    ],
)
def test_speed_names_the_argument(refused, argv, words) -> None:
    assert words in refused("benchmark", "speed", *argv)


@pytest.mark.slow
@pytest.mark.parametrize("argv", [["dcd", "refine", "--n", "0"], ["benchmarks", "refine"]])
def test_the_exit_code_of_the_process_is_two(argv, tmp_path) -> None:
    here = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-m", *argv], cwd=here, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr


def test_refining_a_pair_without_a_critic_is_refused_before_any_work(refused, tmp_path) -> None:
    layers = [{"layer": "dense", "out": 4}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 2, 2]}]
    generator = init_sequential(jax.random.key(0), layers, (3,))
    pair = make_pair(
        generator, None, Normal((3,)), sample_range=(-1.0, 1.0), critic_kind=None, record=Record(name="alone")
    )
    path = checkpoints.save_pair(tmp_path / "alone", pair)
    line = refused("refine", str(path))
    assert "critic: is missing" in line and "ganrefine tune" in line and "ganrefine adapt" in line
