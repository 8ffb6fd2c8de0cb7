"""``ganrefine refine`` and ``benchmarks refine``: what they print and write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganrefine import main

CONTRACT = {
    "pair",
    "data",
    "n",
    "seed",
    "preset",
    "config",
    "features",
    "reference",
    "before",
    "after",
    "seconds",
    "versions",
    "hardware",
}
SIDE = {"fid", "fid_ci", "kid", "precision", "recall", "density", "coverage", "critic_mean"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of a refinement of 40 samples, by name; each is run once."""
    root = tmp_path_factory.mktemp("refine")
    done: dict[str, Path] = {}

    def run(name: str, *argv: str) -> Path:
        if name not in done:
            assert main(["refine", "--n", "40", *argv, "--out", str(root / name), "--json"]) == 0
            done[name] = root / name
        return done[name]

    return run


def _samples(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "samples.npz") as data:
        assert sorted(data.files) == ["after", "before"]
        return data["before"], data["after"]


@pytest.mark.slow
def test_standard_output_is_the_report_alone_and_fulfils_its_contract(tmp_path, capsys) -> None:
    assert main(["refine", "--n", "40", "--steps", "2", "--out", str(tmp_path / "new"), "--json"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert "error" not in printed.err and report == json.loads((tmp_path / "new" / "report.json").read_text())
    assert set(report) >= CONTRACT
    assert set(report["before"]) >= SIDE and set(report["after"]) >= SIDE
    assert set(report["features"]) >= {"name", "dim", "sha256"} and set(report["reference"]) >= {"split", "n"}
    assert set(report["seconds"]) == {"compile", "sample", "features"} and report["config"]["steps"] == 2
    assert (report["n"], report["seed"], report["verified"]) == (40, 0, False)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["grid.png", "report.json", "samples.npz"]
    before, after = _samples(tmp_path / "new")
    assert before.shape == after.shape == (40, 28, 28, 1) and before.dtype == after.dtype == np.uint8
    assert np.any(before != after)
    Image.open(tmp_path / "new" / "grid.png").verify()


@pytest.mark.slow
def test_one_seed_is_one_set_of_samples_whatever_the_batch(runs) -> None:
    a, b = _samples(runs("a", "--steps", "2")), _samples(runs("b", "--steps", "2", "--batch", "1000"))
    other = _samples(runs("c", "--steps", "2", "--seed", "4294967295"))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])
    assert np.any(a[0] != other[0])


@pytest.mark.slow
def test_no_steps_leave_the_samples_unchanged(runs) -> None:
    before, after = _samples(runs("zero", "--steps", "0"))
    np.testing.assert_array_equal(before, after)
    report = json.loads((runs("zero") / "report.json").read_text())
    assert report["difference"]["fid"] == 0 and report["acceptance"] is None


@pytest.mark.slow
def test_files_already_in_the_folder_stay_and_old_results_are_replaced(tmp_path, capsys) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.json").write_text("{}")
    assert main(["refine", "--n", "40", "--steps", "0", "--out", str(tmp_path), "--json"]) == 0
    said = f"report.json of an earlier run in {tmp_path} is replaced; --out DIR keeps them"
    assert capsys.readouterr().err.splitlines() == [said]
    assert (tmp_path / "notes.txt").read_text() == "mine" and json.loads((tmp_path / "report.json").read_text())[
        "n"
    ] == 40


@pytest.mark.slow
def test_the_benchmark_judges_on_a_folder_of_pictures_and_writes_a_page(tmp_path, capsys) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "fashion-mnist").mkdir()
    for i in range(40):
        pixels = rng.integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "fashion-mnist" / f"{i:02d}.png")
    out = tmp_path / "out"
    argv = ["fashion-mnist-wgan-gp", str(tmp_path / "fashion-mnist"), "--n", "40", "--steps", "2"]
    assert main(["benchmark", "refine", *argv, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "FD (classifier features)" in printed.out
    report = json.loads((out / "report.json").read_text())
    assert (report["data"], report["reference"]["n"]) == ("fashion-mnist", 40)
    assert "<table>" in (out / "report.html").read_text()
