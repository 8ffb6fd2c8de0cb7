"""Command lines drawn at random from the parsers' own definitions, wrong values among the right ones."""

from __future__ import annotations

import argparse
import collections
import contextlib

import numpy as np
import pytest

import benchmarks.refinement
from benchmarks.commands.argument_types import Count, CountOrPath, FilePath, Interval, Number, Part, PathText, Text
from benchmarks.studies.command_lines import WorkReached, run_line, work_replaced
from benchmarks.studies.random_arguments import commands, draw_line, make_inputs, parser_of


@pytest.mark.parametrize("lines", [260, pytest.param(2_002, marks=pytest.mark.slow)])
def test_every_line_ends_in_at_most_one_line_and_exit_0_or_2(lines, tmp_path, monkeypatch) -> None:
    (tmp_path / "inputs").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    rng, names = np.random.default_rng(19), commands()
    inputs = make_inputs(tmp_path / "inputs")
    held = sorted(p.name for p in (tmp_path / "inputs").iterdir())
    ended: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in names}
    with work_replaced():
        for i in range(lines):
            name = names[i % len(names)]
            line = draw_line(name, inputs, rng)
            found = run_line(line)
            assert found.kind in ("accepted", "refused", "help"), (line, found)
            ended[name][found.kind] += 1
    assert sum(map(sum, (counts.values() for counts in ended.values()))) == lines
    # a draw that refuses everything, or nothing, would prove nothing
    accepted = sum(counts["accepted"] for counts in ended.values())
    assert lines // 20 < accepted < lines // 2 and all(counts["refused"] > lines // 100 for counts in ended.values())
    if lines > 2000:
        assert all(ended[name]["accepted"] for name in set(names) - {"import", "draft", "evaluate"}), ended
    assert sorted(p.name for p in (tmp_path / "inputs").iterdir()) == held
    assert not list((tmp_path / "here").iterdir())


def test_a_line_that_would_run_is_stopped_where_work_begins(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with work_replaced():
        assert run_line(["refine", "--n", "10"]).kind == "accepted"
        with pytest.raises(WorkReached):
            benchmarks.refinement.refine_and_judge(*(None,) * 5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [c for c in commands() if c not in ("import", "inspect")])
def test_every_argument_has_a_type_with_bounds_or_a_list_of_choices(command) -> None:
    bounded = (Count, CountOrPath, FilePath, Interval, Number, Part, PathText, Text)
    actions = list(parser_of(command)._actions)
    for sub in [a for a in actions if isinstance(a, argparse._SubParsersAction)]:
        actions += [a for family in sub.choices.values() for a in family._actions]
    named = {a.dest: a for a in actions if a.nargs != 0 and not isinstance(a, argparse._SubParsersAction)}
    assert named
    for dest, action in named.items():
        assert isinstance(action.type, bounded) or action.choices is not None or dest == "sample", dest


@pytest.mark.parametrize("kind", [Count(2, 9), Number(2, 9), CountOrPath(2, 9), Interval(9), Part(9)])
def test_a_type_refuses_what_lies_outside_its_bounds_and_says_them(kind) -> None:
    for text in (
        "1",
        "10",
        "-1",
        "1000000000000",
        "9" * 5000,
        *(() if isinstance(kind, CountOrPath) else ("nan", "x", "")),
    ):
        with pytest.raises(argparse.ArgumentTypeError) as refusal:
            kind(text)
        assert (
            "; give " in str(refusal.value)
            and "9" in str(refusal.value).partition("; ")[2]
            and len(str(refusal.value)) < 200
        )
    with contextlib.suppress(argparse.ArgumentTypeError):
        assert kind("2") == 2 and kind("9") == 9
