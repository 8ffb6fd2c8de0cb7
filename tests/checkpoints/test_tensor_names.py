"""Which tensor goes to which layer: by names, numbers and order; what wrappers add to names is taken off."""

from __future__ import annotations

import numpy as np
import pytest
from weight_files import SIZES, four_layers

from checkpoints.conversion import convert_tensors
from pairs import InputError
from pairs.sequential.spec import parse_layers


def test_modules_registered_in_another_order_are_a_doubt_unless_numbers_tell() -> None:
    tensors = four_layers()
    layers = parse_layers([{"layer": "dense", "out": n} for n in (4, 4, 4, 8)])
    backwards = {k: tensors[k] for n in reversed(SIZES) for k in tensors if k.startswith(f"{n}.")}
    made = convert_tensors(backwards, layers, (3,))
    assert [d.modules for d in made.doubts] == [("extra", "main")] and "could be exchanged" in str(made.doubts[0])
    assert [row.module for row in made.table] == ["dense_in", "extra", "main", "to_img"]
    numbered = {k.replace("main", "fc2").replace("extra", "fc10"): v for k, v in backwards.items()}
    made = convert_tensors(numbered, layers, (3,))
    assert not made.doubts and [row.module for row in made.table] == ["dense_in", "fc2", "fc10", "to_img"]


def test_modules_of_equal_numbers_are_no_doubt() -> None:
    tensors = four_layers()
    tensors |= {f"extra.{n}": tensors[f"main.{n}"] for n in ("weight", "bias")}
    layers = parse_layers([{"layer": "dense", "out": n} for n in (4, 4, 4, 8)])
    assert not convert_tensors(tensors, layers, (3,)).doubts


def test_one_module_used_twice_is_shared_and_a_name_used_twice_says_so() -> None:
    tensors = {
        "a.weight": np.eye(3, dtype="f"),
        "a.bias": np.ones(3, "f"),
        "o.weight": np.ones((1, 3), "f"),
        "o.bias": np.zeros(1, "f"),
    }
    one = {"layer": "dense", "out": 3, "name": "a"}
    last = {"layer": "dense", "out": 1}
    made = convert_tensors(tensors, parse_layers([one, {"layer": "dense", "out": 3, "share": "a"}, last]), (3,))
    np.testing.assert_array_equal(made.params[0]["kernel"], made.params[1]["kernel"])
    with pytest.raises(InputError, match=r"layers\[1\] has the name 'a' of layers\[0\]: give it share = 'a'"):
        convert_tensors(tensors, parse_layers([one, one, last]), (3,))
    with pytest.raises(InputError, match="shares 'b', which no earlier layer has"):
        convert_tensors(tensors, parse_layers([one, {"layer": "dense", "out": 3, "share": "b"}, last]), (3,))


def test_a_name_may_have_the_prefix_of_data_parallel_or_not() -> None:
    tensors = {f"module.{k}": v for k, v in four_layers().items()}
    for name in ("main", "module.main"):
        layers = parse_layers(
            [{"layer": "dense", "out": n, **({"name": name} if i == 1 else {})} for i, n in enumerate((4, 4, 4, 8))]
        )
        assert [row.module for row in convert_tensors(tensors, layers, (3,)).table] == list(SIZES)


def test_averaged_and_compiled_names_and_counters_are_taken_off() -> None:
    layers = parse_layers([{"layer": "dense", "out": 4}])
    plain = {"0.weight": np.ones((4, 3), "f"), "0.bias": np.zeros(4, "f")}
    for wrapped in (
        {"n_averaged": np.ones((), np.int64), **{f"module.{k}": v for k, v in plain.items()}},
        {f"_orig_mod.{k}": v for k, v in plain.items()},
        {f"module._orig_mod.{k}": v for k, v in plain.items()},
    ):
        np.testing.assert_array_equal(convert_tensors(wrapped, layers, (3,)).params[0]["kernel"], plain["0.weight"].T)


def test_batch_norm_without_running_statistics_is_refused_with_the_reason() -> None:
    tensors = {"0.weight": np.ones(4, "f"), "0.bias": np.ones(4, "f")}
    with pytest.raises(InputError, match="'0.running_mean' is missing .a layer without running statistics mixes"):
        convert_tensors(tensors, parse_layers([{"layer": "batch_norm"}]), (4,))


def test_a_net_with_parameters_and_a_file_withoutfour_layers() -> None:
    with pytest.raises(InputError, match="the file holds no tensors"):
        convert_tensors({}, parse_layers([{"layer": "dense", "out": 1}]), (4,))
    assert convert_tensors({}, parse_layers([{"layer": "relu"}]), (4,)).params == ({},)
