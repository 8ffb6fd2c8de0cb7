"""safetensors and npz: read exactly, refused when the header contradicts the file."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints.foreign.tensors import read_foreign, read_tensors
from pairs import InputError


def _write(path: Path, header: Any, body: bytes, *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)
    return path


def _entry(dtype: str, shape: list, begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_values_dtypes_order_and_metadata_are_kept(tmp_path: Path) -> None:
    a, b = np.arange(6, dtype="<f4").reshape(2, 3), np.asarray([1.5, -2], jnp.bfloat16)
    header = {
        "__metadata__": {"by": "hand"},
        "net.10.w": _entry("BF16", [2], 24, 28),
        "net.2.w": _entry("F32", [2, 3], 0, 24),
        "net.2.empty": _entry("F16", [0, 4], 28, 28),
    }
    foreign = read_foreign(_write(tmp_path / "a.safetensors", header, a.tobytes() + b.tobytes()))
    assert list(foreign.tensors) == ["net.2.empty", "net.2.w", "net.10.w"]  # numbers as numbers
    np.testing.assert_array_equal(foreign.tensors["net.2.w"], a)
    np.testing.assert_array_equal(foreign.tensors["net.10.w"], b)
    assert foreign.metadata == {"by": "hand"} and foreign.tensors["net.2.empty"].shape == (0, 4)


_F = _entry("F32", [2], 0, 8)


@pytest.mark.parametrize(
    ("header", "body", "length"),
    [
        ({"a": _F}, bytes(8), 10**9),
        ({"a": _F}, bytes(8), 2**63),
        ({"a": _F}, bytes(7), None),
        ({"a": _F}, bytes(9), None),
        ({"a": _F, "b": _entry("F32", [2], 4, 12)}, bytes(12), None),
        ({"a": _F, "b": _F}, bytes(8), None),
        ({"a": _F, "b": _entry("F32", [1], 12, 16)}, bytes(16), None),
        ({"a": _entry("F32", [3], 0, 8)}, bytes(8), None),
        ({"a": _entry("F32", [-2], 0, 8)}, bytes(8), None),
        ({"a": _entry("F32", [2**61, 2**61], 0, 8)}, bytes(8), None),
        ({"a": _entry("F32", [2], 8, 0)}, bytes(8), None),
        ({"a": _entry("F32", [True, 2], 0, 8)}, bytes(8), None),
        ({"a": _entry("F33", [2], 0, 8)}, bytes(8), None),
        ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), None),
        ({"a": _F, "__metadata__": {"x": 1}}, bytes(8), None),
        ([1], b"", None),
        (b"{" * 100000, b"", None),
        (b"\xff\xfe", b"", None),
        (b'{"a":%s,"a":%s}' % (json.dumps(_F).encode(), json.dumps(_F).encode()), bytes(8), None),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: Any, body: bytes, length: int | None) -> None:
    with pytest.raises(InputError, match="no sound safetensors"):
        read_tensors(_write(tmp_path / "a.safetensors", header, body, length=length))


def test_short_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\0" * 7)
    with pytest.raises(InputError, match="shorter than its header"):
        read_tensors(tmp_path / "a.safetensors")


def test_npz_is_read_without_pickle(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"l10/W": np.ones(2), "l2/W": np.zeros(3)})
    assert list(read_tensors(tmp_path / "a.npz")) == ["l10/W", "l2/W"]  # its own order
    np.savez(tmp_path / "b.npz", a=np.asarray([{}], object))
    with pytest.raises(InputError, match="no sound npz"):
        read_tensors(tmp_path / "b.npz")


def test_npz_bombs_and_text_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a.npy", bytes(20_000_000))
    with pytest.raises(InputError, match="no sound npz"):
        read_tensors(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_text("hello")
    with pytest.raises(InputError, match="no sound npz"):
        read_tensors(tmp_path / "b.npz")
    with pytest.raises(InputError, match="does not exist"):
        read_tensors(tmp_path / "c.npz")
