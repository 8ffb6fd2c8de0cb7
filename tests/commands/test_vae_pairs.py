"""Pairs of the autoencoder families go unchanged through refine, adapt, tune, benchmarks refine and interp path."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import jax
import numpy as np
import pytest
from PIL import Image
from small_nets import write_net

from checkpoints import save_pair
from ganrefine import main
from pairs import Record
from pairs.fitting import Job
from pairs.vae import discriminative, label_split, soft_intro
from pairs.vae.nets import VaeConfig

pytestmark = pytest.mark.slow  # each command compiles its own kernels, for each family

SMALL = VaeConfig((8, 8, 1), 4, (16,))
FAMILIES: dict[str, Callable[..., Job]] = {
    "soft-intro-vae": lambda x, y: soft_intro.job(soft_intro.SoftIntro(SMALL), x),
    "label-vae": lambda x, y: label_split.job(
        label_split.LabelSplit(dataclasses.replace(SMALL, sample_range=(-1.0, 1.0)), label_width=2), x, y
    ),
    "discriminative-vae": lambda x, y: discriminative.job(discriminative.Discriminative(SMALL), x, y),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    """Labelled images of the shape that the small net knows."""
    folder = tmp_path_factory.mktemp("vae") / "data"
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (2600, 8, 8, 1), np.uint8)
    for split in ("train", "test"):
        np.savez(folder / f"{split}.npz", x=x, y=np.arange(2600) % 10)
    return str(folder)


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> str:
    return write_net(tmp_path_factory.mktemp("nets") / "net")


@pytest.fixture(scope="module")
def few(data, tmp_path_factory) -> str:
    """The first of them, where no verdict is asked for."""
    folder = tmp_path_factory.mktemp("vae") / "few"
    folder.mkdir()
    with np.load(f"{data}/test.npz") as test:
        np.savez(folder / "test.npz", x=test["x"][:200], y=test["y"][:200])
    return str(folder)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, data, tmp_path_factory) -> str:
    """What training makes of a state before its first update; test_train_vae.py trains."""
    with np.load(f"{data}/train.npz") as train:
        job, key = FAMILIES[request.param](train["x"], train["y"]), jax.random.key(0)
    made = job.to_pair(job.init(key), key, Record(name=request.param))
    return str(save_pair(tmp_path_factory.mktemp(request.param) / "pair", made))


def test_refine_moves_samples_and_judges_them(pair, few, net, tmp_path) -> None:
    how = ["--n", "20", "--steps", "2", "--features", net, "--out"]
    assert main(["refine", pair, *how, str(tmp_path / "a")]) == 0
    assert main(["benchmark", "refine", pair, few, *how, str(tmp_path / "b")]) == 0
    for name in ("a", "b"):
        with np.load(tmp_path / name / "samples.npz") as samples:
            assert samples["before"].shape == samples["after"].shape == (20, 8, 8, 1)


def test_tune_gives_a_verdict_that_refine_follows(pair, data, net, tmp_path) -> None:
    # no time for more than the first choice of each round: test_adapt_and_tune.py searches
    few = ["--critic-steps", "2", "--steps", "2", "--confirm", "500", "--first", "20", "--evaluations", "1"]
    few += ["--batch", "20", "--features", net]  # chains as many at a time as below, for the same compiled programs
    assert main(["tune", pair, data, *few, "--out", str(tmp_path), "--json"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["moves"]) - {"features"} == {"recovered", "maps"}  # on the features alone where maps tell at once
    tuned = ["refine", "--tuned", str(tmp_path / "tuned.toml"), "--n", "20", "--features", net]
    assert main([*tuned, "--out", str(tmp_path / "out"), "--json"]) == 0


def test_paths_join_images_of_the_user(request, pair, few, net, tmp_path) -> None:
    with np.load(f"{few}/test.npz") as test:
        for i in (0, 1):
            Image.fromarray(test["x"][i, ..., 0]).save(tmp_path / f"{i}.png")
    ends = ["--from", str(tmp_path / "0.png"), "--to", str(tmp_path / "1.png"), "--segments", "4", "--points", "5"]
    family = request.node.callspec.params["pair"]
    through = ["--through", few, "--limit", "50", "--classifier", net]  # one family for this
    more = {"label-vae": ["--label", "3"], "soft-intro-vae": through}.get(family, [])
    assert main(["path", pair, *ends, *more, "--out", str(tmp_path / "drawn")]) == 0
    report = json.loads((tmp_path / "drawn" / "report.json").read_text())
    # confidence is at most 1 and badness at least 0: with a classifier no score is positive
    assert report["through"] is None or (report["through"] == few and report["geodesic"]["critic_mean"] < 0)
    assert (report["through"] is None) == (more != through)
    assert (tmp_path / "drawn" / "path.png").is_file() and (tmp_path / "drawn" / "path.gif").is_file()
