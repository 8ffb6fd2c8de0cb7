"""A stored pair comes back bit for bit, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from stored_pairs import same, tiny_pair

from checkpoints import archive, check_destination, load_pair, load_state, save_pair
from pairs import ClassMixture, InputError, Net, Record, TruncatedNormal, wrap
from pairs.sequential.spec import init_sequential


@pytest.mark.slow
def test_a_pair_comes_back_with_every_field(tmp_path: Path) -> None:
    mixture = ClassMixture((4,), jnp.ones((3, 4)), 2 * jnp.ones((3, 4)), jnp.asarray([0.5, 0.25, 0.25]))
    encoder = init_sequential(jax.random.key(2), [{"layer": "flatten"}, {"layer": "dense", "out": 4}], (2, 2, 3))
    variants = [
        tiny_pair(),
        tiny_pair(
            prior=TruncatedNormal((4,), 1.5), sample_range=None, critic_kind="logit", calibrated=True, encoder=encoder
        ),
        tiny_pair(prior=mixture, classes=3, record=Record(name="m", chain={"eta": 0.1, "steps": [1, 2]})),
    ]
    for i, pair in enumerate(variants):
        same(load_pair(save_pair(tmp_path / f"{i}", pair)), pair)


def test_low_precision_weights_keep_their_bits(tmp_path: Path) -> None:
    pair = tiny_pair()
    low = jax.tree.map(lambda a: a.astype(jnp.bfloat16), pair.generator.params)
    pair = pair.replace(generator=Net(low, pair.generator.apply, pair.generator.architecture))
    same(load_pair(save_pair(tmp_path / "p", pair)), pair)


def _affine(params: dict, x: jax.Array) -> jax.Array:
    return jnp.sum(params["w.x"] * x.reshape(x.shape[0], -1), axis=1) + params["b"]


def test_nets_of_unknown_architecture_need_like_and_then_fit_exactly(tmp_path: Path) -> None:
    critic = wrap(_affine, {"w.x": jnp.ones((12,)), "b": jnp.zeros(())})
    path = save_pair(tmp_path / "p", tiny_pair(critic=critic))
    with pytest.raises(InputError, match="critic: was saved without an architecture"):
        load_pair(path)
    same(load_pair(path, like=tiny_pair(critic=critic)), tiny_pair(critic=critic))
    other = wrap(_affine, {"w.x": jnp.ones((11,)), "c": jnp.zeros(())})
    with pytest.raises(
        InputError, match=r"'b' is not part of it, 'c' is missing, 'w.x' has shape \(12,\), not \(11,\)"
    ):
        load_pair(path, like=tiny_pair(critic=other))


@pytest.mark.slow
def test_built_in_families_are_found_in_a_fresh_process(stored: Path) -> None:
    code = f"import checkpoints; print(checkpoints.load_pair({str(stored)!r}).name)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "tiny\n"


def test_destinations_are_not_overwritten_by_accident(tmp_path: Path, stored: Path) -> None:
    path = save_pair(tmp_path / "a" / "p", tiny_pair())  # folders above are made
    with pytest.raises(InputError, match="exists; choose another path, or overwrite"):
        save_pair(path, tiny_pair())
    other = tiny_pair(record=Record(name="other"))
    assert load_pair(save_pair(path, other, overwrite=True)).name == "other"
    assert sorted(p.name for p in path.parent.iterdir()) == ["p"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for victim in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex"):
        with pytest.raises(InputError, match="is not a checkpoint"):
            save_pair(victim, tiny_pair(), overwrite=True)
    with pytest.raises(InputError, match="cannot write in"):
        check_destination(tmp_path / "mine" / "thesis.tex" / "p")
    with pytest.raises(InputError, match="cannot write in"):
        save_pair("/proc/nothing/p", tiny_pair())


def test_relative_paths_are_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert save_pair("p", tiny_pair()) == tmp_path / "p"
    assert load_pair("p").name == "tiny"


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
    same(load_pair(copy), tiny_pair())
    assert sorted(copy.rglob("*")) == before
    for path in folders:
        path.chmod(0o755)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive._orbax, "write", full)
    with pytest.raises(InputError, match="No space left"):
        save_pair(tmp_path / "p", tiny_pair())
    assert list(tmp_path.iterdir()) == []
