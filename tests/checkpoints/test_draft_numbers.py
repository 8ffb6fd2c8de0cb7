"""Drafts of files whose numbers no net computes with end in one line that names the tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.sound_formats import torch_zip_bytes
from checkpoints.drafts.drafting import draft_manifest
from checkpoints.manifest import read_manifest
from ganrefine import main
from pairs import InputError

DRAW = np.random.default_rng(0)
ONES = np.ones(16, np.float32)
NET: dict[str, Any] = {
    "0.weight": DRAW.normal(size=(16, 8)).astype("f"),
    "1.weight": ONES,
    "1.bias": 0 * ONES,
    "1.running_mean": 0 * ONES,
    "1.running_var": ONES,
    "1.num_batches_tracked": np.array(7),
    "3.weight": DRAW.normal(size=(64, 16)).astype("f"),
}


def _refused(path: Path, **tensors: np.ndarray) -> str:
    np.savez(path, **{**NET, **tensors})
    with pytest.raises(InputError) as caught:
        draft_manifest(path, None, (8, 8, 1))
    return str(caught.value)


@pytest.mark.filterwarnings("error")
def test_the_tensor_that_is_no_weight_is_named(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    assert "has '0.weight' as complex64; store weights as float32" in _refused(
        path, **{"0.weight": NET["0.weight"] + 0j}
    )
    assert "has '3.weight' as int64" in _refused(path, **{"3.weight": np.ones((64, 16), int)})
    assert "has '1.running_mean' with NaN or infinity" in _refused(path, **{"1.running_mean": ONES * np.nan})
    assert "has '1.running_var' with negative variances" in _refused(path, **{"1.running_var": -ONES})
    np.savez(path, **NET)
    assert "batch_norm" in draft_manifest(path, None, (8, 8, 1)).text


def test_names_are_printed_escaped_and_written_so_that_they_are_read_again(tmp_path: Path, capsys) -> None:
    name = 'a"]\n\x1b[31m'
    (tmp_path / "g.pth").write_bytes(torch_zip_bytes({f"{name}.weight": np.eye(4, dtype="f")}))
    out = tmp_path / "pair.toml"
    assert main(["draft", str(tmp_path / "g.pth"), "--sample", "4", "--out", str(out)]) == 0
    shown = "".join(capsys.readouterr())
    assert "\x1b" not in shown and "x1b[31m dense" in shown
    assert read_manifest(out).generator.layers[0].name == name
