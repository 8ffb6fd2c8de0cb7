"""What is in a file decides what it is, and what is no weight file is named with the way to the weights."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.sound_formats import safetensors_bytes, torch_zip_bytes
from checkpoints.foreign.limits import Refused
from checkpoints.foreign.tensors import read_foreign
from checkpoints.foreign.torch_tensors import Storage, Tensor
from checkpoints.weight_import import import_weights
from pairs import InputError

TENSORS = {"a.weight": np.arange(6, dtype="f").reshape(2, 3)}


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **TENSORS)
    return buffer.getvalue()


def _zip(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("g.pth"))
    return buffer.getvalue()


FORMATS = {"npz": _npz(), "PyTorch": torch_zip_bytes(TENSORS), "safetensors": safetensors_bytes(TENSORS)}


@pytest.mark.parametrize("name", ["g.pth", "g.npz", "g.safetensors", "g.NPZ", "g.SafeTensors", "g.keras", "g"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_read_as_what_it_is_whatever_it_is_called(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(FORMATS[kind])
    found = read_foreign(tmp_path / name)
    assert found.format == kind
    np.testing.assert_array_equal(found.tensors["a.weight"], TENSORS["a.weight"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; download or copy it again"),
        (b"\x93NUMPY\x01\x00", r"is a single array \(.npy\); store all arrays of the net with numpy.savez"),
        (gzip.compress(FORMATS["PyTorch"]), "is packed by gzip; unpack it first, with gunzip"),
        (bz2.compress(FORMATS["PyTorch"]), "is packed by bzip2"),
        (lzma.compress(FORMATS["PyTorch"]), "is packed by xz"),
        (_tar(), "is a tar archive; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS.*git lfs pull"),
        (b"<html>\n", "a web page; download the file itself"),
        (b'{"weight_map": {}}', "is text: JSON, without weights; give the weight file that it lies beside"),
        (_zip("nets/g.pth"), "is an archive with 'nets/g.pth' in it; unpack it"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:20],
)
@pytest.mark.parametrize("name", ["g.pth", "g.npz", "g.safetensors"])
def test_what_is_no_weight_file_is_named(tmp_path: Path, content: bytes, words: str, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_foreign(tmp_path / name)


@pytest.mark.parametrize("mark", ["saved_model.pb", "_METADATA"])
def test_folders_of_other_programs_are_named(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).write_bytes(b"x")
    words = "SavedModel of TensorFlow; save it as .keras" if mark[0] == "s" else "an Orbax checkpoint; give --factory"
    with pytest.raises(InputError, match=words):
        import_weights(tmp_path, prior="normal:3")


@pytest.mark.parametrize("name", ["a" * 300, "x/" * 2500, "a\0b", "~nobody-at-all/g.pth"])
def test_paths_that_no_file_system_takes_are_one_line(name: str) -> None:
    with pytest.raises(InputError):
        read_foreign(name)
    with pytest.raises(InputError):
        import_weights(name, prior="normal:3")


@pytest.mark.parametrize("name", ["g.toml", "g.npz", "g.onnx"])
def test_pipes_are_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="no regular file|onnx"):
        import_weights(tmp_path / name, prior="normal:3")


@pytest.mark.parametrize("shape", [(0, 2**60), (2**61, 0)])
def test_empty_tensors_of_immense_shape_are_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    storage = Storage("0", np.dtype("f8"), 4, bytes(32))
    with pytest.raises(Refused, match="outside its storage"):
        Tensor(storage, storage.dtype, 0, shape, (1, 1)).numpy()
    head = json.dumps({"a": {"dtype": "F64", "shape": list(shape), "data_offsets": [0, 0]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(head).to_bytes(8, "little") + head)
    with pytest.raises(InputError, match="that are no sizes"):
        read_foreign(tmp_path / "a.safetensors")
