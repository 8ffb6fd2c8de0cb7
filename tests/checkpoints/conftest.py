"""A stored pair that the tests of this folder read or copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_pairs import tiny_pair

from checkpoints import save_pair


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pair(tmp_path_factory.mktemp("stored") / "pair", tiny_pair())
