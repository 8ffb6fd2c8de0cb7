"""A short run of the fuzzer, and that each of its alarms can ring."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.studies import fuzz_files, fuzz_store
from benchmarks.studies.file_mutations import mutated
from benchmarks.studies.fuzz_files import Watch, fuzz
from benchmarks.studies.sound_files import KERAS, SOUND, write_sound
from benchmarks.studies.sound_graphs import ONNX
from checkpoints import resolve

WATCH = Watch()  # audit hooks stay for the life of the process: one is enough


def test_mutated_files_are_read_or_refused_and_do_nothing_else(tmp_path: Path) -> None:
    found = fuzz(600, 1, tmp_path, WATCH)
    assert found["violations"] == []
    counts = found["counts"].values()
    assert set(found["counts"]) == set(SOUND) and all(entry["refused"] > 5 for entry in counts)
    assert sum(entry["read"] for entry in counts) > 20  # some mutations change numbers alone


@pytest.mark.slow
def test_mutated_keras_files_too(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    WATCH.passed += ("subprocess.Popen", "os.posix_spawn", "os.fork")  # the trial of a file is a process
    try:
        assert fuzz(6, 1, tmp_path, WATCH, KERAS)["violations"] == []
    finally:
        WATCH.passed = WATCH.passed[:-3]


def test_mutated_onnx_files_too(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    found = fuzz(120, 1, tmp_path, WATCH, ONNX)
    assert found["violations"] == [] and found["counts"]["generator.onnx"]["read"] > 5


def test_a_changed_file_of_a_sealed_pair_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    found = fuzz_store.fuzz_store(40, 1, tmp_path, mutated)
    assert found["violations"] == []
    assert found["counts"]["sealed pair"]["refused"] > 10 and found["counts"]["sealed pair"]["read"] > 0


def test_another_pair_and_another_error_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_seal(path: Path) -> None:
        raise KeyError("x")

    other = resolve()
    for i, (reader, words) in enumerate(((no_seal, "KeyError"), (lambda path: other, "another pair"))):
        monkeypatch.setattr(fuzz_store, "load_pair", reader)
        found = fuzz_store.fuzz_store(1, 0, tmp_path / str(i), mutated)
        assert words in found["violations"][0]["problem"]


def test_every_sound_file_is_read(tmp_path: Path) -> None:
    for path in write_sound(tmp_path).values():
        fuzz_files.read_any(path)


@pytest.mark.slow
def test_a_reader_that_errs_executes_or_grows_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytearray] = []

    def other_error(path: Path) -> None:
        raise KeyError("x")

    def executes(path: Path) -> None:
        subprocess.run(["true"], check=False)

    def writes(path: Path) -> None:
        (tmp_path / "trace").write_text("x")

    def grows(path: Path) -> None:
        held.append(bytearray(b"x") * 900_000_000)
        held.clear()

    one = {"images.npz": SOUND["images.npz"]}
    for reader, words in (
        (other_error, "KeyError"),
        (executes, "subprocess.Popen"),
        (writes, "open"),
        (grows, "MB"),
    ):
        calls = iter(range(99))
        # the first three calls are the warming up
        late = lambda path, reader=reader, calls=calls: reader(path) if next(calls) > 2 else None
        monkeypatch.setattr(fuzz_files, "read_any", late)
        found = fuzz(1, 0, tmp_path, WATCH, one)
        assert words in found["violations"][0]["problem"], reader
