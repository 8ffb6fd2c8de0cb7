"""Evaluation blocks, reports and pictures."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import evaluate, evaluate_one, load_features, reference_from
from ganrefine import main
from pairs import InputError
from pairs.io.files import write_bytes
from pairs.io.html_report import write_html
from pairs.io.pictures import before_after_grid, grid, save_grid
from pairs.io.quality_table import figure_text, protocol_line, quality_table
from pairs.io.reports import hardware, versions, write_json

METRICS = ["fid", "kid", "precision", "recall", "density", "coverage"]
BLOCK = [key for name in METRICS for key in (name, f"{name}_ci")]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Bars of random place and brightness: structured, so that features differ."""
    rng = np.random.default_rng(0)
    x = np.zeros((120, 28, 28, 1), np.uint8)
    for image in x:
        i, w = rng.integers(2, 20), rng.integers(2, 6)
        image[i : i + w, 4:24] = rng.integers(120, 256)
    return x


@pytest.fixture(scope="module")
def net():
    return load_features("mnist-classifier-a")


@pytest.fixture(scope="module")
def noisy(images) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 40, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def result(net, images, noisy):
    return evaluate(net, noisy[:60], images[:60], reference_from(net, images[60:]))


@pytest.mark.slow
def test_blocks_have_the_agreed_keys_and_less_noise_is_nearer(result):
    assert list(result["before"]) == BLOCK and list(result["after"]) == BLOCK
    assert list(result["difference"]) == BLOCK
    assert result["neighbours"] == {"drawn": 60, "of": 60, "seed": 0}
    assert [words.split(" for ")[0] for words in result["warnings"]] == ["60 samples", "60 real images"]
    assert set(result["features"]) == {"name", "dim", "sha256"}
    assert result["reference"] == {"split": "given", "n": 60, "rows": 60}
    assert result["difference"]["fid_ci"][1] < 0 and result["difference"]["kid_ci"][1] < 0
    assert result["after"]["coverage"] > result["before"]["coverage"]
    assert result["difference"]["fid"] == pytest.approx(result["after"]["fid"] - result["before"]["fid"])
    json.dumps(result, allow_nan=False)


@pytest.mark.slow
def test_identical_sets_do_not_differ_and_the_bundled_reference_is_the_default(net, images):
    same = evaluate(net, images, images)
    assert same["difference"] == {key: [0.0, 0.0] if key.endswith("_ci") else 0.0 for key in BLOCK}
    assert [words.split(" for ")[0] for words in same["warnings"]] == ["120 samples"]
    assert same["reference"] == {"split": "test", "n": 10000, "rows": 2000}


class Pixels:
    """The first two pixels as features."""

    name, dim, sha256, card = "pixels", 2, "", {}

    def __call__(self, x):
        return x.reshape(len(x), -1)[:, :2].astype(np.float32)


def test_images_sorted_by_class_measure_as_mixed_ones_do():
    rng = np.random.default_rng(0)
    draw = lambda n: np.clip(rng.normal(20 + 20 * (np.arange(n) * 10 // n)[:, None], 6, (n, 4)), 0, 255)
    real, fake = (draw(n).reshape(n, 2, 2, 1).astype(np.uint8) for n in (2000, 4000))
    sides = [
        evaluate_one(Pixels(), x, reference_from(Pixels(), y, rows=400))
        for x, y in ((fake, real), (rng.permutation(fake), rng.permutation(real)))
    ]
    head = evaluate_one(Pixels(), fake[:400], reference_from(Pixels(), real, rows=400))
    for name in ("precision", "recall", "coverage"):
        first, second = (side["metrics"][name] for side in sides)
        assert abs(first - second) < 0.08, name  # two draws of 400 each: four standard errors of 0.02
    assert head["metrics"]["recall"] < sides[0]["metrics"]["recall"] - 0.5  # what taking the first ones would do
    assert sides[0]["neighbours"] == {"drawn": 400, "of": 4000, "seed": 0}


def test_unequal_or_too_few_images_are_refused(net, images):
    with pytest.raises(InputError, match="equally many"):
        evaluate(net, images[:9], images[:8])
    with pytest.raises(InputError, match="more than 5"):
        evaluate(net, images[:5], images[:5])


@pytest.mark.slow
def test_command_compares_two_sets_of_files(tmp_path, capsys, images, noisy):
    np.savez(tmp_path / "real.npz", x=images[60:])
    np.savez(tmp_path / "fake.npz", before=noisy[:60], after=images[:60])
    call = ["evaluate", str(tmp_path / "real.npz"), str(tmp_path / "fake.npz"), "--features", "mnist-classifier-a"]
    assert main([*call, "--json", "--out", str(tmp_path / "out")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert main([*call, "--json", "--array", "before"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["fid"] > report["metrics"]["fid"]
    assert main(call) == 0
    assert "FD (classifier features)" in capsys.readouterr().out
    assert main([*call, "--array", "nothing"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: data:") and error.count("\n") == 1


def test_a_table_without_its_protocol_is_not_printed_and_only_inception_is_called_fid(result):
    names = lambda report: list(quality_table(report).columns[0].cells)
    assert names(result)[:2] == ["FD (classifier features)", "KD"]
    assert names({**result, "features": {"name": "inception-2015", "dim": 2048, "sha256": ""}})[0] == "FID (Inception)"
    unknown = protocol_line({**result, "reference": {"split": "stl10", "n": None, "rows": 0}})
    assert "reference statistics 'stl10', 95" in unknown and "test split" not in unknown
    with pytest.raises(InputError, match="protocol"):
        quality_table({k: v for k, v in result.items() if k != "reference"})


def test_json_is_written_whole_with_null_for_what_is_not_a_number(tmp_path):
    write_json(tmp_path / "a" / "report.json", {"x": np.float32(1.5), "y": [np.nan, np.inf], "z": np.arange(2)})
    assert json.loads((tmp_path / "a" / "report.json").read_text()) == {"x": 1.5, "y": [None, None], "z": [0, 1]}
    with pytest.raises(TypeError):
        write_json(tmp_path / "a" / "report.json", {"x": object()})
    assert json.loads((tmp_path / "a" / "report.json").read_text())["x"] == 1.5
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["report.json"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "report.json", b"")


def test_html_is_one_file_with_pictures_inside_and_escaped_text(tmp_path, result, images):
    write_html(tmp_path / "r.html", {**result, "pair": "<b>"}, {"a < b": grid(images[:4])})
    text = (tmp_path / "r.html").read_text()
    assert "data:image/png;base64," in text and "a &lt; b" in text and "<b>" not in text
    assert "http" not in text and "FD (classifier features)" in text


def test_figures_have_the_digits_that_their_interval_allows():
    assert figure_text(27.634, 1.93) == "27.6 ± 1.9" and figure_text(12345.6, 431.0) == "12350 ± 430"
    assert figure_text(-0.000723, 0.015) == "-0.001 ± 0.015" and figure_text(0.0, 0.0) == "0"
    assert figure_text(float("nan"), 1.0) == "nan" and figure_text(True) == "True"


def test_versions_and_hardware_name_what_was_used():
    assert {"python", "jax", "flax", "numpy"} <= set(versions())
    assert {"cpu", "cores", "backend", "device"} <= set(hardware()) and hardware()["cores"] >= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_puts_images_row_by_row(tmp_path, channels):
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 3, channels), dtype=np.uint8)
    sheet = grid(x, columns=3, pad=1)
    assert sheet.shape == (2 * 5 + 1, 3 * 4 + 1, channels)
    assert np.array_equal(sheet[6:10, 5:8], x[4]) and np.all(sheet[6:10, 9:12] == 255)
    save_grid(tmp_path / "g.png", x, columns=3, pad=1)
    stored = np.asarray(Image.open(io.BytesIO((tmp_path / "g.png").read_bytes())))
    assert np.array_equal(stored.reshape(sheet.shape), sheet)


def test_before_stands_above_after():
    x, y = np.zeros((5, 4, 4, 1), np.uint8), np.full((5, 4, 4, 1), 9, np.uint8)
    sheet = before_after_grid(x, y, columns=3, rows=2, pad=1, zoom=1)
    band = 2 * 5 + 1
    assert sheet.shape == (2 * band + 3, 3 * 5 + 1, 1)
    assert np.all(sheet[1:5, 1:5] == 0) and np.all(sheet[6:10, 1:5] == 9)
    second = sheet[band + 3 :]
    assert np.all(second[1:5, 6:10] == 0) and np.all(second[6:10, 6:10] == 9)
    assert np.all(second[:, 11:] == 255)  # only five samples
    with pytest.raises(InputError):
        before_after_grid(x, y[:4])
