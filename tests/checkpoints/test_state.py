"""A stored state comes back bit for bit, also after an interruption; a killed writer leaves no half of one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints import load_state, save_state, state_record
from pairs import InputError


def _state(step: int) -> dict:
    return {
        "key": jax.random.key(step),
        "step": step,
        "x": jnp.full((3, 2), step, jnp.float32),
        "done": False,
        "host": np.full((2,), 0.1 * step),
        "empty": jnp.zeros((0, 2)),
        "opt": (jnp.int32(step), None),
    }


def test_a_state_comes_back_with_its_kinds_of_leaves(tmp_path: Path) -> None:
    state = _state(3)
    save_state(tmp_path / "s", state, record={"step": 3})
    back = load_state(tmp_path / "s", _state(0))
    assert jax.tree.structure(back) == jax.tree.structure(state) and state_record(tmp_path / "s")["step"] == 3
    assert jax.random.key_data(back["key"]).tolist() == jax.random.key_data(state["key"]).tolist()
    assert back["key"].dtype == state["key"].dtype
    assert back["step"] == 3 and type(back["step"]) is int and back["done"] is False
    assert isinstance(back["host"], np.ndarray) and back["host"].dtype == np.float64
    np.testing.assert_array_equal(back["host"], state["host"])
    np.testing.assert_array_equal(back["x"], state["x"])
    assert back["empty"].shape == (0, 2) and int(back["opt"][0]) == 3


def test_states_of_another_structure_are_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "s", {"a": jnp.ones(3)})
    for like in ({"a": jnp.ones(4)}, {"b": jnp.ones(3)}, {"a": jnp.ones(3), "b": jnp.ones(3)}, {}):
        with pytest.raises(InputError, match="does not fit"):
            load_state(tmp_path / "s", like)
    with pytest.raises(InputError, match="'a.b'"):
        save_state(tmp_path / "t", {"a.b": jnp.ones(1), "a": {"b": jnp.ones(1)}})
    with pytest.raises(InputError, match="is a str"):
        save_state(tmp_path / "t", {"a": "text"})
    assert not (tmp_path / "t").exists()


def test_an_interrupted_replacement_is_finished_or_undone(tmp_path: Path) -> None:
    path = save_state(tmp_path / "s", _state(1))
    os.rename(path, tmp_path / ".s.previous")  # killed between the two renames
    assert load_state(path, _state(0))["step"] == 1
    save_state(path, _state(2))
    assert load_state(path, _state(0))["step"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_writer_killed_while_it_deletes_the_older_archive_does_not_hinder_the_next(tmp_path, monkeypatch) -> None:
    path = save_state(tmp_path / "s", _state(1))

    def killed(folder: Path, ignore_errors: bool = False) -> None:
        for file in folder.rglob("integrity.json"):  # the file by which an archive is known goes first
            file.unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("checkpoints.replacement.shutil.rmtree", killed)
        save_state(path, _state(2))
    assert load_state(path, _state(0))["step"] == 2
    save_state(path, _state(3))
    assert load_state(path, _state(0))["step"] == 3


_WRITER = """
import sys, jax.numpy as jnp
from checkpoints import save_state
for step in range(1, 10**6):
    save_state(sys.argv[1], {"step": step, "x": jnp.full((64, 64), step, jnp.float32)})
    print(step, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_state_and_its_litter_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "s"
    like = {"step": 0, "x": jnp.zeros((64, 64))}
    for delay in (0.02, 0.11):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        last = max([first, *(int(line) for line in writer.stdout.read().split())])
        state = load_state(path, like)
        assert state["step"] in (last, last + 1)
        assert np.all(np.asarray(state["x"]) == state["step"])
    save_state(path, like)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
