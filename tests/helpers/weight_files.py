"""Weights of small nets, in files and as tensors, for tests of imports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from module_files import leaky, linear, module, saved, sequential

_DRAW = np.random.default_rng(0)
W = {shape: _DRAW.normal(size=shape).astype(np.float32) / 2 for shape in ((8, 3), (8, 7), (64, 8), (5, 64), (1, 5))}
SIZES = {"dense_in": (4, 3), "main": (4, 4), "extra": (4, 4), "to_img": (8, 4)}
"""Modules in the order in which the net uses them; sorted by name, ``extra`` comes before ``main``."""


def four_layers() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    made = {f"{n}.weight": draw.normal(size=s).astype("f") for n, s in SIZES.items()}
    return {
        k: v for n in SIZES for k, v in ((f"{n}.weight", made[f"{n}.weight"]), (f"{n}.bias", made[f"{n}.weight"][:, 0]))
    }


def write_files(folder: Path, **files: bytes) -> list[str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]


def plain_modules(folder: Path) -> list[str]:
    """A generator 3 -> 8 -> 64 in a class of the user's own, and a critic that ends in a sigmoid."""
    net = sequential(linear(W[8, 3]), leaky(), linear(W[64, 8]), module("Tanh"))
    judge = sequential(linear(W[5, 64]), leaky(), linear(W[1, 5]), module("Sigmoid"))
    return write_files(folder, g=saved(module("my.Generator", children={"main": net})), d=saved(judge))


def write_tensors(folder: Path, **nets: dict[str, np.ndarray]) -> list[Path]:
    for name, tensors in nets.items():
        np.savez(folder / f"{name}.npz", **{n: a.astype("f") for n, a in tensors.items()})
    return [folder / f"{name}.npz" for name in nets]
