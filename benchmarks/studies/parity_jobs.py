"""What the study of imports compares: pairs of strangers with stored outputs, and published families."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from pairs import InputError, Net, Normal

__all__ = ["Job", "Nets", "Wanted", "family_job", "family_names", "stranger_job", "stranger_names"]

_ROWS = 4
_SEED = 0
_SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "manifests"


class Nets(NamedTuple):
    """What an import gave."""

    generator: Net
    critic: Net | None


class Wanted(NamedTuple):
    """Inputs and outputs to compare with, channels last; ``None`` where there is nothing to compare."""

    z: np.ndarray
    x: np.ndarray
    score: np.ndarray | None
    gradient: np.ndarray | None
    labels: tuple[np.ndarray, ...]


@dataclasses.dataclass(frozen=True)
class Job:
    """One row.

    Attributes:
      name: Of the pair.
      family: Of published nets, else "".
      format: Of the files.
      against: What samples and scores are compared with.
      files: The weight files.
      load: The import.
      wanted: What to compare with, for the nets of the import.
    """

    name: str
    family: str
    format: str
    against: str
    files: tuple[Path, ...]
    load: Callable[[], Nets]
    wanted: Callable[[Nets], Wanted]


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
    import tempfile

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
    import torch

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


def _reference(name: str) -> tuple[Any, Any, str | None]:
    """Reference modules and the name of the family, where it must be given."""
    from benchmarks.peers.mimicry_nets import mimicry_pair
    from benchmarks.peers.published_nets import biggan_pair, dcgan_pair, progressive_pair
    from benchmarks.peers.stylegan2_nets import stylegan2_pair

    if name.startswith("mimicry-"):
        kind, _, size = name.removeprefix("mimicry-").rpartition("-")
        width = 64 if size == "32" else 16 if size == "48" else 8
        undecided = kind in ("dcgan", "wgan-gp") and size != "48"
        return *mimicry_pair(kind, int(size), width, latent=128, classes=10), f"mimicry-{kind}" if undecided else None
    makers: dict[str, Callable[[], tuple[Any, Any]]] = {
        "pytorch-dcgan-64": lambda: dcgan_pair(100, 64, 64),
        "pgan-zoo-64": lambda: progressive_pair(128, (128, 128, 64, 32, 16)),
        "biggan-pytorch-32": lambda: biggan_pair(32, 16, 30, 64, 10),
        "biggan-pytorch-128": lambda: biggan_pair(128, 8, 20, 128, 1000),
        "stylegan2-ada-64": lambda: stylegan2_pair((64, 64, 32, 32, 16), 64, 64, clamp=256.0),
        "stylegan2-ada-conditional-32": lambda: stylegan2_pair((64, 64, 32, 16), 64, 64, classes=10, clamp=256.0),
    }
    return *makers[name](), None


def family_names() -> list[str]:
    """Rows of published families: name and image side."""
    sizes = {k: (32, 48, 64, 128) for k in ("sngan", "wgan-gp", "dcgan", "infomax-gan", "ssgan")}
    sizes |= {"cgan-pd": (32, 128), "sagan": (32, 128)}
    mimicry = [f"mimicry-{kind}-{size}" for kind, each in sizes.items() for size in each]
    others = ["pgan-zoo-64", "biggan-pytorch-32", "biggan-pytorch-128"]
    return ["pytorch-dcgan-64", *mimicry, *others, "stylegan2-ada-64", "stylegan2-ada-conditional-32"]


def family_job(name: str, folder: Path) -> Job:
    """Save the reference modules of a family in its own form, to be recognised.

    Args:
      name: One of :func:`family_names`.
      folder: Where the files go.
    """
    import torch

    from benchmarks.peers.published_nets import shaken
    from benchmarks.peers.stylegan2_nets import network_pickle
    from checkpoints.families.imports import import_family

    torch.manual_seed(_SEED)
    generator, critic, family = _reference(name)
    shaken(generator, _SEED), shaken(critic, _SEED + 1)
    form = "PyTorch, zip"
    if name.startswith("stylegan2"):
        files, form = (folder / "network.pkl",), "network pickle"
        files[0].write_bytes(network_pickle({"G": generator, "D": critic, "G_ema": generator}))
    elif name.startswith("pgan"):
        files = (folder / "both.pt",)
        torch.save({"config": None, "netG": generator.state_dict(), "netD": critic.state_dict()}, files[0])
    else:
        files = (folder / "netG.pth", folder / "netD.pth")
        for net, file in zip((generator, critic), files, strict=True):
            torch.save({"model_state_dict": net.state_dict(), "global_step": 1}, file)
    titles: list[str] = []

    def load() -> Nets:
        made = import_family(files, family, run=False)
        titles.append(made.notes[0])
        return Nets(made.pair.generator, made.pair.critic)

    def wanted(nets: Nets) -> Wanted:
        sizes = {"mimicry": 128, "pytorch": 100, "pgan": 128}
        latent = sizes.get(name.split("-")[0], 64)
        latent = {"biggan-pytorch-32": 120, "biggan-pytorch-128": 120}.get(name, latent)
        draw = torch.Generator().manual_seed(_SEED)
        z = torch.randn(_ROWS, latent, generator=draw).double()
        conditional = any(word in name for word in ("cgan-pd", "sagan", "biggan", "conditional"))
        y = (torch.arange(_ROWS),) if conditional else ()
        x = generator.double()(z, *y).detach().requires_grad_(True)
        score = critic.double()(x, *y)
        (gradient,) = torch.autograd.grad(score.sum(), x)
        last = lambda a: np.moveaxis(a.detach().numpy(), 1, -1)
        labels = tuple(v.numpy().astype(np.int32) for v in y)
        return Wanted(z.numpy(), last(x), score.detach().numpy(), last(gradient), labels)

    words = name.rpartition("-")[0].removesuffix("-conditional")
    return Job(name, words, form, "PyTorch reference modules", files, load, wanted)
