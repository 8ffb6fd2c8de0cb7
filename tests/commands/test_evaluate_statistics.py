"""``ganrefine evaluate`` with statistics in place of real images."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ganrefine import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        x = np.zeros((40, 28, 28), np.uint8)
        for image in x:
            image[: rng.integers(2, 28), 4:24] = rng.integers(120, 256)
        np.savez(folder / f"{name}.npz", x=x)
    np.savez(folder / "foreign.npz", mu=np.zeros(128), sigma=np.eye(128))
    return folder


def test_written_statistics_give_the_figures_of_the_images_that_they_are_of(files, capsys):
    real, fake, statistics = (str(files / name) for name in ("real.npz", "fake.npz", "statistics.npz"))
    net = ["--features", "mnist-classifier-a", "--json"]
    assert main(["evaluate", real, fake, *net, "--write-statistics", statistics]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["evaluate", statistics, fake, "--json"]) == 0  # the file names its net
    second = json.loads(capsys.readouterr().out)
    for name in ("n", "metrics", "features", "reference", "neighbours", "warnings"):
        assert first[name] == second[name], name
    assert first["reference"]["n"] == 40 and set(first["metrics"]) > {"kid", "coverage"}
    assert set(first["further"]["classes"]) == {"images", "real"} and set(second["further"]["classes"]) == {"images"}
    assert first["further"]["nearest"] == second["further"]["nearest"]


@pytest.mark.parametrize(
    "line, words",
    [
        (
            ["real.npz", "--write-statistics", "real.npz"],
            "write-statistics: .*is there already; give the name of a new",
        ),
        (["real.npz", "--write-statistics", "new.txt"], "write-statistics: .*give a name that ends in .npz"),
        (["foreign.npz"], "features: are not given, and .* is of Inception; give the file of Inception weights"),
        (["foreign.npz", "--features", "mnist-classifier-a"], "statistics: .*does not say which net"),
        (["real.npz", "--features", "mnist-classifier-a", "--resize", "clean-fid"], "resize: .*leave it out"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_measured(files, monkeypatch, capsys, line, words):
    monkeypatch.chdir(files)
    held = {p: p.read_bytes() for p in files.iterdir()}
    assert main(["evaluate", line[0], "fake.npz", *line[1:]]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and re.match(f"error: {words}", error)
    assert {p: p.read_bytes() for p in files.iterdir()} == held
