"""The state dict that is meant: found where one fits, said, and never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies.sound_formats import Call, torch_legacy_bytes, torch_zip_bytes
from checkpoints.foreign.state_dicts import choose, drop, unwrapped
from checkpoints.foreign.tensors import read_foreign, read_tensors
from pairs import InputError


def _net(outputs: int, prefix: str = "") -> dict[str, np.ndarray]:
    draw = np.random.default_rng(outputs)
    return {
        f"{prefix}0.weight": draw.normal(size=(outputs, 3)).astype(np.float32),
        f"{prefix}0.bias": np.zeros(outputs, np.float32),
    }


def _fits(outputs: int) -> Any:
    return lambda tensors: set(tensors) == {"0.weight", "0.bias"} and tensors["0.weight"].shape == (outputs, 3)


def _choose(folder: Path, content: Any, outputs: int = 4, key: str | int | None = None) -> Any:
    (folder / "a.pth").write_bytes(torch_zip_bytes(content))
    found = read_foreign(folder / "a.pth")
    return choose(found.tensors, found.parts, key, _fits(outputs), "a.pth")


_ADAM = {"state": {0: {"step": 3, "exp_avg": np.zeros((4, 3), np.float32)}}, "param_groups": [{"lr": 0.1}]}


def test_of_a_trainers_file_the_part_that_fits_is_taken_and_said(tmp_path: Path) -> None:
    content = {"epoch": 3, "g": _net(4, "module."), "d": _net(2), "g_optim": _ADAM, "d_optim": {}}
    for outputs, key in ((4, "g"), (2, "d")):
        choice = _choose(tmp_path, content, outputs)
        assert choice.key == key and list(choice.tensors) == ["0.weight", "0.bias"]
        assert f"'{key}' was taken, the only one of 2 state dicts that fits" in choice.said[0]
    with pytest.raises(InputError, match=r'none .* fits the layers; correct them, or write key = "g" or key = "d"$'):
        _choose(tmp_path, content, 9)
    with pytest.raises(InputError, match=r"'netG' is not in 'a.pth'; it has key = \"g\" or key = \"d\""):
        _choose(tmp_path, content, key="netG")


@pytest.mark.parametrize("average", ["g_ema", "netG_ema", "G_ema", "ema", "avgG", "model_EMA"])
def test_an_average_of_the_weights_goes_before_the_weights(tmp_path: Path, average: str) -> None:
    choice = _choose(tmp_path, {"net": _net(4), average: _net(4), "d": _net(2)})
    assert choice.key == average and "average of the weights; 'net' would fit too" in choice.said[0]


def test_two_parts_that_fit_alike_are_named_and_none_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'2 state dicts of .a.pth. fit; write key = "first" or key = "schema"'):
        _choose(tmp_path, {"first": _net(4), "schema": _net(4)})  # "ema" inside a word is no average


def test_a_list_of_state_dicts_is_addressed_by_number(tmp_path: Path) -> None:
    content = [_net(4), _net(2)]
    assert _choose(tmp_path, content).key == "0" and _choose(tmp_path, content, 2).key == "1"
    np.testing.assert_array_equal(_choose(tmp_path, content, key=0).tensors["0.weight"], _net(4)["0.weight"])
    assert read_tensors(tmp_path / "a.pth", 1)["0.weight"].shape == (2, 3)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_words_that_wrappers_put_before_names_are_taken_off_and_said(prefix: str) -> None:
    counter = {"n_averaged": np.asarray(5)}
    bare, said = unwrapped({**counter, **_net(4, prefix)})
    assert list(bare) == ["0.weight", "0.bias"] and len(said) == prefix.count(".")
    assert "n_averaged" in said[0]
    assert unwrapped(_net(4))[1] == ()
    mixed = {**_net(4, "module."), "other.weight": np.zeros(2)}
    assert unwrapped(mixed) == (mixed, ())  # not all names have it: it is a module of that name


def test_a_prefix_stays_where_the_layers_are_named_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(torch_zip_bytes(_net(4, "module.")))
    found = read_foreign(tmp_path / "a.pth")
    named = choose(found.tensors, found.parts, None, lambda tensors: "module.0.weight" in tensors)
    assert list(named.tensors) == ["module.0.weight", "module.0.bias"] and not named.said


def test_low_precision_is_kept_by_the_reader_and_its_widening_is_said(tmp_path: Path) -> None:
    low = {"0.weight": np.ones((4, 3), np.float16), "0.bias": np.zeros(4, np.float16)}
    (tmp_path / "a.pth").write_bytes(torch_zip_bytes(low))
    found = read_foreign(tmp_path / "a.pth")
    assert found.tensors["0.weight"].dtype == np.float16
    assert "float16 and become float32, exactly" in choose(found.tensors, found.parts).said[0]
    bfloat = {"0.weight": np.ones((4, 3), jnp.bfloat16)}
    assert "bfloat16" in choose(bfloat, [""]).said[0]
    assert "rounded" in choose({"a": np.ones(2)}, [""]).said[0]


def test_tensors_can_be_left_out_by_name_or_pattern_and_a_pattern_must_match() -> None:
    tensors = {**_net(4), "aux.weight": np.zeros((10, 3)), "aux.bias": np.zeros(10)}
    kept, gone = drop(tensors, ["aux.*"])
    assert list(kept) == ["0.weight", "0.bias"] and gone == ["aux.weight", "aux.bias"]
    with pytest.raises(InputError, match="'aux2.*' matches no tensor; the file has 0.weight"):
        drop(tensors, ["aux2.*"])


@pytest.mark.parametrize(
    ("beside", "left"),
    [
        ({"c": Call("collections.Counter", {1: 2})}, {}),
        ({"s": Call("__builtin__.set", [1, 2])}, {}),
        ({"z": Call("__builtin__.complex", 0.0, 1.0)}, {}),
        ({"b": Call("__builtin__.bytearray", "x", "latin-1")}, {}),
        ({"n": Call("numpy.core.multiarray.scalar", Call("numpy.dtype", "f8"), bytes(8))}, {}),
        ({"args": Call("argparse.Namespace", state={"lr": 0.1})}, {"args": "argparse.Namespace"}),
        ({"opt": Call("torch.optim.adam.Adam")}, {"opt": "torch.optim.adam.Adam"}),
        ({"mode": Call("builtins.getattr", Call("my.Mode"), "TRAIN")}, {"mode": "my.Mode.TRAIN"}),
        ({"sizes": {(1, 2): 3, "a": 1}}, {"(entries)": "1 whose key is neither text nor a number"}),
    ],
)
def test_what_lies_beside_the_weights_is_read_as_data_or_left_unread_and_said(
    tmp_path: Path, beside: dict, left: dict
) -> None:
    for make in (torch_zip_bytes, torch_legacy_bytes):
        (tmp_path / "a.pth").write_bytes(make({"g": _net(4), **beside}))
        found = read_foreign(tmp_path / "a.pth")
        assert list(found.tensors) == ["g.0.weight", "g.0.bias"] and found.skipped == left
