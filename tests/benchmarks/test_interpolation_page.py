"""The page of ``benchmark interpolate`` says which paths are nearer, and shows the best and the worst of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.interpolation_page import say_paths_drawn, say_which_is_nearest, write_interpolation_page
from pairs import Net, Normal, Pair

PLAIN = {"critic_mean": 1.0, "critic_min": 0.0, "plain_length": 2.0, "perceptual_path_length": 3.0, "seconds": 1.0}


def report(low: float, high: float) -> dict:
    values = {"slerp": 10.0, "plain": 11.0, "weighted": 9.0}
    methods = {n: {"frechet": v, "frechet_ci": (v - 1, v + 1), **PLAIN} for n, v in values.items()}
    methods["weighted"]["change"] = {"slerp": {"difference": (low + high) / 2, "ci": (low, high)}}
    about = {"pair": "<small>", "pairs": 5, "points": 4, "metric": "pixel", "features": {"name": "a"}}
    return about | {
        "judge": {"name": "b", "reference": 100},
        "methods": methods,
        "samples_frechet": 8.0,
        "lowest": "weighted",
    }


@pytest.mark.parametrize(
    "low,high,words",
    [
        (-2.0, -1.0, "are nearer to real images than those of slerp (-1.50 ± 0.50)"),
        (1.0, 2.0, "are further from real images than those of slerp"),
        (-1.0, 1.0, "are not shown to be nearer or further than those of slerp"),
    ],
)
def test_the_words_say_what_the_interval_of_the_difference_shows(low, high, words) -> None:
    said = say_which_is_nearest(report(low, high))
    assert said[0].startswith("Frames of the geodesic (own critic)") and words in said[0]
    assert said[-1].startswith("The lowest distance is that of the geodesic (own critic): 9.0 ± 1.0.")
    assert "2 frames inside each path, at equal distances in pixels" in say_paths_drawn(report(low, high))


def test_best_and_worst_pairs_are_those_whose_lowest_score_rises_and_falls_most_against_slerp(tmp_path) -> None:
    """The score is a latent's first coordinate, so that lowest scores are known: pair 3 gains 2, pair 2 loses 1."""
    generator = Net(None, lambda p, z: np.reshape(z, (-1, 1, 2, 1)))
    critic = Net(None, lambda p, x: x[:, 0, 0, 0])
    pair = Pair(generator, critic, Normal((2,)), (1, 2, 1), (-1.0, 1.0), "logit")
    still = np.zeros((5, 4, 2), np.float32)
    moved = still.copy()
    moved[2, :, 0], moved[1, :, 0] = 2.0, -1.0
    file = tmp_path / "report.html"
    write_interpolation_page(file, pair, report(-2.0, -1.0), {"slerp": still, "plain": still, "weighted": moved})
    page = file.read_text()
    best, worst = page.split("<h2>Best")[1].split("<h2>Worst")
    first = lambda part: re.search(r"<figcaption>lowest score (\S+) against slerp; pair (\d)", part)
    assert first(best).groups() == ("+2", "3") and first(worst).groups() == ("-1", "2")
    assert "<small>" not in page and 'src="http' not in page
    assert page.count("<img") == page.count("alt=") == 1 + 3 * 4
