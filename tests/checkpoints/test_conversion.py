"""Converted layers compute what PyTorch computed; what does not match is named."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from checkpoints.conversion import convert_tensors
from pairs import InputError
from pairs.sequential.spec import infer_shapes, init_sequential, parse_layers, sequential_net

GOLDEN = Path(__file__).parents[1] / "golden"
LISTS = {
    name: (file, case)
    for file in ("layers", "blocks")
    for name, case in json.loads((GOLDEN / f"{file}.json").read_text()).items()
}
_call = jax.jit(lambda net, *inputs: net(*inputs))


def _last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 1, -1)


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, np.ndarray]]:
    files = {}
    for file in ("layers", "blocks"):
        with np.load(GOLDEN / f"{file}.npz") as archive:
            files[file] = dict(archive)
    return files


def _state(golden: dict[str, dict[str, np.ndarray]], name: str) -> dict[str, np.ndarray]:
    head = f"{name}|state|"
    return {k.removeprefix(head): v for k, v in golden[LISTS[name][0]].items() if k.startswith(head)}


@pytest.mark.parametrize("name", LISTS)
def test_converted_layers_equal_pytorch(name: str, golden: dict[str, dict[str, np.ndarray]]) -> None:
    file, case = LISTS[name]
    layers, x = parse_layers(case["layers"]), _last(golden[file][f"{name}|x"])
    made = convert_tensors(_state(golden, name), layers, x.shape[1:])
    assert not made.doubts
    net = sequential_net([layer.converted() for layer in layers], made.params, x.shape[1:])
    labels = golden[file].get(f"{name}|labels")
    y = np.asarray(_call(net, x, *(() if labels is None else (labels,))))
    assert y.shape[1:] == infer_shapes(layers, x.shape[1:])[-1]
    # float32 sums of at most a few hundred terms of size one: a few 1e-7 per term
    np.testing.assert_allclose(y, _last(golden[file][f"{name}|y"]), rtol=1e-5, atol=5e-6)


def test_every_layer_kind_is_covered_by_a_golden_case() -> None:
    from pairs.sequential.layers import LAYERS

    def kinds(layers: list) -> set[str]:
        parts = [
            v for layer in layers for v in (layer.get("main", []), layer.get("skip", []), *layer.get("branches", []))
        ]
        return {layer["layer"] for layer in layers}.union(*map(kinds, parts))

    seen = set().union(*(kinds(case["layers"]) for _, case in LISTS.values()))
    # reshape is unflatten; the others are one line of arithmetic tested with the layers themselves
    assert set(LAYERS) - seen == {"reshape", "squeeze", "scale", "global_sum_pool"}


def _mlp() -> tuple[dict[str, np.ndarray], list[dict]]:
    draw = np.random.default_rng(0)
    sizes = {"0": (4, 3), "2": (4, 4), "4": (1, 4)}
    tensors = {f"{n}.weight": draw.normal(size=s).astype("f") for n, s in sizes.items()}
    tensors |= {f"{n}.bias": draw.normal(size=s[0]).astype("f") for n, s in sizes.items()}
    layers = [
        {"layer": "dense", "out": 4},
        {"layer": "relu"},
        {"layer": "dense", "out": 4},
        {"layer": "dense", "out": 1},
    ]
    return tensors, layers


def test_data_parallel_prefix_is_dropped_and_half_precision_widened() -> None:
    tensors, layers = _mlp()
    plain = convert_tensors(tensors, parse_layers(layers), (3,)).params
    half = {f"module.{n}": a.astype(np.float16) for n, a in tensors.items()}
    for ours, theirs in zip(plain, convert_tensors(half, parse_layers(layers), (3,)).params, strict=True):
        for key in ours:
            assert theirs[key].dtype == np.float32
            np.testing.assert_array_equal(theirs[key], ours[key].astype(np.float16).astype(np.float32))


def test_names_override_the_order_of_the_file() -> None:
    tensors, layers = _mlp()
    swapped = [{**layers[0], "name": "0"}, layers[1], {**layers[2], "name": "2"}, {**layers[3], "name": "4"}]
    backwards = dict(reversed(tensors.items()))
    by_name = convert_tensors(backwards, parse_layers(swapped), (3,)).params
    for ours, theirs in zip(by_name, convert_tensors(tensors, parse_layers(layers), (3,)).params, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_every_fault_is_named_in_one_line() -> None:
    tensors, layers = _mlp()
    del tensors["0.bias"]
    tensors["2.weight"] = tensors["2.weight"][:, :3]
    tensors["9.weight"] = np.zeros((2, 2), "f")
    tensors["4.weight_g"] = np.zeros((1, 1), "f")
    with pytest.raises(InputError) as error:
        convert_tensors(tensors, parse_layers(layers), (3,))
    text = str(error.value)
    for part in (
        "'0.bias' is missing",
        "'2.weight' has shape (4, 3), not (4, 4)",
        "'9.weight' is left over",
        "'4.weight_g' is left over",
    ):
        assert part in text
    assert "\n" not in text


def test_too_few_modules_and_unknown_names_are_named() -> None:
    tensors, layers = _mlp()
    with pytest.raises(InputError, match=r"layers\[4\] 'dense': no tensors are left for it"):
        convert_tensors(tensors, parse_layers([*layers, {"layer": "dense", "out": 1}]), (3,))
    with pytest.raises(InputError, match="'main.7' is not in the file"):
        convert_tensors(tensors, parse_layers([{**layers[0], "name": "main.7"}, *layers[1:]]), (3,))


def test_integers_are_no_weights() -> None:
    tensors, layers = _mlp()
    tensors["0.weight"] = tensors["0.weight"].astype(np.int64)
    with pytest.raises(InputError, match="'0.weight' is int64"):
        convert_tensors(tensors, parse_layers(layers), (3,))


def test_spectral_norm_divides_by_the_norm_along_the_stored_vectors(golden: dict[str, dict]) -> None:
    state = _state(golden, "spectral")
    layers = parse_layers(LISTS["spectral"][1]["layers"])
    kernel = convert_tensors(state, layers, (4, 5, 2)).params[3]["kernel"]
    weight, u, v = (state[f"3.weight_{k}"].astype(np.float64) for k in ("orig", "u", "v"))
    np.testing.assert_allclose(kernel.T * (u @ weight @ v), weight, rtol=1e-6)


def test_conversion_agrees_with_pytorch_on_a_fresh_dcgan() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.ConvTranspose2d(6, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    net.train()(torch.randn(16, 6, 1, 1))
    z = torch.randn(3, 6)
    with torch.no_grad():
        y = net.eval()(z[:, :, None, None]).numpy()
    layers = parse_layers(
        [
            {"layer": "unflatten", "shape": [6, 1, 1]},
            {"layer": "conv_transpose", "out": 8, "kernel": 4, "bias": False},
            {"layer": "batch_norm"},
            {"layer": "relu"},
            {"layer": "conv_transpose", "out": 3, "kernel": 4, "stride": 2, "padding": 1, "bias": False},
            {"layer": "tanh"},
        ]
    )
    params = convert_tensors({k: v.numpy() for k, v in net.state_dict().items()}, layers, (6,)).params
    np.testing.assert_allclose(_call(sequential_net(layers, params, (6,)), z.numpy()), _last(y), atol=2e-6)


def test_squeeze_scale_and_sum_pool_do_what_they_say() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("f")
    net = init_sequential(
        jax.random.key(0), [{"layer": "scale", "factor": 2.0, "offset": 1.0}, {"layer": "global_sum_pool"}], (3, 4, 5)
    )
    np.testing.assert_allclose(_call(net, x), (2 * x + 1).sum((1, 2)), rtol=1e-5, atol=1e-5)
    net = init_sequential(jax.random.key(0), [{"layer": "squeeze"}], (1, 1, 1))
    assert _call(net, np.ones((1, 1, 1, 1), "f")).shape == (1,)  # the batch axis stays, even of length one
