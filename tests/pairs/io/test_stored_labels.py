"""Labels in files are taken as they are or refused: none is rounded, wrapped or dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairs import InputError
from pairs.io.images import read_images
from pairs.io.points import read_points

X = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1)).astype(np.uint8)


@pytest.mark.parametrize("labels", [np.arange(6), np.arange(6.0), np.arange(6, dtype="u8"), -np.arange(6)], ids=str)
def test_whole_numbers_are_labels_whatever_their_type(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=labels)
    for read in (read_images, read_points):
        found = read(tmp_path / "a.npz").labels
        assert found is not None and found.dtype == np.int64 and np.array_equal(found, labels)


@pytest.mark.parametrize(
    "labels",
    [np.arange(6) + 0.5, np.full(6, np.nan), np.full(6, np.inf), np.full(6, 2**63, "u8"), np.eye(6), np.arange(5)]
    + [np.array(list("abcdef")), np.arange(6) + 0j],
    ids=lambda labels: f"{labels.dtype}{labels.shape}{labels[0]}",
)
@pytest.mark.filterwarnings("error")
def test_other_labels_are_refused_for_images_and_for_points(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=labels)
    for read in (read_images, read_points):
        with pytest.raises(InputError, match="store one whole number for each sample"):
            read(tmp_path / "a.npz")


def test_a_second_array_without_a_name_is_labels_only_where_it_fits(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X, np.arange(6))
    assert read_images(tmp_path / "a.npz").labels is not None
    np.savez(tmp_path / "a.npz", X, np.zeros((2, 2)))
    assert read_images(tmp_path / "a.npz").labels is None
