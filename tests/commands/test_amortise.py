"""``ganrefine amortise`` and ``refine`` on what it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import checkpoints
from ganrefine import main

pytestmark = pytest.mark.slow  # a flow is trained once for the module

FEW = ["--flow-steps", "4", "--flow-batch", "16", "--layers", "2", "--width", "4", "--pool", "64"]
CHAIN = ["--preset", "ddls", "--steps", "2"]


@pytest.fixture(scope="module")
def amortised(stored, tmp_path_factory):
    """What the command wrote for a tiny pair."""
    folder = tmp_path_factory.mktemp("amortised")
    assert main(["amortise", str(stored), *CHAIN, *FEW, "--out", str(folder), "--json"]) == 0
    return folder


@pytest.mark.slow
def test_a_sealed_pair_and_a_report_are_written_and_refine_draws_from_the_pair(amortised, stored, tmp_path):
    report = json.loads((amortised / "report.json").read_text())
    assert report["pair"] == "tiny" and report["chain"]["steps"] == 2 and report["history"]["step"]
    assert (
        set(report["tried"]) == {"0", "1"}
        and report["verified"] is False
        and {"nearness", "effective_share", "score_after", "versions"} <= set(report)
    )
    pair = checkpoints.load_pair(amortised / "pair")
    assert pair.name == "tiny-amortised" and pair.generator.architecture.name == "latent-flow/generator"
    same = checkpoints.load_pair(stored).generator.params
    kept = pair.generator.params["inner"]
    assert all(np.array_equal(a, b) for a, b in zip(_leaves(same), _leaves(kept), strict=True))
    assert main(["refine", str(amortised / "pair"), "--steps", "0", "--n", "8", "--out", str(tmp_path), "--json"]) == 0
    drawn = np.load(tmp_path / "samples.npz")
    np.testing.assert_array_equal(drawn["before"], drawn["after"])


def test_a_chain_on_a_pair_that_is_refined_already_is_warned_of(amortised, tmp_path, capsys):
    for steps, words in (
        ("2", "warning: this pair draws refined samples"),
        ("0", "no steps: these are the generator's samples"),
    ):
        given = ["refine", str(amortised / "pair"), "--steps", steps, "--n", "8", "--out", str(tmp_path / steps)]
        assert main(given) == 0
        printed = capsys.readouterr().out
        assert words in printed and "not verified" not in printed


def test_a_finished_run_is_not_trained_again_and_another_chain_is_refused(amortised, stored, capsys):
    given = ["amortise", str(stored), *FEW, "--out", str(amortised), "--json"]
    before = checkpoints.load_pair(amortised / "pair")
    assert main([*given[:-1], *CHAIN]) == 0
    # two steps of the tiny pair are lost in the noise of 64 samples
    assert "does not differ measurably from the generator" in capsys.readouterr().out
    after = checkpoints.load_pair(amortised / "pair")
    assert all(np.array_equal(a, b) for a, b in zip(_leaves(before), _leaves(after), strict=True))
    assert main([*given, *CHAIN, "--critic-scale", "2"]) == 2
    assert "other settings or data" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more, words",
    [
        (["--preset", "dcd-pixel"], "the noise of the chain adds up"),
        (["--preset", "dcd-latent", "--chain-weight", "0.5"], "chain_weight"),
        (["--chain-weight", "2"], "--chain-weight"),
        (["--preset", "ddls", "--steps", "0"], "at least 1 step"),
    ],
)
def test_what_cannot_be_learned_is_refused_and_nothing_is_written(stored, tmp_path, capsys, more, words):
    out = tmp_path / "out"
    assert main(["amortise", str(stored), *FEW, *more, "--out", str(out)]) == 2
    assert words in capsys.readouterr().err and not out.exists()


def _leaves(tree):
    import jax

    return [np.asarray(v) for v in jax.tree.leaves(tree)]


def test_a_chain_in_sample_space_becomes_a_part_of_the_generator(stored, tmp_path, capsys):
    given = [
        "amortise",
        str(stored),
        "--preset",
        "dcd-pixel",
        "--steps",
        "2",
        "--temperature",
        "0",
        "--out",
        str(tmp_path),
    ]
    assert main(given) == 0 and "nothing was trained" in capsys.readouterr().out
    pair = checkpoints.load_pair(tmp_path / "pair")
    assert pair.name == "tiny-folded" and pair.record["folded"]["steps"] == 2
    assert main(["refine", str(tmp_path / "pair"), "--n", "8", "--steps", "2", "--out", str(tmp_path / "r")]) == 0
    assert "warning: this pair draws refined samples" in capsys.readouterr().out
