"""What a report of paths says of its frames, and its table for any name."""

from __future__ import annotations

import pytest

from benchmarks.paths.report import _steps, print_table
from interp.settings import GeodesicSettings


def test_a_name_with_brackets_is_printed_as_it_is(capsys):
    decided = {"critic": {"choice": "own", "why": "[b] asks for it"}, "answer": {"choice": "slerp", "why": "x"}}
    print_table({"pair": "gan[/v2]", "protocol": "", "judge": None, "decided": decided, "answer": "slerp", "slerp": {}})
    printed = capsys.readouterr().out
    assert "gan[/v2]" in printed and "[b] asks for it" in printed


@pytest.mark.parametrize("resample, legs, even", [("feature", 1, True), ("none", 1, False), ("none", 2, True)])
def test_the_protocol_says_where_steps_of_geodesics_are_not_equal(resample, legs, even):
    said = _steps(GeodesicSettings(resample=resample), 9, legs)
    assert ("equal distance in the metric for every method" in said) is even
    assert ("equal steps of the curve's parameter" in said) is not even
