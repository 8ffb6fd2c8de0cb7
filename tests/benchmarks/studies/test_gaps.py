"""The study of the gap: whether samples lie nearer to training images."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies import gaps


@pytest.mark.parametrize("held", [3, 2000])
def test_copies_of_training_images_are_nearer_to_them_and_those_of_test_images_are_not(held, monkeypatch) -> None:
    monkeypatch.setattr(gaps, "NEIGHBOURS", held)  # in pieces or at once
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 4, 4, 1)).astype(np.uint8) for n in (20, 10))
    copies = np.concatenate([train[-3:], test[-1:]])
    assert gaps._nearer_to_training(copies, train, test) == 0.75
