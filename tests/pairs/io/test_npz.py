"""NPZ archives: what numpy writes is read exactly, what it never writes is refused in one line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pairs.io.archives import ArchiveError
from pairs.io.npz import open_npz

_HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4), }"


def _npy(header: bytes = _HEADER, body: bytes = bytes(32)) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def _archive(path: Path, content: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method, compresslevel=9) as archive:
        archive.writestr("x.npy", content)
    return path


def test_arrays_that_numpy_wrote_come_back_bit_for_bit(tmp_path):
    arrays = {
        "c": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "scalar": np.float32(3),
        "empty": np.zeros((0, 3)),
        "flag": np.array([True, False]),
        "big": np.arange(3, dtype=">f4"),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        with open_npz(tmp_path / "a.npz") as archive:
            assert archive.names == list(arrays)
            for name, array in arrays.items():
                assert archive[name].dtype == array.dtype and archive.shape(name) == array.shape
                np.testing.assert_array_equal(archive[name], array)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_npy(body=bytes(31)), "needs 32 bytes and has 31"),
        (_npy(body=bytes(33)), "needs 32 bytes and has 33"),
        (_npy(_HEADER[:-12]), "no plain array"),
        (_npy(_HEADER.replace(b"(2, 4, 4)", b"(999999999999999, 8, 8)")), "needs 63999999999999936 bytes"),
        (_npy(_HEADER.replace(b"(2, 4, 4)", b"(0, 2305843009213693952, 9)")), "no plain array|said to have shape"),
        (_npy(_HEADER.replace(b"|u1", b"|O")), "pickled objects"),
        (_npy(_HEADER.replace(b"'|u1'", b"[('a', '<f4')]")), "no plain array"),
        (_npy(_HEADER.replace(b"'|u1'", b"__import__('os').getpid()")), "no plain array"),
        (_npy(b"{" * 60000), "no plain array"),
        (_npy(b" " * 60000), "no plain array"),
        (b"PK nothing", "is no array"),
        (b"", "is no array"),
    ],
)
def test_members_that_lie_are_refused(tmp_path, content, problem):
    with pytest.raises(ArchiveError, match=problem), open_npz(_archive(tmp_path / "a.npz", content)) as archive:
        print(archive["x"])


def test_a_member_that_is_encrypted_or_compressed_in_another_way_is_refused(tmp_path):
    blob = _archive(tmp_path / "a.npz", _npy()).read_bytes()
    where = blob.rindex(b"PK\x01\x02")
    for at, value, problem in ((8, 1, "encrypted"), (10, 99, "method 99")):
        changed = bytearray(blob)
        changed[where + at] = value
        (tmp_path / "b.npz").write_bytes(changed)
        with pytest.raises(ArchiveError, match=problem), open_npz(tmp_path / "b.npz"):
            pass


def test_an_archive_that_unpacks_too_far_is_refused_before_it_is_unpacked(tmp_path):
    path = _archive(tmp_path / "a.npz", bytes(70_000_000), zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match="unpacks to 70000000 bytes"), open_npz(path):
        pass


def test_a_single_array_or_a_long_list_of_members_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(ArchiveError, match=r"single array \(.npy\)"), open_npz(tmp_path / "a.npz"):
        pass
    blob = bytearray(_archive(tmp_path / "b.npz", _npy()).read_bytes())
    blob[-10:-6] = (2**31).to_bytes(4, "little")  # bytes of the list of members
    (tmp_path / "b.npz").write_bytes(blob)
    with pytest.raises(ArchiveError, match="too long"), open_npz(tmp_path / "b.npz"):
        pass
