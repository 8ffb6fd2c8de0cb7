"""Graphs as nets: equal graphs are traced once, transpositions cancel, records are checked."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs import InputError, build
from pairs.graph import Face, graph_net, known_operators, parse_graph, prepare, run_graph
from pairs.graph.layout import channels_first

_RNG = np.random.default_rng(6)


def _node(op: str, inputs: list[str], output: str, **attributes: Any) -> dict[str, Any]:
    return {"op": op, "inputs": inputs, "outputs": [output], "attributes": attributes}


def _record(nodes: list[dict], parameters: dict[str, tuple], inputs: tuple = ("x",), **constants: Any) -> dict:
    encoded = {
        n: {"dtype": np.asarray(v).dtype.name, "shape": list(np.shape(v)), "values": np.ravel(v).tolist()}
        for n, v in constants.items()
    }
    shapes = {n: {"shape": list(s), "dtype": "float32"} for n, s in parameters.items()}
    return {
        "opset": 18,
        "inputs": list(inputs),
        "nodes": nodes,
        "constants": encoded,
        "parameters": shapes,
        "output": nodes[-1]["outputs"][0],
    }


def _critic() -> tuple[dict, dict[str, np.ndarray]]:
    """Two convolutions with attention over pixels between them, channels first as exporters write them."""
    shapes = {"k": (8, 3, 3, 3), "q": (8, 8, 1, 1), "l": (8, 8, 4, 4), "w": (8, 1)}
    nodes = [
        _node("Conv", ["x", "k"], "a", pads=[1, 1, 1, 1]),
        _node("LeakyRelu", ["a"], "b", alpha=0.2),
        _node("Conv", ["b", "q"], "c"),
        _node("Reshape", ["c", "pixels"], "d"),
        _node("Transpose", ["d"], "e", perm=[0, 2, 1]),
        _node("MatMul", ["e", "d"], "f"),
        _node("Softmax", ["f"], "g", axis=-1),
        _node("Conv", ["b", "l"], "h", strides=[2, 2], pads=[1, 1, 1, 1]),
        _node("GlobalAveragePool", ["h"], "i"),
        _node("Flatten", ["i"], "j"),
        _node("MatMul", ["j", "w"], "s"),
        _node("ReduceMean", ["g", "axes"], "m", keepdims=0),
        _node("Unsqueeze", ["m", "one"], "n"),
        _node("Add", ["s", "n"], "y"),
    ]
    record = _record(nodes, shapes, pixels=[0, 8, -1], axes=[1, 2], one=[1])
    return record, {n: _RNG.normal(size=s).astype(np.float32) / 4 for n, s in shapes.items()}


_FACE = Face("critic", "channels_first", "x", (3, 8, 8), (8, 8, 3))


def test_equal_graphs_are_equal_and_traced_once() -> None:
    record, params = _critic()
    nets = [graph_net(*_prepared(record, params)) for _ in range(2)]
    assert nets[0].apply == nets[1].apply and hash(nets[0].apply) == hash(nets[1].apply)
    count = 0

    @jax.jit
    def score(net: Any, x: jax.Array) -> jax.Array:
        nonlocal count
        count += 1
        return net(x)

    x = jnp.ones((2, 8, 8, 3))
    np.testing.assert_array_equal(score(nets[0], x), score(nets[1], x))
    assert count == 1


def _prepared(record: dict, params: dict) -> tuple:
    graph, arrays = prepare(parse_graph(record), params)
    return graph, _FACE, arrays


def test_preparation_changes_no_value() -> None:
    record, params = _critic()
    x = _RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
    run = jax.jit(lambda net, x: net(x))
    plain = run(graph_net(parse_graph(record), _FACE, params), x)
    np.testing.assert_allclose(run(graph_net(*_prepared(record, params)), x), plain, rtol=1e-5)


def test_a_convolutional_critic_writes_no_transposition_of_images() -> None:
    record, params = _critic()
    net = graph_net(*_prepared(record, params))
    jaxpr = jax.make_jaxpr(net.apply)(net.params, jnp.ones((5, 8, 8, 3)))
    turned = [e.invars[0].aval.shape for e in jaxpr.jaxpr.eqns if e.primitive.name == "transpose"]
    images = [s for s in turned if s[0] == 5]
    assert images == [(5, 64, 8)]  # the right factor of the attention product alone


def test_parameters_that_depend_on_parameters_alone_are_folded() -> None:
    nodes = [
        _node("MatMul", ["u", "w"], "uw"),
        _node("ReduceSumSquare", ["uw"], "s", keepdims=0),
        _node("Sqrt", ["s"], "n"),
        _node("Div", ["w", "n"], "unit"),
        _node("Transpose", ["unit"], "t", perm=[1, 0]),
        _node("MatMul", ["x", "t"], "y"),
    ]
    record = _record(nodes, {"w": (3, 4), "u": (1, 3)})
    params = {"w": _RNG.normal(size=(3, 4)).astype(np.float32), "u": np.ones((1, 3), np.float32)}
    graph, folded = prepare(parse_graph(record), params)
    assert [n.op for n in graph.nodes] == ["MatMul"] and list(folded) == ["t"]
    expected = params["w"].T / np.linalg.norm(params["u"] @ params["w"])
    np.testing.assert_allclose(folded["t"], expected, rtol=1e-6)


@pytest.mark.slow
def test_a_kernel_that_something_else_uses_stays_as_it_is() -> None:
    nodes = [
        _node("Conv", ["x", "k"], "a"),
        _node("ReduceMean", ["k"], "m", keepdims=0),
        _node("Mul", ["a", "m"], "y"),
    ]
    params = {"k": _RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)}
    graph = parse_graph(_record(nodes, {"k": (4, 3, 3, 3)}))
    x = jnp.asarray(_RNG.normal(size=(2, 3, 5, 5)), jnp.float32)
    before = channels_first(run_graph(graph, {"x": x, **params}))
    after, arrays = prepare(graph, params)
    np.testing.assert_allclose(channels_first(run_graph(after, {"x": x, **arrays})), before, atol=1e-5)


def test_the_architecture_is_rebuilt_from_its_configuration() -> None:
    record, params = _critic()
    net = graph_net(*_prepared(record, params))
    assert net.architecture is not None and net.architecture.name == "graph"
    apply, template = build(net.architecture)
    assert apply == net.apply
    assert {n: a.shape for n, a in template.items()} == {n: a.shape for n, a in net.params.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["nodes"][0].update(op="Loop"), "'Loop', which is not known"),
        (lambda r: r["nodes"][0]["attributes"].update(wide=1), "setting 'wide'"),
        (lambda r: r["nodes"][0]["inputs"].append("later"), "uses 'later' before"),
        (lambda r: r["nodes"][1].update(outputs=["a"]), "gives 'a' two values"),
        (lambda r: r["nodes"][0].update(inputs=["x"]), "has 1 inputs"),
        (lambda r: r["nodes"][0].update(outputs=["a", "z"]), "has 2 outputs"),
        (lambda r: r.update(output="nothing"), "computed by no node"),
        (lambda r: r.update(opset=9), "versions 11 to"),
        (lambda r: r.pop("nodes"), "damaged record"),
        (lambda r: r["constants"]["axes"].update(shape=[10**9]), "constant of shape"),
        (lambda r: r["constants"]["axes"].update(values=["one", "two"]), "damaged constant"),
    ],
)
def test_damaged_records_are_refused(change: Any, words: str) -> None:
    record, _ = _critic()
    change(record)
    with pytest.raises(InputError, match=words):
        parse_graph(record)


def test_parameters_must_be_those_of_the_graph() -> None:
    record, params = _critic()
    graph = parse_graph(record)
    with pytest.raises(InputError, match="hold 3 arrays, the graph has 4"):
        graph_net(graph, _FACE, {n: a for n, a in params.items() if n != "w"})
    with pytest.raises(InputError, match="'w' has shape"):
        graph_net(graph, _FACE, {**params, "w": np.ones((2, 2))})


def test_a_node_that_does_not_fit_is_named_with_its_shapes() -> None:
    graph = parse_graph(_record([_node("MatMul", ["x", "w"], "y")], {"w": (3, 2)}))
    with pytest.raises(InputError, match=r"graph.MatMul: does not take inputs of shape \[2, 5\], \[3, 2\]"):
        run_graph(graph, {"x": jnp.ones((2, 5)), "w": jnp.ones((3, 2))})


def test_the_list_of_operators_has_no_control_flow() -> None:
    assert not {"If", "Loop", "Scan", "QLinearConv", "RandomNormal"} & set(known_operators())
