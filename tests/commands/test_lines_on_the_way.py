"""Lines that commands print on their way and at their end: progress of a draft, DATA kept in the next command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.drafts.critics import MadeCritic, by_critic
from checkpoints.drafts.drafting import Draft
from checkpoints.drafts.generators import MadeGenerator
from checkpoints.drafts.layers import DraftedNet
from ganrefine import main


def _generator(end: str, span: tuple[float, float], *rivals: MadeGenerator) -> MadeGenerator:
    return MadeGenerator(DraftedNet("generator", {}, {}, 0), (), {}, end, span, np.zeros((0, 1)), (), rivals)


def test_a_draft_has_a_line_for_each_further_end_before_its_critic_is_tried() -> None:
    happened: list[str] = []
    rivals = _generator("sigmoid", (0, 1)), _generator("none", (-1, 1))

    def make(maker: MadeGenerator) -> MadeCritic:
        happened.append(f"made {maker.end}")
        return MadeCritic(DraftedNet("critic", {}, {}, 0), (), told={"sigmoid": 0.9}.get(maker.end, 0.5))

    first = _generator("tanh", (-1, 1), *rivals)
    taken, _ = by_critic(first, make(first), make, True, happened.append)
    said = [f"trying the critic on end {i} of 3; --end leaves this out" for i in (2, 3)]
    assert happened == ["made tanh", said[0], "made sigmoid", said[1], "made none"] and taken.end == "sigmoid"
    happened.clear()
    by_critic(_generator("tanh", (-1, 1)), make(first), make, True, happened.append)
    assert happened == ["made tanh"]


@pytest.fixture
def drafted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft of any files, which says that it tries an end."""

    def draft(*args: Any, on_progress: Any = None, **settings: Any) -> Draft:
        if on_progress is not None:
            on_progress("trying an end")
        return Draft("[pair]\n", (), (), ())

    monkeypatch.setattr("checkpoints.drafts.drafting.draft_manifest", draft)


@pytest.mark.parametrize("more", [[], ["--array", "other images"]])
def test_a_draft_shows_its_progress_and_its_next_step_keeps_data(drafted, more, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my data").mkdir()
    np.savez("my data/x.npz", **{name: np.zeros((8, 4, 4, 1), np.uint8) for name in ("x", "other images")})
    call = ["draft", "g.npz", "--sample", "4x4x1", "--data", "my data/x.npz", *more]
    assert main([*call, "--limit", "6", "--out", "pair.toml"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "trying an end"
    wanted = ["ganrefine", "import", "pair.toml", "--out", "pair-imported", "--data", "my data/x.npz", *more]
    assert shlex.split(lines[-1].removeprefix("next: ")) == wanted
    assert main([*call, "--json"]) == 0 and not capsys.readouterr().err


def test_the_next_step_of_a_draft_without_data_names_none(drafted, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["draft", "g.npz", "--sample", "4x4x1", "--out", "pair.toml"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "next: ganrefine import pair.toml --out pair-imported"


@pytest.fixture
def refined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refinement that computes nothing."""
    report = {"stopped": 0, "config": {"steps": 1}}
    monkeypatch.setattr("benchmarks.refinement.refine_and_judge", lambda *_: (report, None))
    monkeypatch.setattr("benchmarks.refinement.write_samples", lambda *_: None)
    monkeypatch.setattr("pairs.io.quality_table.print_report", lambda *_: None)


def test_the_next_step_of_refine_with_data_tunes_on_them(refined, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("my data.npz", pictures=np.zeros((8, 28, 28), np.uint8))
    net = ["--features", "fashion-mnist-classifier-a"]
    data = ["--data", "my data.npz", "--array", "pictures", "--limit", "7"]
    assert main(["refine", "fashion-mnist-wgan-gp", "--n", "8", *data, *net]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "next: ganrefine tune fashion-mnist-wgan-gp 'my data.npz' --array pictures"
    assert main(["refine", "fashion-mnist-wgan-gp", "--n", "8"]) == 0
    assert "next: " not in capsys.readouterr().out
