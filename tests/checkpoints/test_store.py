"""A stored pair or state comes back bit for bit, or not at all."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints import archive, check_destination, load_pair, load_state, save_pair, save_state, state_record
from checkpoints.digest import file_digest
from checkpoints.integrity import INTEGRITY
from pairs import ClassMixture, InputError, Net, Normal, Pair, Record, TruncatedNormal, wrap
from pairs.sequential.spec import init_sequential


def _pair(**changes: object) -> Pair:
    generator = init_sequential(
        jax.random.key(0), [{"layer": "dense", "out": 12}, {"layer": "unflatten", "shape": [3, 2, 2]}], (4,)
    )
    critic = init_sequential(
        jax.random.key(1), [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2, 2, 3)
    )
    pair = Pair(generator, critic, Normal((4,)), (2, 2, 3), (-1.0, 1.0), "wasserstein", record=Record(name="tiny"))
    return pair.replace(**changes)


def _same(a: object, b: object) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert u.dtype == v.dtype
        np.testing.assert_array_equal(np.asarray(u), np.asarray(v))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pair(tmp_path_factory.mktemp("stored") / "pair", _pair())


@pytest.mark.slow
def test_a_pair_comes_back_with_every_field(tmp_path: Path) -> None:
    mixture = ClassMixture((4,), jnp.ones((3, 4)), 2 * jnp.ones((3, 4)), jnp.asarray([0.5, 0.25, 0.25]))
    encoder = init_sequential(jax.random.key(2), [{"layer": "flatten"}, {"layer": "dense", "out": 4}], (2, 2, 3))
    variants = [
        _pair(),
        _pair(
            prior=TruncatedNormal((4,), 1.5), sample_range=None, critic_kind="logit", calibrated=True, encoder=encoder
        ),
        _pair(prior=mixture, classes=3, record=Record(name="m", chain={"eta": 0.1, "steps": [1, 2]})),
    ]
    for i, pair in enumerate(variants):
        _same(load_pair(save_pair(tmp_path / f"{i}", pair)), pair)


def test_low_precision_weights_keep_their_bits(tmp_path: Path) -> None:
    pair = _pair()
    low = jax.tree.map(lambda a: a.astype(jnp.bfloat16), pair.generator.params)
    pair = pair.replace(generator=Net(low, pair.generator.apply, pair.generator.architecture))
    _same(load_pair(save_pair(tmp_path / "p", pair)), pair)


def _affine(params: dict, x: jax.Array) -> jax.Array:
    return jnp.sum(params["w.x"] * x.reshape(x.shape[0], -1), axis=1) + params["b"]


def test_nets_of_unknown_architecture_need_like_and_then_fit_exactly(tmp_path: Path) -> None:
    critic = wrap(_affine, {"w.x": jnp.ones((12,)), "b": jnp.zeros(())})
    path = save_pair(tmp_path / "p", _pair(critic=critic))
    with pytest.raises(InputError, match="critic: was saved without an architecture"):
        load_pair(path)
    _same(load_pair(path, like=_pair(critic=critic)), _pair(critic=critic))
    other = wrap(_affine, {"w.x": jnp.ones((11,)), "c": jnp.zeros(())})
    with pytest.raises(
        InputError, match=r"'b' is not part of it, 'c' is missing, 'w.x' has shape \(12,\), not \(11,\)"
    ):
        load_pair(path, like=_pair(critic=other))


@pytest.mark.slow
def test_built_in_families_are_found_in_a_fresh_process(stored: Path) -> None:
    code = f"import checkpoints; print(checkpoints.load_pair({str(stored)!r}).name)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "tiny\n"


def test_destinations_are_not_overwritten_by_accident(tmp_path: Path, stored: Path) -> None:
    path = save_pair(tmp_path / "a" / "p", _pair())  # folders above are made
    with pytest.raises(InputError, match="exists; choose another path, or overwrite"):
        save_pair(path, _pair())
    other = _pair(record=Record(name="other"))
    assert load_pair(save_pair(path, other, overwrite=True)).name == "other"
    assert sorted(p.name for p in path.parent.iterdir()) == ["p"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for victim in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex"):
        with pytest.raises(InputError, match="is not a checkpoint"):
            save_pair(victim, _pair(), overwrite=True)
    with pytest.raises(InputError, match="cannot write in"):
        check_destination(tmp_path / "mine" / "thesis.tex" / "p")
    with pytest.raises(InputError, match="cannot write in"):
        save_pair("/proc/nothing/p", _pair())


def test_relative_paths_are_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert save_pair("p", _pair()) == tmp_path / "p"
    assert load_pair("p").name == "tiny"


def _outcome(path: Path, pair: Pair) -> bool:
    """Whether loading raised; a loaded pair must be ``pair``."""
    try:
        loaded = load_pair(path)
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)
        return True
    _same(loaded, pair)
    return False


def test_no_flipped_bit_in_any_file_changes_weights_or_metadata(tmp_path: Path, stored: Path) -> None:
    copy, pair, draw = tmp_path / "p", _pair(), random.Random(0)
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
    copy, pair = tmp_path / "p", _pair()
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


def test_what_is_no_checkpoint_is_told(tmp_path: Path, stored: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, words in (("none", "does not exist"), ("file", "is a file"), ("empty", "holds no checkpoint")):
        with pytest.raises(InputError, match=words):
            load_pair(tmp_path / name)
    with pytest.raises(InputError, match="holds a ganrefine-pair, not a ganrefine-state"):
        load_state(stored, {})


def test_archives_do_not_tell_where_they_were_made(stored: Path) -> None:
    place = str(stored.parent).encode()
    assert not [p for p in stored.rglob("*") if p.is_file() and place in p.read_bytes()]


def test_archives_are_plain_files_that_load_from_anywhere(tmp_path: Path, stored: Path) -> None:
    assert not [p for p in stored.rglob("*") if p.is_symlink()]
    copy = tmp_path / "site-packages" / "x"
    for file in (p for p in stored.rglob("*") if p.is_file()):  # as an installer does: files alone, read-only
        (copy / file.relative_to(stored)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy / file.relative_to(stored))
    folders = [copy, *(p for p in copy.rglob("*") if p.is_dir())]
    for path in (*folders, *(p for p in copy.rglob("*") if p.is_file())):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(copy.rglob("*"))
    _same(load_pair(copy), _pair())
    assert sorted(copy.rglob("*")) == before
    for path in folders:
        path.chmod(0o755)


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


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive._orbax, "write", full)
    with pytest.raises(InputError, match="No space left"):
        save_pair(tmp_path / "p", _pair())
    assert list(tmp_path.iterdir()) == []
