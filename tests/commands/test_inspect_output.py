"""What ``inspect`` prints can be searched line by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ganrefine


def test_a_long_name_stays_on_one_line_where_the_output_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = ".".join(f"block{i}" for i in range(20)) + ".weight"
    np.savez(tmp_path / "w.npz", **{name: np.zeros((2, 3), np.float32)})
    assert ganrefine.main(["inspect", str(tmp_path / "w.npz")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if name in line]
    assert "[2, 3]" in line and "float32" in line
