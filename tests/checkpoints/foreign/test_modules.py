"""Whole modules: every setting as data, nothing imported, layers in order or not at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.sound_files import SOUND
from benchmarks.studies.sound_formats import Call, torch_zip_bytes
from checkpoints.foreign.module_layers import layers_of_module
from checkpoints.foreign.modules import Module
from checkpoints.foreign.tensors import read_foreign, read_tensors
from pairs import InputError


def _read(folder: Path, content: Any) -> Any:
    (folder / "a.pth").write_bytes(content if isinstance(content, bytes) else torch_zip_bytes(content))
    return read_foreign(folder / "a.pth")


def test_a_module_is_read_as_its_state_dict_and_its_tree(tmp_path: Path) -> None:
    found = _read(tmp_path, SOUND["module.pth"]())
    assert list(found.tensors) == ["0.weight", "0.bias"] and found.parts == ("",)
    tree = found.modules[""]
    assert tree.name == "Sequential" and tree.children["1"].settings["negative_slope"] == 0.2
    dense = {"layer": "dense", "name": "0", "out": 4}
    assert layers_of_module(tree) == [dense, {"layer": "leaky_relu", "slope": 0.2}]


def _module(
    kind: str, children: dict[str, Module] | None = None, tensors: tuple[str, ...] = (), **settings: Any
) -> Module:
    return Module(kind, settings, {name: np.zeros(1) for name in tensors}, children or {})


def test_a_class_whose_forward_is_unknown_is_refused_by_name_unless_a_guess_is_asked_for() -> None:
    net = _module("torch.nn.modules.container.Sequential", {"0": _module("torch.nn.modules.activation.Tanh")})
    own = _module("model.Generator", {"net": net})
    with pytest.raises(
        InputError, match="it is a Generator, and in which order its forward calls net is not in the file"
    ):
        layers_of_module(own)
    assert layers_of_module(own, guess=True) == [{"layer": "tanh"}]
    with pytest.raises(InputError, match="'0' is a LSTM, which a layer list has no word for"):
        layers_of_module(_module("torch.nn.modules.container.Sequential", {"0": _module("torch.nn.modules.rnn.LSTM")}))
    # a class of the user's own that is called like one of PyTorch's is not taken for it
    with pytest.raises(InputError, match="forward"):
        layers_of_module(_module("my.layers.Tanh"))


def test_settings_that_change_what_a_layer_does_are_not_lost() -> None:
    conv = dict(out_channels=8, kernel_size=(3, 5), stride=(2, 2), padding=(1, 2), dilation=(1, 1), groups=2)
    made = layers_of_module(_module("torch.nn.modules.conv.Conv2d", None, ("weight",), padding_mode="reflect", **conv))
    want = {"layer": "conv", "out": 8, "kernel": [3, 5], "stride": 2, "padding": [1, 2], "bias": False, "groups": 2}
    assert made == [{**want, "padding_mode": "reflect"}]
    norm = _module("torch.nn.modules.batchnorm.BatchNorm2d", None, ("running_mean",), eps=0.8, affine=False)
    assert layers_of_module(norm) == [{"layer": "batch_norm", "eps": 0.8, "affine": False}]
    with pytest.raises(InputError, match="normalises by the batch"):
        layers_of_module(_module("torch.nn.modules.batchnorm.BatchNorm2d", None, ("weight",), eps=1e-5, affine=True))


def test_modules_that_contain_themselves_or_hold_no_tensors_are_refused(tmp_path: Path) -> None:
    state = {"_parameters": {"w": 3}, "_buffers": {}, "_modules": {}}
    with pytest.raises(InputError, match="a parameter that is no tensor"):
        _read(tmp_path, Call("a.B", state=state))
    state = {"_parameters": {}, "_buffers": {}, "_modules": {"child": 3}}
    with pytest.raises(InputError, match="a child that is no module"):
        _read(tmp_path, Call("a.B", state=state))
    module: Any = Call("a.B", state={"_parameters": {}, "_buffers": {}, "_modules": {}})
    for _ in range(70):
        module = Call("a.B", state={"_parameters": {}, "_buffers": {}, "_modules": {"c": module}})
    with pytest.raises(InputError, match="nested more than 64 deep"):
        _read(tmp_path, module)


def test_nothing_that_the_file_names_is_imported(tmp_path: Path) -> None:
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')")
    sys.path.insert(0, str(tmp_path))
    try:
        found = _read(tmp_path, {"w": np.ones(2, np.float32), "x": Call("trap_module.Thing", 1)})
    finally:
        sys.path.remove(str(tmp_path))
    assert found.skipped == {"x": "trap_module.Thing"} and "trap_module" not in sys.modules


@pytest.mark.parametrize("net", ["generator", "critic"])
def test_a_strangers_modules_equal_their_state_dicts(data_root: Path, net: str) -> None:
    folder = data_root / "pairs" / "mnist-cwgan-gp"
    whole, plain = read_tensors(folder / f"{net}-module.pth"), read_tensors(folder / f"{net}.pth")
    assert list(whole) == list(plain)
    for name, array in plain.items():
        np.testing.assert_array_equal(whole[name], array)
    tree = read_foreign(folder / f"{net}-module.pth").modules[""]
    body = tree.children["net" if net == "generator" else "disc"]
    layers = layers_of_module(body)
    assert layers[0]["layer"] == ("conv_transpose" if net == "generator" else "conv") and layers[0]["name"] == "0.0"


def test_layers_of_a_module_that_pytorch_saved_compute_what_it_computes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from checkpoints.conversion import convert_tensors
    from pairs.sequential.spec import parse_layers, sequential_net

    nn = torch.nn
    torch.manual_seed(0)
    block = nn.Sequential(nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.BatchNorm2d(3), nn.LeakyReLU(0.3))
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Unflatten(1, (4, 2, 2)), nn.Sequential(block, nn.Dropout(0.5)))
    net.append(nn.Conv2d(3, 2, 3, padding=1)).append(nn.Tanh()).eval()
    for new in (True, False):
        torch.save(net, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
        found = read_foreign(tmp_path / "a.pth")
        layers = parse_layers(layers_of_module(found.modules[""]))
        made = convert_tensors(found.tensors, layers, (5,))
        bare = [type(layer)(**{**layer.__dict__, "name": None}) for layer in layers]
        ours = sequential_net(bare, getattr(made, "params", made), (5,))
        z = torch.randn(3, 5)
        want = net(z).detach().numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(np.asarray(ours(z.numpy())), want, atol=2e-6)  # sums of some 50 float32 products


def test_a_module_stored_as_source_text_and_state_is_read_and_its_source_left_alone(tmp_path: Path) -> None:
    """The form of StyleGAN's programs; the source text would be executed by them."""

    def stored(name: str, tensors: dict[str, Any], children: dict[str, Any], **settings: Any) -> Call:
        state = {"_parameters": tensors, "_buffers": {}, "_modules": children, **settings}
        about = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": name, "state": state}
        return Call("torch_utils.persistence._reconstruct_persistent_obj", about)

    layer = stored("FullyConnectedLayer", {"weight": np.ones((2, 3), np.float32)}, {}, activation="lrelu")
    found = _read(tmp_path, {"G_ema": stored("Generator", {}, {"fc0": layer}, z_dim=3), "augment_pipe": None})
    assert list(found.tensors) == ["G_ema.fc0.weight"] and found.parts == ("G_ema",)
    tree = found.modules["G_ema"]
    assert tree.kind == "Generator" and tree.settings["z_dim"] == 3
    assert tree.children["fc0"].settings["activation"] == "lrelu"
    with pytest.raises(InputError, match="a persistent object has no class"):
        _read(tmp_path, {"G": Call("torch_utils.persistence._reconstruct_persistent_obj", 3)})
