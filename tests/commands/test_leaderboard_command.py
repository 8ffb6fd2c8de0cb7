"""``ganrefine benchmark leaderboard`` from the command line to its files, with two of its methods."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from small_nets import write_net

import benchmarks.leaderboard.board
from checkpoints import save_pair
from ganrefine import main
from pairs import Normal, Pair, Record
from pairs.sequential.spec import init_sequential

QUICK = ("--n", "40", "--tried", "20", "--budgets", "4", "2", "--critic-steps", "2", "--batch", "20")


@pytest.fixture
def inputs(tmp_path):
    """A pair of small nets, noise in two splits, and two feature nets."""
    key = jax.random.key(0)
    layers = [{"layer": "dense", "out": 64}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 8, 8]}]
    score = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = init_sequential(key, layers, (4,)), init_sequential(key, score, (8, 8, 1))
    pair = Pair(*nets, Normal((4,)), (8, 8, 1), (-1.0, 1.0), "wasserstein", record=Record(name="tiny"))
    save_pair(tmp_path / "pair", pair)
    (tmp_path / "data").mkdir()
    for split, n in (("train", 500), ("test", 60)):
        x = np.random.default_rng(n).integers(0, 256, (n, 8, 8, 1), np.uint8)
        np.savez(tmp_path / "data" / f"{split}.npz", x=x)
    nets = [write_net(tmp_path / arch, arch) for arch in ("a", "b")]
    return [str(tmp_path / "pair"), str(tmp_path / "data"), *QUICK], nets


def line(inputs, chooser, judge, out):
    return ["benchmark", "leaderboard", *inputs, "--features", chooser, "--judge", judge, "--out", str(out)]


@pytest.mark.slow
def test_the_command_writes_report_and_plot_and_reads_its_entries_again(inputs, tmp_path, monkeypatch, capsys):
    chosen = [m for m in benchmarks.leaderboard.board.METHODS if m.name in ("ddls", "obrs")]
    monkeypatch.setattr(benchmarks.leaderboard.board, "METHODS", chosen)
    out = tmp_path / "out"
    given = line(inputs[0], *inputs[1], out)
    assert main(given) == 0
    shown = capsys.readouterr().out
    assert "own critic" in shown and "recovered critic" in shown and "needs" in shown and "warning: " in shown
    report = json.loads((out / "report.json").read_text())
    assert (out / "leaderboard.png").read_bytes().startswith(b"\x89PNG")
    # two gradients pay no step of a chain, whose start and last pass cost more than one of them
    assert [(r["method"], r["budget"]) for r in report["too_dear"]] == [("ddls", 2.0)] * 2
    assert [(e["critic"], e["method"], e["budget"]) for e in report["entries"]] == [
        (critic, method, budget)
        for critic in ("own", "recovered")
        for method, budget in (("ddls", 4.0), ("obrs", 2.0), ("obrs", 4.0))
    ]
    assert report["judge"]["name"] == "b" and report["chooser"]["name"] == "a"
    assert report["counts"] == {"critics": 425, "calibration": 75, "validation": 30, "judged": 30}
    made = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.suffix not in (".json", ".png")}
    assert main([*given, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert all(again[k] == report[k] for k in set(report) - {"seconds"})
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.suffix not in (".json", ".png")} == made


def test_one_net_for_both_is_refused_in_a_line(inputs, tmp_path, capsys):
    words, (_, judge) = inputs
    assert main(line(words, judge, judge, tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --judge: is b") and error.count("\n") == 1


def test_code_that_the_pair_does_not_need_is_refused_and_not_ignored(inputs, tmp_path, capsys):
    (tmp_path / "nets.py").write_text("make = None")
    words, nets = inputs
    assert main([*line(words, *nets, tmp_path / "out"), "--factory", f"{tmp_path / 'nets.py'}:make"]) == 2
    assert capsys.readouterr().err.startswith("error: factory: is given, and no net of 'tiny' is code of yours")
