"""Shared fixtures: seeds, small closed-form pairs, and where real checkpoints lie if they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with the real data and third-party checkpoints; skips where it is absent."""
    root = Path(os.environ.get("GANREFINE_DATA", _HERE.parent.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"real data not found at {root}; set GANREFINE_DATA to its folder")
    return root
