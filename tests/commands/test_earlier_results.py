"""Commands say which results of an earlier run they replace, before they work and not where they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.command_lines import run_line, work_replaced


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    x = np.random.default_rng(0).integers(0, 256, (2600, 28, 28), np.uint8)
    np.savez(tmp_path_factory.mktemp("data") / "x.npz", x=x)
    return str(next(tmp_path_factory.getbasetemp().glob("data*/x.npz")))


NET = ["--features", "fashion-mnist-classifier-a"]
COMMANDS = {
    "refine": ["refine", "--n", "8"],
    "benchmark refine": ["benchmark", "refine", "fashion-mnist-wgan-gp", "DATA", "--n", "8", *NET],
    "benchmark leaderboard": [
        *["benchmark", "leaderboard", "fashion-mnist-wgan-gp", "DATA", *NET],
        *["--judge", "fashion-mnist-classifier-b"],
    ],
    "tune": ["tune", "fashion-mnist-wgan-gp", "DATA", *NET],
    "adapt": ["adapt", "fashion-mnist-wgan-gp", "DATA"],
    "path": ["path", "fashion-mnist-wgan-gp"],
    "evaluate": ["evaluate", "DATA", "DATA", *NET],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_replaces_before_it_works(command: str, data: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    line = [data if word == "DATA" else word for word in COMMANDS[command]]
    with work_replaced():
        told = [run_line([*line, "--out", str(out)]).lines for out in (tmp_path, tmp_path / "new")]
    said = f"report.json of an earlier run in {tmp_path} is replaced; --out DIR keeps them"
    assert said in told[0] and not any("earlier run" in text for text in told[1])


def test_several_names_are_one_sentence_and_a_refusal_stays_one_line(tmp_path: Path) -> None:
    for name in ("grid.png", "samples.npz", "report.json"):
        (tmp_path / name).write_bytes(b"")
    with work_replaced():
        told = run_line(["refine", "--n", "8", "--out", str(tmp_path)]).lines
        refused = run_line(["refine", "--n", "8", "--label", "3", "--out", str(tmp_path)])
    assert told[0].startswith("grid.png, samples.npz and report.json of an earlier run")
    assert told[0].endswith("are replaced; --out DIR keeps them")
    assert refused.kind == "refused", refused


@pytest.mark.parametrize("words", [["refine"], ["benchmark", "refine", "fashion-mnist-wgan-gp", "DATA"]])
def test_a_run_in_memory_is_no_guest_of_a_run_in_shards(words: list[str], data: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    line = [data if word == "DATA" else word for word in words]
    with work_replaced():
        found = run_line([*line, "--n", "8", "--out", str(tmp_path)])
    assert found.lines == [
        f"error: out: '{tmp_path}' holds a run in shards (run.json); give another folder with --out DIR"
    ]
