"""Small sound files of every format that is read, made without the programs that usually write them.

Mutations start from these files, and tests of the readers too.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from .sound_formats import Call, pickled, safetensors_bytes, torch_legacy_bytes, torch_zip_bytes, zipped

__all__ = [
    "KERAS",
    "SOUND",
    "write_sound",
]


def _weights() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {"0.weight": draw.normal(size=(4, 3)).astype(np.float32), "0.bias": np.zeros(4, np.float32)}


def _module(
    kind: str, tensors: dict[str, Any] | None = None, children: dict[str, Any] | None = None, **settings: Any
) -> Call:
    state = {"training": False, "_parameters": tensors or {}, "_buffers": {}, "_modules": children or {}, **settings}
    return Call(kind, state=state)


def _whole_module() -> Call:
    w = _weights()
    dense = _module(
        "torch.nn.modules.linear.Linear", {"weight": w["0.weight"], "bias": w["0.bias"]}, in_features=3, out_features=4
    )
    leaky = _module("torch.nn.modules.activation.LeakyReLU", negative_slope=0.2, inplace=True)
    return _module("torch.nn.modules.container.Sequential", children={"0": dense, "1": leaky})


def _checkpoint() -> dict[str, Any]:
    state = {
        "state": {0: {"step": 3, "exp_avg": _weights()["0.bias"]}},
        "param_groups": [{"lr": 0.1, "betas": (0.5, 0.9)}],
    }
    args = Call("argparse.Namespace", state={"lr": 0.1})
    return {
        "g": _weights(),
        "g_ema": _weights(),
        "optimizer": state,
        "epoch": 7,
        "args": args,
        "name": "x",
        "b": b"\0\1",
    }


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)


def _picture(kind: str) -> bytes:
    from PIL import Image

    note = Image.Exif()
    note[0x112] = 6
    buffer = io.BytesIO()
    Image.fromarray(_pixels()[0]).convert("RGB").save(buffer, kind, exif=note)
    return buffer.getvalue()


def _idx() -> bytes:
    x = _pixels()
    return bytes([0, 0, 8, 3]) + struct.pack(">3I", *x.shape) + x.tobytes()


def _npz(compressed: bool, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save: Any = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)
    return buffer.getvalue()


SOUND = {
    "torch-zip.pth": lambda: torch_zip_bytes(_checkpoint()),
    "torch-legacy.pth": lambda: torch_legacy_bytes(_checkpoint()),
    "module.pth": lambda: torch_zip_bytes(_whole_module()),
    "pickle.pkl": lambda: pickled({"w": _array_call(), "args": Call("dnnlib.util.EasyDict"), "epoch": 7}),
    "weights.safetensors": lambda: safetensors_bytes(_weights()),
    "weights.npz": lambda: _npz(False, **_weights()),
    "packed.npz": lambda: _npz(True, **_weights()),
    "images-idx3-ubyte": _idx,
    "packed-images-idx3-ubyte.gz": lambda: gzip.compress(_idx(), mtime=0),
    "images.npz": lambda: _npz(True, x=_pixels(), y=np.arange(5)),
    "picture.png": lambda: _picture("PNG"),
    "picture.jpg": lambda: _picture("JPEG"),
}
"""Makers of one sound file each, by file name."""


_KERAS = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "in"}},
            {"class_name": "Dense", "config": {"name": "dense", "units": 4, "activation": "linear", "use_bias": True}},
            {"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.2}},
        ],
    },
}


def _keras_file() -> bytes:
    import h5py

    buffer, weights = io.BytesIO(), _weights()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps(_KERAS)
        file.attrs["keras_version"] = "2.7.0"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense", b"leaky"]
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        dense.create_dataset("dense/kernel:0", data=weights["0.weight"].T)
        dense.create_dataset("dense/bias:0", data=weights["0.bias"])
        group.create_group("leaky").attrs["weight_names"] = np.zeros(0)
    return buffer.getvalue()


def _keras_archive() -> bytes:
    import h5py

    buffer, weights = io.BytesIO(), _weights()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=weights["0.weight"].T)
        file.create_dataset("layers/dense/vars/1", data=weights["0.bias"])
    about = json.dumps({"keras_version": "3.0.0"}).encode()
    config = json.dumps(_KERAS).encode()
    return zipped({"metadata.json": about, "config.json": config, "model.weights.h5": buffer.getvalue()})


KERAS = {"model.h5": _keras_file, "model.keras": _keras_archive}
"""Makers of Keras files; they need h5py, whose library is not proof against damage everywhere."""


def _array_call() -> Call:
    dtype = Call("numpy.dtype", "f4", False, True, state=(3, "<", None, None, None, -1, -1, 0))
    made = Call("numpy.core.multiarray._reconstruct", "numpy.ndarray", (0,), b"b")
    made.state = (1, (2, 3), dtype, False, np.arange(6, dtype="<f4").tobytes())
    return made


def write_sound(folder: Path) -> dict[str, Path]:
    """Write every sound file into ``folder``; their paths by name.

    Args:
      folder: is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SOUND.items():
        (folder / name).write_bytes(make())
    return {name: folder / name for name in SOUND}
