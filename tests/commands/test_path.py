"""``ganrefine path``: files and report of the contract, one-line errors, exit code 2, nothing half-written."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from PIL import Image

import checkpoints
import pairs
from ganrefine import main
from interp.ends import find_ends, read_ends, read_picture
from pairs.io.pixels import to_uint8
from pairs.sequential.spec import init_sequential


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    layers = [{"layer": "dense", "out": 64}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 8, 8]}]
    scored = [{"layer": "flatten"}, {"layer": "dense", "out": 8}, {"layer": "silu"}, {"layer": "dense", "out": 1}]
    pair = pairs.make_pair(
        init_sequential(jax.random.key(0), layers, (4,)),
        init_sequential(jax.random.key(1), [*scored, {"layer": "squeeze"}], (8, 8, 1)),
        pairs.Normal((4,)),
        sample_range=(-1, 1),
        critic_kind="wasserstein",
    )
    return str(checkpoints.save_pair(tmp_path_factory.mktemp("pair") / "tiny", pair))


@pytest.mark.slow
def test_path_writes_pictures_and_the_report_of_the_contract(stored, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["path", stored, "--from", "1", "--to", "2", "--points", "6", "--segments", "8", "--out", str(out)]
    arguments += ["--through", "80", "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    report = json.loads((out / "report.json").read_text())
    assert printed == report
    assert {"pair", "seed", "metric", "calibration"} <= set(report)
    assert (report["through"], report["classifier"], report["answer"]) == (80, None, "geodesic")
    assert all({"choice", "why"} <= set(entry) for entry in report["decided"].values())
    fields = {"energy", "length", "critic_min", "critic_mean", "speed_ratio", "radius_min", "evaluations", "converged"}
    for method in ("linear", "slerp", "geodesic"):
        assert fields <= set(report[method])
    assert Image.open(out / "path.png").size[0] > 500
    with Image.open(out / "path.gif") as movie:
        assert getattr(movie, "n_frames", 1) == 10  # six there, four back
    with Image.open(out / "path.webp") as film:
        assert getattr(film, "n_frames", 1) == 10
    page = (out / "path.html").read_text()
    assert page.count('<input type="range"') == 6 and "http" not in page  # one slider a method, nothing loaded
    assert Image.open(out / "sheet.png").size[0] > 100
    assert not list(out.glob(".*"))


@pytest.mark.slow
def test_a_blind_critic_gives_slerp_with_a_word_why(stored, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["path", stored, "--points", "5", "--segments", "8", "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    evidence = report["decided"]["critic"]["evidence"]
    assert not evidence["tells"] and report["answer"] == "slerp" and "geodesic" not in report
    assert report["plain"]["length_over_plain"] == 1 and "does not tell" in report["decided"]["critic"]["why"]


@pytest.mark.slow
def test_with_data_a_critic_is_trained_once_and_every_frame_is_judged(stored, tmp_path, capsys):
    rng = np.random.default_rng(0)
    data, out = tmp_path / "real.npz", tmp_path / "out"
    np.savez(data, x=rng.integers(0, 256, (1200, 8, 8, 1)).astype(np.uint8))
    arguments = ["path", stored, str(data), "--via", "7", "--loop", "--points", "5", "--segments", "8"]
    arguments += ["--critic", "trained", "--updates", "20", "--json"]  # twenty updates tell nothing
    kept = ["--kept", str(tmp_path / "kept")]
    reports = []
    for folder in ("one", "two"):
        assert main([*arguments, *kept, "--out", str(out / folder)]) == 0
        captured = capsys.readouterr()
        reports.append(json.loads(captured.out))
    assert "trained before" in captured.err  # the second time nothing is trained
    first, second = reports
    assert first["geodesic"] == second["geodesic"] and first["decided"] == second["decided"]
    assert (first["legs"], first["frames"], first["answer"]) == (3, 13, "geodesic")
    assert first["decided"]["critic"]["choice"] == "trained" and first["judge"]["kind"] == "random"
    for method in ("linear", "slerp", "matched", "plain", "geodesic", "cross_fade"):
        assert {"distance", "worst", "off_data", "jump", "pixel_jump"} <= set(first[method])


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra, field",
    [
        (["--points", "1"], "points"),
        (["--segments", "1"], "segments"),
        (["--ratio", "0.5"], "ratio"),
        (["--metric", "pair"], "metric"),
        (["--label", "3"], "--label"),
        (["--to-label", "3"], "--to-label"),
        (["--critic", "trained"], "--critic"),
        (["--updates", "5"], "--updates"),
        (["--judge", "random"], "--judge"),
        (["--via", "none.png"], "--via"),
        (["--preset", "paper"], "preset"),
        (["--critic-on", "pixel"], "--critic-on"),
        (["--from", "-1"], "--from"),
        (["--to", "none.png"], "--to"),
        (["--to", __file__], "--to"),
        (["--files", "."], "manifest"),
        (["--keep", "box"], "keep"),
        (["--keep", "sphere", "--through", "80"], "--through"),
        (["--mode", "none", "--through", "80"], "--through"),
        (["--mode", "none", "--classifier", "mnist-classifier-a"], "--classifier"),
        (["--through", "10"], "--through"),
        (["--through", "."], "--through"),
        (["--classifier", "none"], "--classifier"),
        (["--classifier", "mnist-classifier-a"], "classifier"),
    ],
)
def test_bad_arguments_are_one_line_and_code_two(stored, tmp_path, capsys, extra, field):
    out = tmp_path / "out"
    assert main(["path", stored, "--out", str(out), *extra]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    # an option that its own bounds refuse is named with its dashes, one that the pair refuses without them
    assert len(lines) == 1 and lines[0].removeprefix("error: ").lstrip("-").startswith(f"{field.lstrip('-')}:")
    assert not out.exists()


def test_a_pair_that_is_not_there_is_one_line_and_code_two(tmp_path, capsys):
    assert main(["path", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_picture_the_generator_drew_is_found_again(stored, tmp_path):
    """Its latent exists, so what is left is the rounding to bytes (0.0023 rms in [-1, 1]) and the solver's stop."""
    pair = checkpoints.load_pair(stored)
    drawn = pair.generate(pair.prior.sample(jax.random.key(5), 1))
    path = tmp_path / "drawn.png"
    Image.fromarray(to_uint8(drawn[0], pair.sample_range)[..., 0]).save(path)
    given = path, 3
    found = find_ends(pair, given, read_ends(pair, given, None), jax.random.key(0))
    assert float(found.inversions["from"]["error"]) < 0.02 and "to" not in found.inversions
    assert (found.z[1] == pair.prior.sample(jax.random.key(3), 1)).all()


def test_pictures_of_another_size_are_cut_and_scaled(stored, tmp_path):
    pair = checkpoints.load_pair(stored)
    path = tmp_path / "wide.png"
    Image.new("RGB", (64, 32), (255, 255, 255)).save(path)
    assert read_picture(pair, path, "--from").tolist() == [[[1.0]] * 8] * 8


@pytest.mark.parametrize("kind", ["EPS", "GIF", "BMP", "PPM"])
def test_only_png_and_jpeg_are_decoded_whatever_a_picture_is_called(stored, tmp_path, kind):
    path = tmp_path / "end.png"
    Image.new("RGB", (8, 8)).save(path, kind)
    with pytest.raises(pairs.InputError, match="--from: .* is no PNG and no JPEG picture"):
        read_picture(checkpoints.load_pair(stored), path, "--from")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(stored, tmp_path):
    Image.new("1", (5000, 5000)).save(tmp_path / "end.png")
    with pytest.raises(pairs.InputError, match="--from: .* has 5000x5000 pixels"):
        read_picture(checkpoints.load_pair(stored), tmp_path / "end.png", "--from")


def test_key_and_seed_fix_the_ends(stored):
    pair = checkpoints.load_pair(stored)
    first, again = (pair.prior.sample(jax.random.key(3), 1) for _ in range(2))
    assert (first == again).all()
