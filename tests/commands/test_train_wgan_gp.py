"""``ganrefine train wgan-gp``: end to end on a few tiny images, resumed, and refused where it must be."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from checkpoints import load_pair
from ganrefine import main

pytestmark = pytest.mark.slow  # every run compiles an update and the generator's statistics


def test_a_resumed_training_ends_in_the_same_pair_and_refuses_other_settings(tmp_path, capsys, compiled) -> None:
    data = tmp_path / "tiny.npz"
    np.savez(data, x=np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8))
    small = ["train", "wgan-gp", str(data), "--batch", "8", "--latent", "4", "--width", "2", "--critic-steps", "1"]

    def train(folder: str, *argv: str) -> int:
        return main([*small, "--out", str(tmp_path / folder), "--json", *argv])

    assert train("whole", "--steps", "4") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "whole" / "report.json").read_text())
    assert report["data_n"] == 64 and report["history"]["step"] == [4] and report["steps"] == 4
    pair = load_pair(tmp_path / "whole" / "pair")
    assert pair.sample_shape == (8, 8, 1) and pair.critic_kind == "wasserstein"

    assert "jit(update)" in compiled
    compiled.clear()
    assert train("parts", "--steps", "2") == 0
    assert train("parts", "--steps", "4") == 0
    assert "jit(update)" not in compiled
    capsys.readouterr()
    resumed = load_pair(tmp_path / "parts" / "pair")
    jax.tree.map(np.testing.assert_array_equal, (pair.generator, pair.critic), (resumed.generator, resumed.critic))

    for argv, words in (
        (["--steps", "4", "--seed", "1"], "other settings or data"),
        (["--steps", "4", "--width", "4"], "other settings or data"),
        (["--steps", "3"], "steps: is 3, 4 are done"),
    ):
        assert train("parts", *argv) == 2
        error = capsys.readouterr().err
        assert words in error and error.startswith("error: ") and error.count("\n") == 1

    assert train("hot", "--steps", "30", "--learning-rate", "1000000") == 2
    assert "is not finite" in capsys.readouterr().err
    assert not (tmp_path / "hot").exists()
