"""Damage to any file of an archive is an error, whichever seal it breaks."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from stored_pairs import same, tiny_pair

from checkpoints import archive, load_pair, load_state, save_state
from checkpoints.digest import file_digest
from checkpoints.integrity import INTEGRITY
from pairs import InputError, Pair


def _outcome(path: Path, pair: Pair) -> bool:
    """Whether loading raised; a loaded pair must be ``pair``."""
    try:
        loaded = load_pair(path)
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)
        return True
    same(loaded, pair)
    return False


def test_no_flipped_bit_in_any_file_changes_weights_or_metadata(tmp_path: Path, stored: Path) -> None:
    copy, pair, draw = tmp_path / "p", tiny_pair(), random.Random(0)
    shutil.copytree(stored, copy)
    refused = flips = 0
    for file in sorted(p for p in copy.rglob("*") if p.is_file() and p.stat().st_size):
        whole = file.read_bytes()
        for offset in {0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(30))}:
            blob = bytearray(whole)
            blob[offset] ^= 1 << draw.randrange(8)
            file.write_bytes(blob)
            refused += _outcome(copy, pair)
            flips += 1
        file.write_bytes(whole)
    assert flips >= 200 and refused == flips
    assert not _outcome(copy, pair)


def test_a_flip_of_any_byte_of_the_integrity_file_is_an_error_blanks_included(tmp_path: Path, stored: Path) -> None:
    copy, draw = tmp_path / "p", random.Random(0)
    shutil.copytree(stored, copy)
    file = copy / INTEGRITY
    whole = file.read_bytes()
    blanks = [i for i, byte in enumerate(whole) if byte in b" \n"]
    for offset in {*draw.sample(range(len(whole)), 100), *blanks}:
        for bit in (1, 4, 32) if whole[offset] in b" \n" else (1 << draw.randrange(8),):
            blob = bytearray(whole)
            blob[offset] ^= bit
            file.write_bytes(blob)
            with pytest.raises(InputError, match="damaged"):
                archive.read_archive_metadata(copy)
    for text in (whole + b"\n", b" " + whole, whole.replace(b"\n", b"\r\n"), b"[" * 200_000, whole[:-1]):
        file.write_bytes(text)
        with pytest.raises(InputError, match="damaged"):
            archive.read_archive_metadata(copy)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../outside", "..\\outside", "C:/outside", ""])
def test_the_integrity_file_may_name_files_below_its_folder_alone(tmp_path: Path, stored: Path, name: str) -> None:
    copy = tmp_path / "p"
    shutil.copytree(stored, copy)
    (tmp_path / "outside").write_text("not mine")
    files = json.loads((copy / INTEGRITY).read_text())["files"]
    files[name] = file_digest(tmp_path / "outside")
    (copy / INTEGRITY).write_text(json.dumps({"files": files}, indent=1))
    with pytest.raises(InputError, match="below its folder|cannot be used"):
        archive.read_archive_metadata(copy)


def _reseal(path: Path) -> None:
    """Make ``integrity.json`` agree with the files: damage by somebody who means it."""
    files = {str(p.relative_to(path)): file_digest(p) for p in path.rglob("*") if p.is_file() and p.name != INTEGRITY}
    (path / INTEGRITY).write_text(json.dumps({"files": files}, indent=1))


@pytest.mark.slow
def test_the_inner_digests_hold_without_the_outer_one(tmp_path: Path, stored: Path) -> None:
    # Arrays of a few KiB lie in files without a checksum of their own: only our digest sees a flip there.
    draw, values = random.Random(1), np.random.default_rng(0).integers(0, 256, 20_000, np.uint8)
    path = save_state(tmp_path / "s", {"a": values})
    largest = max((p for p in path.rglob("*") if p.parent.name == "d"), key=lambda p: p.stat().st_size)
    whole, reasons = largest.read_bytes(), []
    for _ in range(25):
        blob = bytearray(whole)
        blob[draw.randrange(len(blob))] ^= 1 << draw.randrange(8)
        largest.write_bytes(blob)
        _reseal(path)
        try:
            np.testing.assert_array_equal(load_state(path, {"a": values})["a"], values)
        except InputError as error:
            reasons.append(str(error))
    assert sum("'a' differs from its digest" in reason for reason in reasons) > 5
    copy, pair = tmp_path / "p", tiny_pair()
    shutil.copytree(stored, copy)
    file = copy / "_CHECKPOINT_METADATA"
    whole, refused = file.read_bytes(), 0
    for _ in range(25):
        blob = bytearray(whole)
        blob[draw.randrange(len(blob))] ^= 1 << draw.randrange(8)
        file.write_bytes(blob)
        _reseal(copy)
        refused += _outcome(copy, pair)
    file.write_bytes(whole)
    assert refused > 15
    for old, new in (('"wasserstein"', '"logit"'), ('"tiny"', '"huge"'), ("custom_metadata", "custom_metadatb")):
        text = (copy / "_CHECKPOINT_METADATA").read_text()
        (copy / "_CHECKPOINT_METADATA").write_text(text.replace(old, new))
        _reseal(copy)
        with pytest.raises(InputError, match="metadata is missing or changed"):
            load_pair(copy)
        (copy / "_CHECKPOINT_METADATA").write_text(text)


def test_missing_and_truncated_files_are_errors(tmp_path: Path, stored: Path) -> None:
    for file in sorted(p.relative_to(stored) for p in stored.rglob("*") if p.is_file()):
        copy = tmp_path / "p"
        shutil.copytree(stored, copy)
        (copy / file).unlink()
        with pytest.raises(InputError):
            load_pair(copy)
        whole = (stored / file).read_bytes()
        if whole:
            (copy / file).write_bytes(whole[: len(whole) // 2])
            with pytest.raises(InputError):
                load_pair(copy)
        shutil.rmtree(copy)
