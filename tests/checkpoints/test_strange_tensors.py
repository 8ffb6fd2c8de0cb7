"""Tensors that are no weights, names that tell no order, and parts that a refusal has to point to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from benchmarks.studies.sound_formats import Call, torch_zip_bytes
from checkpoints.conversion import convert_tensors
from checkpoints.importing import import_files
from checkpoints.module_names import refuse_parts
from pairs import InputError
from pairs.sequential.spec import parse_layers

DRAW = np.random.default_rng(0)
W = DRAW.normal(size=(4, 4)).astype("f")
PLAIN = {"layer": "dense", "out": 4, "bias": False}


def _converted(tensors: dict[str, np.ndarray], *layers: dict[str, Any], **options: Any) -> Any:
    return convert_tensors(tensors, parse_layers(layers), (4,), "generator.layers", **options)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"a.weight": W + 0j}, "'a.weight' is complex64; store weights as float32"),
        ({"a.weight": W.astype("i1")}, "'a.weight' is int8; store weights as float32"),
        ({"a.weight_g": np.ones((4, 1)) + 1j, "a.weight_v": W}, "'a.weight_g' is complex128"),
        ({"a.weight_g": np.ones((4, 1), "u1"), "a.weight_v": W}, "'a.weight_g' is uint8"),
        ({"a.weight": W.astype(ml_dtypes.bfloat16).view("V2")}, "is |V2 (bfloat16 loses its type in an npz)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("error")
def test_only_floats_are_weights_also_inside_a_normalisation(tensors: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(InputError) as caught:
        _converted(tensors, PLAIN)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [("b64.conv", "b32.conv", "b16.conv"), ("b4", "b8", "b16"), ("up3", "up2", "up1"), ("res_8x8", "res_16x16")],
    ids=lambda names: names[0],
)
def test_resolutions_and_names_that_count_down_are_a_doubt(names: Sequence[str]) -> None:
    tensors = {f"{n}.weight": W + i for i, n in enumerate(names)}
    assert [d.modules for d in _converted(tensors, *(PLAIN for _ in names)).doubts] == [tuple(names)]


@pytest.mark.parametrize(
    "names", [("l10", "l2"), ("main.0", "main.4", "main.8", "main.16"), ("c1_1", "c1_2", "c2_1"), ("f1", "f3", "f2")]
)
def test_other_numbers_tell_the_order(names: Sequence[str]) -> None:
    made = _converted({f"{n}.weight": W + i for i, n in enumerate(names)}, *(PLAIN for _ in names))
    assert not made.doubts and [r.module for r in made.table] == sorted(names, key=lambda n: (len(n), n))


def test_what_is_ignored_may_be_named_exactly_and_with_the_prefix_of_a_wrapper() -> None:
    tensors = {f"module.{n}": a for n, a in {"a.weight": W, "b[0]": W, "aux.w": W}.items()}
    made = _converted(tensors, PLAIN, ignore=["b[0]", "module.aux.*"])
    assert made.ignored == ("b[0]", "aux.w")


@pytest.mark.parametrize(
    "part",
    ["a.bias", "a.sn_u", "a.weight_mask", "a.running_mean", "a.parametrizations.bias.original0"],
)
def test_a_part_of_what_a_layer_takes_cannot_be_ignored(part: str) -> None:
    tensors = {"a.weight": W, "a.sn_sigma": np.ones(1, "f"), part: W[0]}
    with pytest.raises(InputError) as caught:
        _converted(tensors, PLAIN, ignore=[part, "a.sn_sigma"])
    first = next(n for n in tensors if n in (part, "a.sn_sigma"))
    said = f"generator.ignore: leaves out '{first}', while a layer takes the rest of 'a'; take it off the list"
    assert str(caught.value).startswith(said)


def test_a_part_below_what_a_layer_takes_cannot_be_ignored_either() -> None:
    with pytest.raises(InputError, match="leaves out 'a.out.weight', while a layer takes the rest of 'a'"):
        refuse_parts(["a.out.weight"], {"a"}, "generator.layers")
    refuse_parts(["ab.weight", "a.step"], {"a"}, "generator.layers")
    with pytest.raises(InputError, match="leaves out 'weight'"):
        refuse_parts(["a.weight", "weight"], {""}, "generator.layers")


def test_a_counter_beside_weights_can_be_ignored_and_so_can_parts_of_what_no_layer_takes() -> None:
    tensors = {"a.weight": W, "a.step": W[0, 0], "b.bias": W[0]}
    assert _converted(tensors, PLAIN, ignore=["a.step", "b.bias"]).ignored == ("a.step", "b.bias")


def test_a_gain_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="equalized = 0.0, which is no gain above 0"):
        _converted({"a.weight": W}, {**PLAIN, "equalized": 0.0})


def _manifest(folder: Path, value: Any, more: str = "") -> Path:
    (folder / "g.pth").write_bytes(torch_zip_bytes(value))
    layers = '[{layer = "dense", out = 4, bias = false}]'
    (folder / "pair.toml").write_text(
        '[pair]\nname = "x"\nsample_range = []\n[prior]\nkind = "normal"\nshape = [4]\n'
        f'[generator]\nfile = "g.pth"\n{more}\nlayers = {layers}\n'
    )
    return folder / "pair.toml"


def test_a_part_below_a_prefix_is_pointed_to_and_the_pointer_works(tmp_path: Path) -> None:
    held = {"state_dict": {"gen.a.weight": W, "disc.a.weight": W[:1], "disc.b.weight": W[:2]}}
    with pytest.raises(InputError, match=r'; or write key = "state_dict.gen", if the others'):
        import_files(_manifest(tmp_path, held))
    with pytest.raises(InputError, match=r'it has key = "state_dict.gen"'):
        import_files(_manifest(tmp_path, held, 'key = "gen"'))
    made = import_files(_manifest(tmp_path, held, 'key = "state_dict.gen"')).pair
    np.testing.assert_allclose(made.generate(np.eye(4, dtype="f")), W.T, rtol=1e-6)


def test_a_weight_that_was_left_unread_is_said_where_it_is_missing(tmp_path: Path) -> None:
    sparse = {"a.weight": Call("torch._utils._rebuild_sparse_tensor", 1), "b.bias": W[0]}
    with pytest.raises(InputError, match=r"'b.weight' is missing.*\(left unread: a.weight\)"):
        import_files(_manifest(tmp_path, sparse))
