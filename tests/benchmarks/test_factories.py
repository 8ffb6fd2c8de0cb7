"""The user's own function, named as FILE.py:function."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.factories import factory_of
from pairs import InputError


def test_a_factory_imports_files_of_its_own_folder_and_leaves_the_search_path_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "layers_of_mine.py").write_text("WIDTH = 7\n")
    (tmp_path / "late_of_mine.py").write_text("DEPTH = 2\n")
    text = "from layers_of_mine import WIDTH\ndef make():\n"
    text += "    import late_of_mine\n    return WIDTH, late_of_mine.DEPTH\n"
    (tmp_path / "nets.py").write_text(text)
    before, given = list(sys.path), factory_of(f"{tmp_path / 'nets.py'}:make")
    assert given is not None and given.make() == (7, 2)
    assert sys.path == before


def test_what_a_factory_itself_does_to_the_search_path_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "nets.py").write_text("import sys\nsys.path.append('elsewhere')\ndef make():\n    return 1\n")
    before, given = list(sys.path), factory_of(f"{tmp_path / 'nets.py'}:make")
    assert given is not None and given.make() == 1
    assert sys.path == [*before, "elsewhere"]


def test_a_missing_file_is_refused_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        factory_of(f"{tmp_path}/nets:make")
    assert str(error.value) == f"factory: '{tmp_path}/nets:make' names no file; give FILE.py:function"
