"""Sequential nets: shapes are inferred, mistakes are named by layer, equal lists share one trace."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs import InputError, build
from pairs.sequential.spec import SequentialApply, infer_shapes, init_sequential, parse_layers, sequential_net, template

GENERATOR = [
    {"layer": "dense", "out": 18},
    {"layer": "unflatten", "shape": [2, 3, 3]},
    {"layer": "batch_norm"},
    {"layer": "relu"},
    {"layer": "conv_transpose", "out": 1, "kernel": 4, "stride": 2, "padding": 1, "bias": False},
    {"layer": "tanh"},
]


def test_shapes_are_those_of_the_computed_arrays() -> None:
    net = init_sequential(jax.random.key(0), GENERATOR, (4,))
    shapes = infer_shapes(GENERATOR, (4,))
    assert shapes[2] == (3, 3, 2) and shapes[-1] == (6, 6, 1)
    x = jax.ShapeDtypeStruct((5, 4), jnp.float32)
    for layer, p, shape in zip(parse_layers(GENERATOR), net.params, shapes[1:], strict=True):
        x = jax.eval_shape(layer, p, x)
        assert x.shape == (5, *shape)


def test_a_net_is_rebuilt_from_its_architecture_with_the_same_function_and_template() -> None:
    net = init_sequential(jax.random.key(0), GENERATOR, (4,))
    assert net.architecture is not None
    apply, shapes = build(net.architecture)
    assert apply == net.apply and hash(apply) == hash(net.apply)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), net.params) == jax.tree.map(lambda a: (a.shape, a.dtype), shapes)
    assert [s["layer"] for s in net.architecture.config["layers"]] == [s["layer"] for s in GENERATOR]


def test_equal_layer_lists_are_traced_once() -> None:
    traces = 0

    def run(net, x):
        nonlocal traces
        traces += 1
        return net(x)

    call = jax.jit(run)
    for seed in range(3):
        call(init_sequential(jax.random.key(seed), GENERATOR, (4,)), jnp.ones((2, 4)))
    assert traces == 1
    call(init_sequential(jax.random.key(0), GENERATOR[:-1], (4,)), jnp.ones((2, 4)))
    assert traces == 2


def test_flatten_and_unflatten_keep_channel_row_column_order() -> None:
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)  # channels last
    flat = init_sequential(jax.random.key(0), [{"layer": "flatten"}], (3, 4, 5))(x)
    np.testing.assert_array_equal(flat, x.transpose(0, 3, 1, 2).reshape(2, -1))
    back = init_sequential(
        jax.random.key(0), [{"layer": "flatten"}, {"layer": "reshape", "shape": [5, 3, 4]}], (3, 4, 5)
    )
    np.testing.assert_array_equal(back(x), x)


def test_batch_norm_uses_running_statistics_and_treats_samples_alone() -> None:
    net = init_sequential(jax.random.key(0), [{"layer": "batch_norm", "eps": 0.0}], (3,))
    mean, var = jnp.asarray([1.0, -2.0, 3.0]), jnp.asarray([4.0, 0.25, 1.0])
    net = sequential_net(net.apply.layers, [{**net.params[0], "mean": mean, "var": var}], (3,))
    x = np.random.default_rng(0).normal(size=(7, 3)).astype("f")
    np.testing.assert_allclose(net(x), (x - np.asarray(mean)) / np.sqrt(np.asarray(var)), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(net(x)[:1], net(x[:1]))


def test_initial_activations_keep_the_size_of_the_input() -> None:
    layers = [{"layer": "dense", "out": 256}, {"layer": "relu"}] * 4
    x = jax.random.normal(jax.random.key(1), (64, 256))
    y = jax.jit(lambda n, v: n(v))(init_sequential(jax.random.key(0), layers, (256,)), x)
    # He initialisation: E[y^2] = E[x^2]; 64 x 256 values through four layers scatter by about 15 %
    assert 0.5 < float(jnp.mean(y**2)) < 2.0


@pytest.mark.parametrize(
    ("layers", "shape", "words"),
    [
        ([{"layer": "linear", "out": 3}], (4,), r"layers\[0\].*did you mean 'dense'"),
        ([{"out": 3}], (4,), r"layers\[0\]: has layer = None"),
        (["dense"], (4,), r"layers\[0\]"),
        ([{"layer": "relu"}, {"layer": "dense"}], (4,), r"layers\[1\]: 'dense' lacks 'out'"),
        ([{"layer": "dense", "out": 2, "units": 3}], (4,), "no setting 'units'"),
        ([{"layer": "dense", "out": "2"}], (4,), "'out' is '2'"),
        ([{"layer": "dense", "out": True}], (4,), "'out' is True"),
        ([{"layer": "dense", "out": 0}], (4,), r"layers\[0\].out: is 0"),
        ([{"layer": "dense", "out": 2, "bias": 1}], (4,), "'bias' is 1"),
        ([{"layer": "conv", "out": 2, "kernel": [3, 3, 3]}], (4, 4, 1), "one number, or 2 of them"),
        ([{"layer": "conv", "out": 2, "kernel": 3, "stride": 0}], (4, 4, 1), r"layers\[0\].stride"),
        ([{"layer": "conv", "out": 2, "kernel": 3, "padding": -1}], (4, 4, 1), r"layers\[0\].padding"),
        ([{"layer": "conv", "out": 2, "kernel": 5}], (4, 4, 1), "larger than its padded input"),
        ([{"layer": "conv", "out": 2, "kernel": 5}], (4,), "takes images"),
        ([{"layer": "dense", "out": 2}], (4, 4, 1), "put a flatten layer before it"),
        ([{"layer": "conv_transpose", "out": 2, "kernel": 3, "output_padding": 1}], (4, 4, 1), "output_padding"),
        ([{"layer": "unflatten", "shape": [2, 2, 2]}], (4,), "cannot view 4 numbers"),
        ([{"layer": "unflatten", "shape": [1, 2, 2, 1]}], (4,), "order"),
        ([{"layer": "squeeze"}], (4, 4, 1), "flatten or pool first"),
        ([{"layer": "pixel_shuffle"}], (4, 4, 3), "divisible by 4"),
        ([{"layer": "group_norm", "groups": 2}], (4, 4, 3), "groups"),
        ([{"layer": "upsample", "mode": "bicubic"}], (4, 4, 3), "nearest or bilinear"),
        ([{"layer": "max_pool", "kernel": 5}], (4, 4, 3), "does not fit"),
    ],
)
def test_mistakes_are_one_line_with_the_number_of_the_layer(layers: list, shape: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        infer_shapes(layers, shape)
    assert "\n" not in str(error.value)


def test_parameters_that_do_not_fit_are_refused() -> None:
    net = init_sequential(jax.random.key(0), GENERATOR, (4,))
    with pytest.raises(InputError, match="hold 5 layers, not 6"):
        sequential_net(GENERATOR, net.params[:-1], (4,))
    with pytest.raises(InputError, match=r"params\[0\]"):
        sequential_net(GENERATOR, net.params, (5,))


def test_template_has_no_arrays_and_empty_entries_for_layers_without_parameters() -> None:
    shapes = template(GENERATOR, (4,))
    assert [sorted(p) for p in shapes] == [["bias", "kernel"], [], ["bias", "mean", "scale", "var"], [], ["kernel"], []]
    assert all(isinstance(s, jax.ShapeDtypeStruct) for s in jax.tree.leaves(shapes))
    assert SequentialApply(parse_layers(GENERATOR)) == SequentialApply(parse_layers(GENERATOR))
