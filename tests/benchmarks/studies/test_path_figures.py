"""Figures of the study of paths: Frechet distances by groups, comparison with slerp, sheets whose key fits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.metrics.fid import Moments, moments
from benchmarks.studies.path_figures import distances, shuffled_sheets, summary


def paths_at(shift, rng, groups=4):
    """Interiors of normal rows around ``shift``, as groups of moments, with figures of eight paths."""
    found = {k: np.full(8, 1.0 + shift) for k in ("distance", "worst", "off_data", "jump", "pixel_jump")}
    for i in range(groups):
        law = moments(rng.standard_normal((500, 3)) + shift)
        found |= {f"n{i}": np.asarray(law.n), f"mean{i}": law.mean, f"scatter{i}": law.scatter}
    return found


def test_distances_of_shifted_normal_rows_are_their_squared_shift():
    real = Moments(1001, np.zeros(3), 1000 * np.eye(3))
    value, left = distances(paths_at(2.0, np.random.default_rng(0)), real)
    # 3 coordinates shifted by 2; four standard errors of a mean of 2,000 rows
    assert value == pytest.approx(12, abs=4 * 2 * 2 * (3 / 2000) ** 0.5) and len(left) == 4


def test_a_method_that_is_nearer_than_slerp_is_said_to_be_so():
    rng, real = np.random.default_rng(1), Moments(1001, np.zeros(3), 1000 * np.eye(3))
    report = summary({"slerp": paths_at(2.0, rng), "other": paths_at(1.0, rng)}, real)
    assert report["slerp"]["frechet_over_slerp"] == 1 and report["slerp"]["worst_better_than_slerp"] == 0
    assert report["other"]["frechet_over_slerp"] == pytest.approx(0.25, abs=0.03)
    assert report["other"]["frechet_over_slerp_ci"][1] < 0.3 and report["other"]["worst_better_than_slerp"] == 1


def test_the_key_of_a_shuffled_sheet_names_the_rows_that_are_drawn():
    samples = {name: np.full((5, 3, 2, 2, 1), value, np.float32) for name, value in (("x", -1), ("y", 0), ("z", 1))}
    picture, key = shuffled_sheets(samples, (-1, 1), 2, seed=0)
    assert len(key) == 6 and sorted(key[f"1{c}"] for c in "abc") == ["x", "y", "z"]
    pixels = np.asarray(Image.open(io.BytesIO(picture)))
    rows = pixels.shape[0] // 6
    grey = {"x": 0, "y": 128, "z": 255}
    for i, name in enumerate(key.values()):
        assert pixels[i * rows + rows // 2, -5, 0] == grey[name]
