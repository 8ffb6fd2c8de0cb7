"""Makes the golden files beside it with PyTorch (2.13): ``python tests/checkpoints/golden/make.py``.

``layers.npz``: per case the input, the output in evaluation mode and the state dict; ``layers.json``: the
layer lists. ``zip.pth``, ``legacy.pth``: one awkward object in both formats; ``expected.npz``: its numbers.
``script.pt``, ``module.pth``: what must be refused.
"""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent


def cases() -> dict[str, tuple[nn.Module, list[dict], tuple[int, ...]]]:
    """name -> (module, layer list, PyTorch shape of one input)."""
    sn, new_sn = nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm
    conv = {"layer": "conv", "out": 3, "kernel": 3, "stride": 2, "padding": 1}
    up = {"layer": "conv_transpose", "out": 3, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}
    plain = {
        "relu": (nn.ReLU(), {}),
        "leaky_relu": (nn.LeakyReLU(0.2), {"slope": 0.2}),
        "elu": (nn.ELU(), {}),
        "silu": (nn.SiLU(), {}),
        "gelu": (nn.GELU(), {}),
        "softplus": (nn.Softplus(), {}),
        "tanh": (nn.Tanh(), {}),
        "sigmoid": (nn.Sigmoid(), {}),
        "identity": (nn.Identity(), {}),
        "dropout": (nn.Dropout(0.5), {}),
        "max_pool": (nn.MaxPool2d(3, 2, 1), {"kernel": 3, "stride": 2, "padding": 1}),
        "avg_pool": (nn.AvgPool2d(2), {"kernel": 2}),
        "pixel_shuffle": (nn.PixelShuffle(2), {}),
        "upsample": (nn.Upsample(scale_factor=2), {}),
        "global_mean_pool": (Mean(), {}),
        "flatten": (nn.Flatten(), {}),
        "unflatten": (View(4, 20), {"shape": [80]}),
        "instance_norm": (nn.InstanceNorm2d(4), {}),
    }
    made: dict[str, tuple[nn.Module, list[dict], tuple[int, ...]]] = {
        name: (module, [{"layer": name, **settings}], (4, 5, 4)) for name, (module, settings) in plain.items()
    }
    made["avg_pool_padded"] = (
        nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        [{"layer": "avg_pool", "kernel": 3, "stride": 1, "padding": 1, "count_include_pad": False}],
        (2, 5, 4),
    )
    bilinear = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    made["upsample_bilinear"] = (bilinear, [{"layer": "upsample", "mode": "bilinear"}], (2, 5, 4))
    made["conv"] = (nn.Conv2d(2, 3, 3, 2, 1), [conv], (2, 6, 7))
    made["conv_transpose"] = (nn.ConvTranspose2d(2, 3, 3, 2, 1, 1), [up], (2, 4, 5))
    made["dense_to_image"] = (
        nn.Sequential(nn.Linear(3, 24), View(2, 4, 3)),
        [{"layer": "dense", "out": 24}, {"layer": "unflatten", "shape": [2, 4, 3]}],
        (3,),
    )
    made["image_to_dense"] = (
        nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(24, 3)),
        [{"layer": "conv", "out": 2, "kernel": 2}, {"layer": "flatten"}, {"layer": "dense", "out": 3}],
        (1, 5, 4),
    )
    made["batch_norm"] = (
        nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3, eps=1e-3)),
        [{"layer": "conv", "out": 3, "kernel": 1, "bias": False}, {"layer": "batch_norm", "eps": 1e-3}],
        (2, 3, 4),
    )
    made["group_norm"] = (nn.GroupNorm(2, 4), [{"layer": "group_norm", "groups": 2}], (4, 3, 4))
    made["layer_norm"] = (nn.LayerNorm([2, 3, 4]), [{"layer": "layer_norm"}], (2, 3, 4))
    for name, wrap in (("spectral", sn), ("spectral_new", new_sn)):
        module = nn.Sequential(
            wrap(nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)), wrap(nn.Conv2d(3, 2, 2)), nn.Flatten(), wrap(nn.Linear(126, 2))
        )
        layers = [up, {"layer": "conv", "out": 2, "kernel": 2}, {"layer": "flatten"}, {"layer": "dense", "out": 2}]
        made[name] = (module, layers, (2, 4, 5))
    return made


class View(nn.Module):
    """``x.view(batch, *shape)``."""

    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape if shape != (4, 20) else (80,)

    def forward(self, x):
        return x.reshape(x.shape[0], *self.shape)


class Mean(nn.Module):
    """Mean over rows and columns."""

    def forward(self, x):
        return x.mean((2, 3))


def make_layers() -> None:
    arrays, lists = {}, {}
    for name, (module, layers, shape) in cases().items():
        for part in module.modules():
            for p in part.parameters(recurse=False):
                nn.init.normal_(p, std=0.5)
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
        module.train()
        x = torch.randn(2, *shape)
        if name.startswith("spectral"):
            module(x)  # one step of the power iteration, so that u and v are not random
        module.eval()
        with torch.no_grad():
            arrays[f"{name}|x"], arrays[f"{name}|y"] = x.numpy(), module(x).numpy()
        for key, tensor in module.state_dict().items():
            arrays[f"{name}|state|{key}"] = tensor.numpy()
        lists[name] = {"layers": layers, "shape": shape}
    np.savez_compressed(HERE / "layers.npz", **arrays)
    (HERE / "layers.json").write_text(json.dumps(lists, indent=1) + "\n")


def make_files() -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    net = nn.Sequential(OrderedDict(fc=nn.Linear(3, 2), bn=nn.BatchNorm1d(2)))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    tree = {
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": 7,
        "best": 0.25,
        "name": "awkward",
        "views": {"whole": base, "transposed": base.t(), "part": base[1:3, ::2], "expanded": base[:1, :1].expand(3, 2)},
        "kinds": {
            "half": base.half(),
            "bfloat16": base.bfloat16(),
            "double": base.double(),
            "long": base.long(),
            "int": base.int(),
            "uint8": base.byte(),
            "bool": base > 5,
            "scalar": torch.tensor(3.5),
            "empty": torch.zeros(0, 3),
        },
        "parameter": nn.Parameter(torch.ones(2)),
        "size": base.shape,
        "device": torch.device("cuda", 1),
        "dtype": torch.float16,
        "list": [torch.ones(1), (torch.zeros(1), None)],
    }
    torch.save(tree, HERE / "zip.pth")
    torch.save(tree, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    flat: dict[str, np.ndarray] = {}

    def walk(value, name):
        if isinstance(value, torch.Tensor):
            value = value.detach()
            flat[name] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        elif isinstance(value, dict):
            for k, v in value.items():
                walk(v, f"{name}.{k}" if name else str(k))
        elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            for i, v in enumerate(value):
                walk(v, f"{name}.{i}")

    walk(tree, "")
    np.savez_compressed(HERE / "expected.npz", **flat)
    torch.save(nn.Sequential(nn.Linear(1, 1)), HERE / "module.pth")
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), HERE / "script.pt")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    make_layers()
    make_files()
