"""Published families for the study of imports: reference modules with random weights, saved in each family's form."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .parity_jobs import Job, Nets, Wanted

__all__ = ["family_job", "family_names"]

_ROWS = 4
_SEED = 0


def _reference(name: str) -> tuple[Any, Any, str | None]:
    """Reference modules and the name of the family, where it must be given."""
    from benchmarks.peers.biggan_nets import biggan_pair
    from benchmarks.peers.mimicry_nets import mimicry_pair
    from benchmarks.peers.published_nets import dcgan_pair, progressive_pair
    from benchmarks.peers.r3gan_nets import r3gan_pair
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
        "r3gan-64": lambda: r3gan_pair((64, 64, 32, 32, 16), 64),
        "r3gan-conditional-32": lambda: r3gan_pair((64, 64, 32, 16), 64, classes=10),
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
    return [
        "pytorch-dcgan-64",
        *mimicry,
        *others,
        "stylegan2-ada-64",
        "stylegan2-ada-conditional-32",
        "r3gan-64",
        "r3gan-conditional-32",
    ]


def family_job(name: str, folder: Path) -> Job:
    """Save the reference modules of a family in its own form, to be recognised.

    Args:
      name: One of :func:`family_names`.
      folder: Where the files go.
    """
    torch = importlib.import_module("torch")  # an optional extra, absent where types are checked

    from benchmarks.peers.published_nets import shaken
    from benchmarks.peers.stylegan2_nets import network_pickle
    from checkpoints.families.imports import import_family

    torch.manual_seed(_SEED)
    generator, critic, family = _reference(name)
    for i, net in enumerate((generator, critic)):
        shaken(net, _SEED + i)
    form = "PyTorch, zip"
    if name.startswith(("stylegan2", "r3gan")):
        files, form = (folder / "network.pkl",), "network pickle"
        files[0].write_bytes(network_pickle({"G": generator, "D": critic, "G_ema": generator}))
    elif name.startswith("pgan"):
        files = (folder / "both.pt",)
        torch.save({"config": None, "netG": generator.state_dict(), "netD": critic.state_dict()}, files[0])
    else:
        files = (folder / "netG.pth", folder / "netD.pth")
        for net, file in zip((generator, critic), files, strict=True):
            torch.save({"model_state_dict": net.state_dict(), "global_step": 1}, file)

    def load() -> Nets:
        made = import_family(files, family, run=False)
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
