"""Damaged files of pairs at the command line: one line, exit code 2, nothing run and nothing written."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_bad_input_of_commands import BUNDLED, MANIFEST

from checkpoints.lookup import bundled_path


class Payload:
    """Writes a file where it is unpickled."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize(
    "name,content",
    [("notes.txt", b"not a checkpoint"), ("cut.pth", b"PK\x03\x04" + bytes(40)), ("pair.toml", b"[pair\nname = 1")],
)
def test_files_that_are_no_pair_are_refused(refused, tmp_path, name, content) -> None:
    (tmp_path / name).write_bytes(content)
    refused("refine", tmp_path / name)


def test_a_pickle_with_a_payload_does_not_run(refused, tmp_path) -> None:
    target = tmp_path / "ran"
    (tmp_path / "net.pth").write_bytes(pickle.dumps({"weight": Payload(target)}, protocol=2))
    (tmp_path / "pair.toml").write_text(MANIFEST.replace("generator.npz", "net.pth"))
    refused("refine", tmp_path / "pair.toml")
    refused("refine", tmp_path / "net.pth")
    assert not target.exists()


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A copy of the bundled pair."""
    bundled = bundled_path(BUNDLED)
    assert bundled is not None
    return Path(shutil.copytree(bundled, tmp_path_factory.mktemp("stored") / "pair"))


def test_a_bit_flip_anywhere_in_a_stored_pair_is_found(refused, stored) -> None:
    rng = np.random.default_rng(0)
    files = sorted(p for p in stored.rglob("*") if p.is_file() and p.stat().st_size > 0)
    for file in files:
        good = file.read_bytes()
        place = int(rng.integers(len(good)))
        file.write_bytes(good[:place] + bytes([good[place] ^ 1 << int(rng.integers(8))]) + good[place + 1 :])
        try:
            refused("refine", stored)
        finally:
            file.write_bytes(good)


def test_a_truncated_or_missing_part_of_a_stored_pair_is_found(refused, stored) -> None:
    largest = max((p for p in stored.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    good = largest.read_bytes()
    largest.write_bytes(good[: len(good) // 2])
    refused("refine", stored)
    largest.unlink()
    refused("refine", stored)
    largest.write_bytes(good)
