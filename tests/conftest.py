"""Shared fixtures: seeds, small closed-form pairs, and where real checkpoints lie if they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Nearly all programs of the tests run once, and their compilation costs more than their work. Without the optimisations
# of the backend a test takes about two thirds of the processor's time; the claims do not depend on them.
_LEVEL = "--xla_backend_optimization_level"
if _LEVEL not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_LEVEL}=0".strip()

collect_ignore_glob = ["golden/*", "helpers/*"]  # no tests; some import packages that only their callers check for

_HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with the real data and third-party checkpoints; skips where it is absent."""
    root = Path(os.environ.get("GANREFINE_DATA", _HERE.parent.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"real data not found at {root}; set GANREFINE_DATA to its folder")
    return root
