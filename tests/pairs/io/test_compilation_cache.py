"""Where commands keep compiled programs, and when they do not."""

from __future__ import annotations

import os

import pytest

from pairs.io import compilation_cache
from pairs.io.compilation_cache import VARIABLE, use_compilation_cache

JAX = ("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """No variable of the cache is set, and the user's folder is a fresh one."""
    for name in (VARIABLE, *JAX):
        monkeypatch.setenv(name, "")  # so that what is set below is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return monkeypatch


def test_programs_are_kept_in_a_folder_of_the_user_alone(clean, tmp_path):
    folder = use_compilation_cache()
    assert folder is not None and folder.parent == tmp_path / "ganrefine"
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o077 == 0 and folder.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name, value", [(VARIABLE, "off"), (VARIABLE, " 0 "), (JAX[0], "/else"), (JAX[1], "false")])
def test_the_user_may_turn_it_off_or_set_it_himself(clean, tmp_path, name, value):
    clean.setenv(name, value)
    before = dict(os.environ)
    assert use_compilation_cache() is None
    assert dict(os.environ) == before and not list(tmp_path.iterdir())


def test_another_folder_may_be_named_and_one_that_cannot_be_written_is_not_used(clean, tmp_path):
    clean.setenv(VARIABLE, str(tmp_path / "mine"))
    folder = use_compilation_cache()
    assert folder is not None and folder.parent == tmp_path / "mine"
    clean.delenv(JAX[0])
    file = tmp_path / "file"
    file.write_text("")
    clean.setenv(VARIABLE, str(file / "below"))
    assert use_compilation_cache() is None
    # a folder that others may write to could hold programs that are not the user's
    folder.chmod(0o777)
    clean.setenv(VARIABLE, str(tmp_path / "mine"))
    assert use_compilation_cache() is None


def test_what_was_not_used_for_longest_goes_first(clean):
    folder = use_compilation_cache()
    for age, name in enumerate(("new", "old", "oldest")):
        (folder / name).write_bytes(b"x" * 10)
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    clean.setattr(compilation_cache, "MOST", 20)
    clean.delenv(JAX[0])
    assert use_compilation_cache() == folder
    assert sorted(p.name for p in folder.iterdir()) == ["new", "old"]


def test_a_folder_below_one_that_others_write_is_used_only_where_they_can_move_nothing(clean, tmp_path):
    above = tmp_path / "above"
    (above / "mine").mkdir(parents=True)
    clean.setenv(VARIABLE, str(above / "mine"))
    above.chmod(0o777)
    assert use_compilation_cache() is None and not list((above / "mine").iterdir())
    # the way there does not matter
    (tmp_path / "link").symlink_to(above / "mine")
    clean.setenv(VARIABLE, str(tmp_path / "link"))
    assert use_compilation_cache() is None
    above.chmod(0o1777)
    folder = use_compilation_cache()
    assert folder is not None and folder.parent == above / "mine"


def test_programs_of_other_releases_count_and_their_empty_folders_go(clean):
    folder = use_compilation_cache()
    past, notes = folder.parent / ("0" * 16), folder.parent / "notes"
    for age, place in enumerate((folder, past, notes), start=1):
        place.mkdir(exist_ok=True)
        (place / "file").write_bytes(b"x" * 10)
        os.utime(place / "file", (1e9 - age, 1e9 - age))
    clean.setattr(compilation_cache, "MOST", 10)
    clean.delenv(JAX[0])
    assert use_compilation_cache() == folder and (folder / "file").exists()
    assert not past.exists() and (notes / "file").exists()  # not a folder of this cache
