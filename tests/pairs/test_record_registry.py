"""Records are values; architectures are found by name and never run code named by a file."""

from __future__ import annotations

import copy
import importlib

import jax
import numpy as np
import pytest

from pairs import Architecture, InputError, Pair, Record, build, known, register
from pairs.io.command import Parser


def test_equal_content_is_one_value_whatever_the_order() -> None:
    a, b = Record(x=1, y=[1, 2]), Record({"y": (1, 2), "x": 1})
    assert a == b and hash(a) == hash(b) and len({a, b}) == 1
    assert a != Record(x=1) and a != {"x": 1, "y": [1, 2]}


def test_nothing_can_be_changed_behind_the_hash() -> None:
    source = {"deep": {"list": [1]}}
    record = Record(source)
    before = hash(record)
    source["deep"]["list"].append(2)
    record["deep"]["list"].append(3)
    record.to_dict()["deep"] = None
    assert record.to_dict() == {"deep": {"list": [1]}} and hash(record) == before
    with pytest.raises(AttributeError):
        record._text = "{}"  # pyright: ignore
    with pytest.raises(TypeError):
        record["deep"] = 1  # pyright: ignore
    changed = record.updated(deep=1, more=2)
    assert changed.to_dict() == {"deep": 1, "more": 2} and "more" not in record
    assert copy.deepcopy(record) == record


def test_numpy_and_sets_become_json_and_other_values_are_refused() -> None:
    assert Record(a=np.float32(0.5), b=np.arange(2), c={2, 1}).to_dict() == {"a": 0.5, "b": [0, 1], "c": [1, 2]}
    for bad in (float("nan"), float("inf"), object(), b"bytes"):
        with pytest.raises(ValueError, match="record"):
            Record(bad=bad)


def test_an_unknown_architecture_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(InputError, match="wgan-gp/critic"):
        build(Architecture("os.system", Record(command="true")))
    assert list(known()) == sorted(known())
    importlib.import_module("pairs.gan.wgan_gp")  # a family registers its names when it is first used
    with pytest.raises(InputError, match="twice"):
        register("wgan-gp/critic")(lambda config: (lambda p, x: x, None))


@pytest.mark.slow
def test_a_rebuilt_architecture_equals_the_wrapped_module() -> None:
    from flax import nnx

    from pairs.gan.wgan_gp import Generator, WganGpConfig, generator_net

    sizes = WganGpConfig(size=8, latent=4, width=2)
    net = generator_net(Generator(sizes, rngs=nnx.Rngs(5)), sizes)
    assert net.architecture is not None
    apply, template = build(net.architecture)
    assert apply == net.apply and hash(apply) == hash(net.apply)
    shape = lambda a: (a.shape, a.dtype)
    assert jax.tree.map(shape, template) == jax.tree.map(shape, net.params)


def test_errors_are_one_line_and_name_field_problem_and_remedy() -> None:
    error = InputError("n", "is\n  0", "give at least 1")
    assert str(error) == "n: is 0; give at least 1"
    assert (error.field, error.remedy) == ("n", "give at least 1")


@pytest.mark.parametrize("argv,field", [(["--n", "x"], "--n"), (["--m", "1"], "arguments"), ([], "arguments")])
def test_complaints_of_the_parser_are_input_errors(argv, field) -> None:
    parser = Parser(prog="p")
    parser.add_argument("--n", type=int, required=True)
    with pytest.raises(InputError) as caught:
        parser.parse_args(argv)
    assert caught.value.field == field and "--help" in caught.value.remedy


def test_a_pair_names_what_is_wrong_with_its_declarations(tiny: Pair) -> None:
    for changes, field in (
        ({"critic_kind": "probability"}, "critic_kind"),
        ({"critic_kind": "hinge"}, "critic_kind"),
        ({"critic_kind": "energy", "calibrated": True}, "calibrated"),
        ({"sample_range": (1.0, -1.0)}, "sample_range"),
        ({"sample_range": (0.0, float("inf"))}, "sample_range"),
    ):
        with pytest.raises(InputError) as caught:
            tiny.replace(**changes)
        assert caught.value.field == field


@pytest.fixture
def tiny() -> Pair:
    from pairs import Normal, make_pair, wrap

    return make_pair(
        wrap(_double, np.float32(2.0)),
        wrap(_total, np.float32(1.0)),
        Normal((3,)),
        sample_range=None,
        critic_kind="logit",
    )


def _double(p, z):
    return p * z


def _total(p, x):
    return p * x.sum(-1)


def test_a_pair_is_a_pytree_whose_leaves_are_its_weights(tiny: Pair) -> None:
    assert [float(v) for v in jax.tree.leaves(tiny)] == [2.0, 1.0]
    doubled = jax.tree.map(lambda a: 2 * a, tiny)
    assert isinstance(doubled, Pair) and doubled.sample_shape == (3,)
    z = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(doubled.score(doubled.generate(z)), 2 * 3 * 4.0)
