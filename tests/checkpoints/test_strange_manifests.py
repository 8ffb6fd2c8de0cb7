"""Manifests from any editor and any hand: read within bounds, named in one line, shown without their escapes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.sound_formats import torch_zip_bytes
from checkpoints.manifest import read_manifest
from checkpoints.toml_files import read_toml
from dcd.tuning.tuned_file import read_tuned
from ganrefine import main
from pairs import InputError, Normal, Uniform
from pairs.prior_records import prior_from_record
from pairs.prior_text import parse_prior

ESCAPE = "\x1b[31m"
TEXT = """[pair]
name = "x"
sample_range = []
license = "\\u001b[31mfree\\nindeed"
[prior]
kind = "normal"
shape = [4]
[generator]
file = "g.pth"
ignore = ["*aux"]
layers = [{layer = "dense", out = 4, bias = false}]
"""


@pytest.mark.parametrize("made", ["pipe", "folder", "device"])
def test_only_regular_files_are_opened(tmp_path: Path, made: str) -> None:
    path = tmp_path / "pair.toml"
    {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda p: os.symlink("/dev/zero", p)}[made](path)
    for read in (read_manifest, read_tuned):
        with pytest.raises(InputError, match="regular file"):
            read(path)


def test_the_marks_of_editors_are_no_content(tmp_path: Path) -> None:
    (tmp_path / "pair.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read_manifest(tmp_path / "pair.toml").pair["name"] == "x"
    (tmp_path / "pair.toml").write_bytes(b" " * (2**18 + 1))
    with pytest.raises(InputError, match="more than 262,144 bytes"):
        read_toml(tmp_path / "pair.toml")


@pytest.mark.parametrize("name", ["", "a\\nb", "\\u001b[2J", "\\u202e", "a" * 201])
def test_a_name_is_one_printable_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "pair.toml").write_text(TEXT.replace('"x"', f'"{name}"'))
    with pytest.raises(InputError, match="pair.name: .*give 1 to 200 printable characters") as caught:
        read_manifest(tmp_path / "pair.toml")
    assert len(str(caught.value)) < 1000


def test_what_a_file_says_reaches_the_terminal_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {f"{ESCAPE}a.weight": np.eye(4, dtype="f"), f"{ESCAPE}aux": np.ones(2, "f")}
    (tmp_path / "g.pth").write_bytes(torch_zip_bytes({f"{ESCAPE}net": tensors}))
    (tmp_path / "pair.toml").write_text(TEXT)
    out = str(tmp_path / "out")
    assert main(["import", str(tmp_path / "pair.toml"), "--out", out]) == 0
    for path in (out, str(tmp_path / "pair.toml"), str(tmp_path / "g.pth")):
        assert main(["inspect", path]) == 0
    shown = "".join(capsys.readouterr())
    assert "\x1b" not in shown and shown.count("x1b[31m") >= 6


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 1e300, float("nan"), float("inf"), True, "1", None], ids=lambda value: str(value)[:5]
)
def test_numbers_of_priors_are_finite_and_of_moderate_size(value: object) -> None:
    for record in ({"kind": "normal", "scale": value}, {"kind": "uniform", "low": 0, "high": value}):
        with pytest.raises(InputError) as caught:
            prior_from_record({**record, "shape": [4]})
        assert len(str(caught.value)) < 300


def test_words_of_priors_say_each_thing_once() -> None:
    assert parse_prior("normal:4,scale=2") == Normal((4,), scale=2.0) and parse_prior("uniform:4") == Uniform((4,))
    for text in ("normal:4,scale=1,scale=2", "normal:4,shape=5", "normal:4,kind=1"):
        with pytest.raises(InputError, match="write for example normal:96"):
            parse_prior(text)
    with pytest.raises(InputError, match="prior.kind: is \\['normal'\\]"):
        prior_from_record({"kind": ["normal"], "shape": [4]})
