"""Files made to crash, hang or fill the memory end in one line, and nothing in them runs."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.sound_formats import (
    Call,
    pickled,
    safetensors_bytes,
    torch_legacy_bytes,
    torch_zip_bytes,
    zipped,
)
from checkpoints.description import describe
from checkpoints.foreign.tensors import read_foreign
from pairs import InputError


def _pickle(folder: Path, body: bytes) -> Path:
    """A file of PyTorch's zip format with this pickle in it."""
    path = folder / "a.pth"
    path.write_bytes(zipped({"archive/data.pkl": b"\x80\x02" + body + b"."}))
    return path


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def _number(n: int) -> bytes:
    return pickled(n)[2:-1]


_TENSOR = pickled({"w": np.ones(4, np.float32)}, {})[2:-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "words"),
    [
        # a million nested tuples as a key; nested lists as a value
        (b"}K\x01" + b"\x85" * 600_000 + b"K\x01s", "too much beside its tensors"),
        (b"}K\x01" + b"\x85" * 200_000 + b"K\x01s", "holds no tensors"),
        (b"}" + _text("a") + b"]" * 100 + b"a" * 99 + b"s", "nested too deeply"),
        # forty doublings: 2**40 elements for who hashes or formats them
        (b"}K\x01" + b"2\x86" * 40 + b"K\x01s", "holds no tensors"),
        (b"}" + _text("a") + b"K\x01" + b"2\x86" * 40 + b"s", "too much|too deeply"),
        (b"(" + _text("storage") + b"K\x01" + b"2\x86" * 34 + b"K\x01K\x01K\x01tQ", "no proper key"),
        # one long key with many values below it; one long list for many calls
        (b"}" + _text("k" * 1_000_000) + b"](" + b"K\x01" * 100_000 + b"es", "holds no tensors"),
        (b"}" + _text("k" * 1_000_000) + b"](" + b"]" * 1000 + b"es", "too much"),
        (b"](" + b"K\x01" * 100_000 + b"eq\x00" + b"0ctorch.serialization\n_get_layout\nh\x00\x85R" * 1000, "layout"),
        (b"](" + b"K\x01" * 100_000 + b"eq\x00" + b"0ctorch\nSize\nh\x00\x85R" * 1000, "no short lists"),
        # numbers of thousands of digits, and keys that collide
        (b"\x8b" + struct.pack("<I", 2000) + bytes(1999) + b"\x01", "bits"),
        (b"}(" + b"".join(_number(i * (2**61 - 1)) + b"K\x01" for i in range(1, 20_000)) + b"u", "holds no tensors"),
        (b"t", "malformed"),
        (b"X\xff\xff\xff\x7fa", "malformed"),
    ],
)
def test_pickles_that_multiply_are_refused_within_bounds(tmp_path: Path, body: bytes, words: str) -> None:
    path = _pickle(tmp_path, body)
    with pytest.raises(InputError, match=words) as caught:
        read_foreign(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"}" * 700_000,  # one byte, one dictionary of 64
        b"](" + b")]" * 150_000 + b"e",
        b"}" + _text("k" * 1_000_000) + b"](" + b"K\x01" * 50_000 + b"es",
        b"](" + b"K\x01" * 50_000 + b"eq\x00" + b"0ctorch\nSize\nh\x00\x85R" * 500,
    ],
)
def test_a_file_of_little_bytes_never_takes_much_memory(tmp_path: Path, body: bytes) -> None:
    path = _pickle(tmp_path, body)
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read_foreign(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * path.stat().st_size + 100e6


def test_numbers_that_are_no_sizes_are_refused_before_they_are_used(tmp_path: Path) -> None:
    body = _TENSOR.replace(_number(1) + b"t\x89Nt", _number(2**80) + b"t\x89Nt")
    assert body != _TENSOR
    path = tmp_path / "a.pth"
    path.write_bytes(zipped({"archive/data.pkl": b"\x80\x02" + body + b".", "archive/data/0": bytes(16)}))
    with pytest.raises(InputError, match="no sizes"):
        read_foreign(path)


def test_a_legacy_file_whose_list_of_storages_is_no_list_of_names_is_refused(tmp_path: Path) -> None:
    blob = torch_legacy_bytes({"w": np.ones(2, np.float32)})
    keys = pickled(["0"])
    for other in (pickled([("0",)]), pickled([0]), pickled({"0": 1}), pickled(["0", "0"])):
        (tmp_path / "a.pth").write_bytes(blob.replace(keys, other))
        with pytest.raises(InputError, match="list of storages"):
            read_foreign(tmp_path / "a.pth")


def test_names_from_files_are_shown_as_escapes(tmp_path: Path) -> None:
    name = "\x1b]0;owned\x07\x1b[2Jw"
    (tmp_path / "a.safetensors").write_bytes(safetensors_bytes({name: np.ones(3, np.float32)}))
    (tmp_path / "b.pth").write_bytes(torch_zip_bytes({"\ud800": np.ones(3, np.float32), name: name}))
    for file in ("a.safetensors", "b.pth"):
        report = describe(tmp_path / file)
        words = json.dumps(report["tensors"], ensure_ascii=False) + json.dumps(report["about"], ensure_ascii=False)
        assert words.isprintable() and ("owned" in words or "ud800" in words)


def _header(entries: Any, body: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_header(b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}'), "5000 digits"),
        (_header({"a" + "1" * 5000: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), "5001 characters"),
        (_header({"a": {"dtype": "F32", "shape": [0, 2**61, 2**61], "data_offsets": [0, 0]}}), "no sizes"),
        (_header({"a": {"dtype": "F32", "shape": [10**19, 10**19], "data_offsets": [0, 0]}}), "no sizes"),
        (_header(b"[" * 100_000), "no JSON"),
        (_header(b'{"a":NaN}'), "NaN"),
        (_header(b"[" + b"[]," * 1_400_000 + b"[]]"), "at most|no JSON object"),
    ],
)
def test_safetensors_headers_made_to_fail_are_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_foreign(tmp_path / "a.safetensors")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "torch._utils.os.system", "runpy.run_path", "types.CodeType"]
)
def test_names_that_run_programs_are_refused_wherever_they_stand(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.pth").write_bytes(torch_zip_bytes({"w": np.ones(2, np.float32), "x": Call(name, "touch /tmp/ran")}))
    with pytest.raises(InputError, match="may run a program; do not use this file"):
        read_foreign(tmp_path / "a.pth")


def test_pipes_and_folders_are_no_weight_files(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "a.pth")
    for path, words in ((tmp_path / "a.pth", "no regular file"), (tmp_path, "is a directory")):
        with pytest.raises(InputError, match=words):
            read_foreign(path)
