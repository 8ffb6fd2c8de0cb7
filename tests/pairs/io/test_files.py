"""Files appear whole or not at all, and what killed processes leave goes with the next write."""

from __future__ import annotations

import fcntl
import os

import pytest

from pairs.io.files import create_whole, sweep_parts, write_bytes


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_created_once_and_stays_as_its_first_writer_made_it(tmp_path) -> None:
    assert create_whole(tmp_path / "run.json", b"first")
    assert not create_whole(tmp_path / "run.json", b"second")
    assert (tmp_path / "run.json").read_bytes() == b"first" and names(tmp_path) == ["run.json"]


@pytest.mark.parametrize("error", [OSError(1, "Operation not permitted"), FileExistsError()])
def test_of_two_writers_that_begin_together_the_later_one_is_told(tmp_path, monkeypatch, error) -> None:
    def link(source, target):
        target.write_bytes(b"other")  # another process was faster; or links are not allowed here
        raise error

    monkeypatch.setattr(os, "link", link)
    assert not create_whole(tmp_path / "run.json", b"mine")
    assert (tmp_path / "run.json").read_bytes() == b"other" and names(tmp_path) == ["run.json"]


def test_where_links_are_not_allowed_the_file_is_made_all_the_same(tmp_path, monkeypatch) -> None:
    def link(source, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert create_whole(tmp_path / "run.json", b"mine") and (tmp_path / "run.json").read_bytes() == b"mine"


def test_what_a_killed_process_left_goes_and_what_others_write_stays(tmp_path) -> None:
    for name in (".a.npz.old.part", ".a.npz.held.part", ".a.npz.new.part", ".b.npz.old.part", "a.part"):
        (tmp_path / name).write_bytes(b"half")
        if "new" not in name:
            os.utime(tmp_path / name, (0, 0))
    with open(tmp_path / ".a.npz.held.part", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_bytes(tmp_path / "a.npz", b"whole")
        assert names(tmp_path) == [".a.npz.held.part", ".a.npz.new.part", ".b.npz.old.part", "a.npz", "a.part"]
    sweep_parts(tmp_path)
    assert names(tmp_path) == [".a.npz.new.part", "a.npz", "a.part"]
