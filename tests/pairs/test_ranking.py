"""Scores that rank two sets of samples."""

from __future__ import annotations

import numpy as np
import pytest

from pairs.ranking import auc


def test_auc_counts_ties_half() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 40).astype(np.float32), rng.integers(0, 5, 30).astype(np.float32)
    wanted = np.mean((a[:, None] > b) + 0.5 * (a[:, None] == b))
    assert auc(a, b) == pytest.approx(wanted, abs=1e-6)
