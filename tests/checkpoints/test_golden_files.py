"""A golden file that cannot prove anything is refused with the array and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from checkpoints.golden import check_golden, measure_golden
from pairs import InputError, Normal, make_pair
from pairs.sequential.spec import sequential_net

DRAW = np.random.default_rng(0)
KERNEL, TABLE = DRAW.normal(size=(5, 24)).astype("f"), DRAW.normal(size=(4, 2)).astype("f")
EMBED = {"layer": "embed", "classes": 4, "out": 2}
LAYERS = [
    {"layer": "concatenate", "branches": [[], [EMBED]]},
    {"layer": "dense", "out": 24, "bias": False},
    {"layer": "unflatten", "shape": [2, 3, 4]},
]
PAIR = make_pair(
    sequential_net(LAYERS, [{"branches[1]": {"0": {"embedding": TABLE}}}, {"kernel": KERNEL}, {}], (3,)),
    None,
    Normal((3,)),
    sample_range=None,
    critic_kind=None,
    classes=4,
    check=False,
)
Z, Y = DRAW.normal(size=(6, 3)).astype("f"), np.array([0, 1, 2, 3, 1, 2])
X = (np.concatenate([Z, TABLE[Y]], 1) @ KERNEL).reshape(6, 2, 3, 4)


def _file(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "golden.npz", **{**dict(z=Z, x=X, labels=Y), **arrays})
    return folder / "golden.npz"


@pytest.mark.parametrize(
    "labels", [Y, Y.astype("f"), Y[:, None], np.eye(4)[Y], Y.astype("u1")], ids=lambda y: f"{y.dtype}{y.ndim}"
)
def test_labels_come_as_numbers_as_a_column_or_as_unit_vectors(tmp_path: Path, labels: np.ndarray) -> None:
    assert check_golden(PAIR, _file(tmp_path, labels=labels)).samples < 1e-6


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (dict(labels=Y + 0.5), "labels from 0.5 to 3.5"),
        (dict(labels=np.eye(4)[Y] * 0.6 + 0.1), "no one-hot vectors"),
        (dict(labels=Y * np.nan), "labels from nan"),
        (dict(labels=Y + 2**32), "labels from 4.29497e"),
        (dict(labels=Y.astype("U")), "labels of type <U"),
        (dict(labels=Y + 0j), "labels of type complex128"),
        (dict(label=Y, labels=Y * 0), "label and labels, which differ"),
        (dict(z=np.float32(1)), "z (one number)"),
        (dict(x=np.float32(1)), "x (one number)"),
        (dict(z=Z + 0j), "z of type complex64"),
        (dict(x=X + 1j), "x of type complex64"),
        (dict(z=Z.astype("U8")), "z of type <U8"),
        (dict(z=Z.astype(ml_dtypes.bfloat16)), "z of type |V2"),
        (dict(x=(X * 9).astype("u1")), "x of type uint8"),
        (dict(x=np.where(X > 1, np.nan, X)), "x with NaN or infinity"),
        (dict(x=X * 1e300), "x with NaN or infinity"),
        (dict(score=np.full(6, np.inf)), "score with NaN or infinity"),
        (dict(x=X.transpose(0, 2, 3, 1)), "in PyTorch's order it is (n, 2, 3, 4)"),
        (dict(scores=Y + 0.0), "an array 'scores'; store it as 'score'"),
        (dict(X=X), "an array 'X'"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_compared_is_named(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    held = {k: v for k, v in dict(z=Z, x=X, labels=Y).items() if k.upper() not in arrays}
    np.savez(tmp_path / "golden.npz", **{**held, **arrays})
    with pytest.raises(InputError) as caught:
        measure_golden(PAIR, tmp_path / "golden.npz")
    assert words in str(caught.value) and caught.value.field == "check"


def test_flat_rows_are_in_pytorchs_order(tmp_path: Path) -> None:
    assert check_golden(PAIR, _file(tmp_path, x=X.reshape(6, 24))).samples < 1e-6
