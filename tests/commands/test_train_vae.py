"""``ganrefine train`` for the autoencoder families: end to end on tiny images, resumed, refused where due."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from checkpoints import load_pair
from ganrefine import main

pytestmark = pytest.mark.slow  # every family compiles its update and the check of its pair

FAMILIES = {
    "soft-intro-vae": ["--batch", "8", "--latent", "2"],
    "label-vae": ["--batch", "9", "--latent", "2", "--label-width", "2", "--adversary-on", "both"],
    "discriminative-vae": ["--batch", "8", "--latent", "2", "--classifier-steps", "1", "--fitted-prior", "2"],
}


@pytest.fixture
def data(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (48, 8, 8), np.uint8)
    np.savez(tmp_path / "tiny.npz", x=x, y=np.arange(48) % 3)
    return str(tmp_path / "tiny.npz")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_resumed_training_ends_in_the_same_pair_and_compiles_no_update_again(
    family: str, data: str, tmp_path, capsys, compiled: list[str]
) -> None:
    def train(folder: str, steps: int) -> int:
        return main(
            ["train", family, data, *FAMILIES[family], "--steps", str(steps), "--out", str(tmp_path / folder), "--json"]
        )

    assert train("whole", 3) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "whole" / "report.json").read_text())
    assert report["family"] == family and report["steps"] == 3 and report["warnings"] == []
    assert (tmp_path / "whole" / "curves.png").exists() and list((tmp_path / "whole").glob("samples-*.png"))
    updates = {f"jit({name})" for name in ("update", "warm", "play", "teach", "learn")} & set(compiled)
    assert updates
    compiled.clear()
    assert train("parts", 1) == 0
    assert train("parts", 3) == 0
    assert not updates & set(compiled)
    pairs = [load_pair(tmp_path / name / "pair") for name in ("whole", "parts")]
    for name in ("generator", "critic", "encoder", "prior"):
        jax.tree.map(np.testing.assert_array_equal, *(getattr(p, name) for p in pairs))
    assert (pairs[0].classes, pairs[0].critic_kind) == (3 if family == "label-vae" else None, "energy")
    assert (pairs[0].features is not None) == (family == "discriminative-vae")


def test_toy_sets_train_and_wrong_ones_are_one_line(tmp_path, capsys) -> None:
    out = ["--out", str(tmp_path / "toy"), "--json"]
    assert main(["train", "soft-intro-vae", "toy:rings", "--steps", "2", "--batch", "8", *out]) == 0
    assert load_pair(tmp_path / "toy" / "pair").sample_shape == (2,)
    for argv, words in (
        (["soft-intro-vae", "toy:moons"], "toy set 'moons' is unknown"),
        (["label-vae", "toy:rings"], "is a toy set"),
    ):
        assert main(["train", *argv, *out]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
