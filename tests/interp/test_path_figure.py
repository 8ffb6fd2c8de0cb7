"""The figure of a path can be read: axes with values, and each method drawn in one way throughout."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import interp
import pairs
from interp.pictures import path_figure


@pytest.fixture(scope="module")
def figure():
    pair = pairs.make_pair(
        pairs.wrap(lambda p, z: z + 0.3 * z**2),
        pairs.wrap(lambda p, x: -(x**2).sum(1)),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(mode="none", points=5, segments=4, evaluations=2, restarts=0)
    found = interp.compare(pair, np.array([[-1.0, 0.0]]), np.array([[1.0, 0.5]]), settings=settings)
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "close", kept.append)
        path_figure(pair, found)
    yield kept[0]
    plt.close(kept[0])


def test_the_axis_of_the_speed_has_at_least_three_values(figure) -> None:
    (axes,) = [a for a in figure.axes if a.get_ylabel().startswith("feature speed")]
    low, high = axes.get_ylim()
    assert high < 4 * low  # less than two powers of 2
    labels = [t.get_text() for t in axes.get_yticklabels() if low <= t.get_position()[1] <= high]
    assert len([text for text in labels if text]) >= 3


def test_the_cross_fade_is_dotted_in_every_panel(figure) -> None:
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == "pixel cross-fade"]
    assert len(lines) == 2 and {line.get_linestyle() for line in lines} == {":"}
    assert all(np.isfinite(line.get_ydata()).all() for line in lines)
