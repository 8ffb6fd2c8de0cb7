"""Pairs of strangers for the study of imports: the folders below ``DATA/pairs``, with stored outputs."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pairs import InputError, Net, Normal

from .parity_jobs import Job, Nets, Wanted

__all__ = ["stranger_job", "stranger_names"]

_SEED = 0
_SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "manifests"


def stranger_names(data: Path) -> list[str]:
    """Folders of pairs; those with whole-module files give a second row."""
    found = []
    for folder in sorted(p for p in (data / "pairs").iterdir() if p.is_dir()):
        found += [folder.name] + ([f"{folder.name}, whole modules"] if any(folder.glob("*-module.pth")) else [])
    return found


def stranger_job(name: str, data: Path, manifests: Path | None) -> Job:
    """The job of one folder.

    Args:
      name: One of :func:`stranger_names`.
      data: Folder with ``pairs``.
      manifests: Folder of manifests for pairs that have none.

    Raises:
      InputError: A pair without a manifest, and of no format that describes itself.
    """
    plain, whole = name.removesuffix(", whole modules"), name.endswith(", whole modules")
    folder = data / "pairs" / plain
    if (folder / "generator.onnx").exists():
        return _onnx(name, folder)
    if (folder / "generator.h5").exists():
        return _keras(name, folder)
    places = (*(() if manifests is None else (manifests / f"{plain}.toml",)), _SHIPPED / f"{plain}.toml")
    path = next((p for p in (*places, folder / "pair.toml") if p.exists()), None)
    if path is None:
        raise InputError(plain, "has no manifest", "give --manifests, the folder of its NAME.toml")
    from checkpoints.importing import import_files
    from checkpoints.manifest import read_manifest

    if whole:
        path = _with_modules(path, folder)
    files = tuple(folder / net.file for net in read_manifest(path).nets)

    def load() -> Nets:
        made = import_files(path, folder).pair
        return Nets(made.generator, made.critic)

    golden = np.load(folder / "golden.npz")
    form = (
        "PyTorch, whole modules" if whole else f"PyTorch, {'zip' if files[0].open('rb').read(2) == b'PK' else 'legacy'}"
    )
    return Job(name, "", form, "stored outputs", files, load, lambda nets: _stored(golden, nets))


def _with_modules(path: Path, folder: Path) -> Path:
    text = path.read_text()
    for stem in ("generator", "critic"):
        text = text.replace(f'"{stem}.pth"', f'"{stem}-module.pth"')
    made = Path(tempfile.mkdtemp()) / path.name
    made.write_text(text)
    return made


def _first(shape: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """Stored rows in PyTorch's order as channels last."""
    return np.moveaxis(x.reshape(len(x), shape[-1], *shape[:-1]), 1, -1) if len(shape) > 1 else x.reshape(len(x), -1)


def _stored(golden: Mapping[str, np.ndarray], nets: Nets) -> Wanted:
    config = nets.generator.architecture
    assert config is not None
    shape = tuple(config.config["input_shape"])
    labels = (np.asarray(golden["label"], np.int32),) if "label" in golden else ()
    z = _first(shape, golden["z"])
    sample = jax.eval_shape(nets.generator, z, *labels).shape[1:]
    x = _first(sample, golden["x"])
    gradient = None if nets.critic is None else _torch(nets.critic, x, labels)[1]
    return Wanted(z, x, golden["score"].reshape(-1), gradient, labels)


def _torch(net: Net, x: np.ndarray, labels: tuple[np.ndarray, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Output and input gradient of a layer list in PyTorch, channels last."""
    torch = importlib.import_module("torch")  # an optional extra, absent where types are checked

    from benchmarks.peers.torch_layers import torch_layers

    assert net.architecture is not None
    first = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    v = torch.from_numpy(np.asarray(first, np.float64)).requires_grad_(True)
    given = torch.from_numpy(labels[0].astype(np.int64)) if labels else None
    y = torch_layers(net.architecture.config["layers"], net.params, v, given)
    (gradient,) = torch.autograd.grad(y.sum(), v)
    last = lambda a: np.moveaxis(a.detach().numpy(), 1, -1) if a.ndim > 2 else a.detach().numpy()
    return last(y), last(gradient)


def _onnx(name: str, folder: Path) -> Job:
    from checkpoints.graphs.nets import onnx_generator

    file, golden = folder / "generator.onnx", np.load(folder / "golden.npz")
    prior = Normal((golden["z"].shape[1],))
    labels = (golden["label"].argmax(1).astype(np.int32),)
    wanted = Wanted(golden["z"], np.moveaxis(golden["x"], 1, -1), None, None, labels)
    load = lambda: Nets(onnx_generator(file, prior).net, None)
    return Job(name, "", "ONNX", "stored outputs", (file,), load, lambda nets: wanted)


def _keras(name: str, folder: Path) -> Job:
    from checkpoints.conversion import convert_tensors
    from checkpoints.foreign.tensors import read_foreign
    from pairs.sequential.spec import parse_layers, sequential_net

    files = (folder / "generator.h5", folder / "discriminator.h5")

    def net(path: Path, end: list[dict[str, Any]]) -> Net:
        found = read_foreign(path)
        layers = parse_layers([*(s for s in found.layers or () if s["layer"] != "sigmoid"), *end])
        made = convert_tensors(found.tensors, layers, (2,))
        return sequential_net([layer.converted() for layer in layers], made.params, (2,))

    def wanted(nets: Nets) -> Wanted:
        assert nets.critic is not None
        z = np.random.default_rng(_SEED).standard_normal((16, 2)).astype(np.float32)
        x, _ = _torch(nets.generator, z)
        score, gradient = _torch(nets.critic, x)
        return Wanted(z, x, score, gradient, ())

    load = lambda: Nets(net(files[0], []), net(files[1], [{"layer": "squeeze"}]))
    return Job(name, "", "Keras HDF5", "PyTorch on the same layers", files, load, wanted)
