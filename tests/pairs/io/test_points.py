"""Points and series from files."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pairs import InputError
from pairs.io.points import read_points

X = np.arange(24, dtype=np.float64).reshape(6, 4)


def test_npz_npy_and_csv_hold_the_same_samples(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", samples=X, y=np.arange(6) % 3)
    np.save(tmp_path / "a.npy", X.astype(np.int32))
    np.savetxt(tmp_path / "a.csv", X, delimiter=",")
    for name in ("a.npz", "a.npy", "a.csv"):
        found = read_points(tmp_path / name)
        np.testing.assert_array_equal(found.x, X.astype(np.float32))
        assert found.x.dtype == np.float32
    assert read_points(tmp_path / "a.npz").labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_rows_are_brought_to_the_shape_of_a_series_and_splits_are_told_by_names(tmp_path) -> None:
    np.save(tmp_path / "train.npy", X)
    np.save(tmp_path / "test.npy", X[:2])
    found = read_points(tmp_path, "test", expect=(2, 2))
    assert found.shape == (2, 2) and len(found) == 2 and found.split == "test"
    with pytest.raises(InputError, match="split: is not given"):
        read_points(tmp_path)


def test_a_limit_draws_by_the_seed_and_keeps_labels_beside_their_samples(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.arange(6))
    found = read_points(tmp_path / "a.npz", limit=3, seed=1)
    assert len(found) == 3 and np.array_equal(found.x[:, 0], 4 * found.labels)
    assert not np.array_equal(found.labels, [0, 1, 2])
    # with replacement five of six would be different ones in one draw of eleven
    for seed in range(5):
        assert len(set(read_points(tmp_path / "a.npz", limit=5, seed=seed).labels.tolist())) == 5


@pytest.mark.parametrize(
    "name, stored, words",
    [
        ("a.npy", np.full((2, 4), np.nan), "NaN or infinity"),
        ("a.npy", np.array([["x", "y"]]), "holds <U1 of shape"),
        ("a.npy", np.zeros(3), "of shape .3,."),
        ("a.npy", np.zeros((3, 5)), r"shape \(5,\), expected \(4,\)"),
        ("a.npy", np.array([[{}]], dtype=object), "cannot be read"),
    ],
)
def test_what_is_no_finite_sample_of_the_pair_is_refused(tmp_path, name, stored, words) -> None:
    np.save(tmp_path / name, stored, allow_pickle=True)
    with pytest.raises(InputError, match=words):
        read_points(tmp_path / name, expect=(4,))


def test_damaged_mixed_and_missing_files_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_points(tmp_path / "none.npy")
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9")
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "cut.npy")
    (tmp_path / "words.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "words.csv")
    with pytest.raises(InputError, match="holds .csv and .npy files"):
        read_points(tmp_path)
    np.savez(tmp_path / "other.npz", weights=X)
    with pytest.raises(InputError, match="holds weights, not x or samples"):
        read_points(tmp_path / "other.npz")


def test_a_pipe_is_refused_and_a_csv_line_is_never_skipped(tmp_path) -> None:
    for name in ("pipe.npy", "pipe.csv"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(InputError, match="cannot be read"):
            read_points(tmp_path / name)
    (tmp_path / "notes.csv").write_text("1,2\n#3,4\n5,6\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "notes.csv")


def test_labels_of_another_shape_are_refused(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.zeros((6, 1), int))
    with pytest.raises(InputError, match=r"6 samples and labels of shape \(6, 1\)"):
        read_points(tmp_path / "a.npz")


def test_a_header_that_promises_more_than_the_file_holds_takes_no_memory(tmp_path) -> None:
    np.save(tmp_path / "a.npy", X)
    raw = (tmp_path / "a.npy").read_bytes().replace(b"(6, 4)", b"(6, 4000000000)".ljust(6))
    header = 10 + int.from_bytes(raw[8:10], "little")
    grown = raw[:header].rstrip()[: header - 1 - 9].ljust(header - 1) + b"\n" + raw[header:]
    (tmp_path / "a.npy").write_bytes(grown)
    with pytest.raises(InputError, match="cannot be read"):
        read_points(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "shape", ["(-3, 2)", "(1180591620717411303424, 2)", "(True, 2)", "(3.0, 2)", "3", "(3, 0)", "(1000000000, 2)"]
)
def test_headers_of_npy_files_that_lie_are_one_line(tmp_path, shape) -> None:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\0" * 24)
    with pytest.raises(InputError, match="data: "):
        read_points(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x88\x13" + b"[" * 5000)
    with pytest.raises(InputError, match="no plain array of numbers"):
        read_points(tmp_path / "a.npy")


def test_npy_files_keep_their_order_of_axes_and_of_bytes(tmp_path) -> None:
    for stored in (np.asfortranarray(X), X.astype(">f8"), X.astype("f2")):
        np.save(tmp_path / "a.npy", stored)
        np.testing.assert_array_equal(read_points(tmp_path / "a.npy").x, X.astype(np.float32))


@pytest.mark.filterwarnings("error")
def test_a_csv_file_may_begin_with_the_mark_of_a_spreadsheet_and_may_not_be_empty(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf1,2\n3,4\n")
    assert read_points(tmp_path / "a.csv").x.tolist() == [[1, 2], [3, 4]]
    for content in (b"", b"1e300,2\n"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(InputError, match="shape \\(0, 1\\)|infinity"):
            read_points(tmp_path / "a.csv")
