"""Layer lists of twelve published or common GANs, narrowed, for the study of drafts.

Kernels, strides, paddings, normalisations, activations and ends are those of the lists named beside them; widths are a
few channels, so that each trains in seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["NETS", "Published"]

Specs = tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Published:
    """One pair of nets.

    Attributes:
      source: Whose list it is.
      sample: Shape of a sample, channels last.
      prior: ``normal`` or ``uniform``, and the number of latents.
      range: Of the samples, empty where they are unbounded.
      kind: What the critic is trained for.
      data: ``mnist``, ``fashion`` (tinted where there are three channels), ``waves`` or ``ring``.
      generator: Its layers.
      critic: Its layers, without a last sigmoid.
      named: Modules are attributes (``fc1``, ``conv1``) and not members of a ``Sequential``.
      steps: Updates of the generator.
      rate: Learning rate.
    """

    source: str
    sample: tuple[int, ...]
    prior: tuple[str, int]
    range: tuple[float, ...]
    kind: str
    data: str
    generator: Specs
    critic: Specs
    named: bool = False
    steps: int = 200
    rate: float = 1e-3


def _dense(out: int) -> dict[str, Any]:
    return {"layer": "dense", "out": out}


def _conv(out: int, kernel: int, stride: int = 1, padding: int = 0, **more: Any) -> dict[str, Any]:
    return {"layer": "conv", "out": out, "kernel": kernel, "stride": stride, "padding": padding, **more}


def _up(out: int, kernel: int, stride: int = 1, padding: int = 0, **more: Any) -> dict[str, Any]:
    return {"layer": "conv_transpose", "out": out, "kernel": kernel, "stride": stride, "padding": padding, **more}


def _view(*shape: int) -> dict[str, Any]:
    return {"layer": "unflatten", "shape": list(shape)}


def _leaky(slope: float) -> dict[str, Any]:
    return {"layer": "leaky_relu", "slope": slope}


_BN, _BN8 = {"layer": "batch_norm"}, {"layer": "batch_norm", "eps": 0.8}
_RELU, _TANH, _SIGMOID, _ELU = ({"layer": kind} for kind in ("relu", "tanh", "sigmoid", "elu"))
_FLAT, _NEAREST = {"layer": "flatten"}, {"layer": "upsample"}
_BILINEAR = {"layer": "upsample", "mode": "bilinear"}
_IN = {"layer": "instance_norm", "affine": True}
_BARE = {"bias": False}

NETS: Mapping[str, Published] = {
    "dcgan-64": Published(
        "PyTorch examples, dcgan",
        (64, 64, 3),
        ("normal", 24),
        (-1, 1),
        "logit",
        "fashion",
        (
            _view(24, 1, 1),
            *(_up(32, 4, **_BARE), _BN, _RELU, _up(24, 4, 2, 1, **_BARE), _BN, _RELU),
            *(_up(16, 4, 2, 1, **_BARE), _BN, _RELU, _up(8, 4, 2, 1, **_BARE), _BN, _RELU),
            *(_up(3, 4, 2, 1, **_BARE), _TANH),
        ),
        (
            *(_conv(8, 4, 2, 1, **_BARE), _leaky(0.2), _conv(16, 4, 2, 1, **_BARE), _BN, _leaky(0.2)),
            *(_conv(24, 4, 2, 1, **_BARE), _BN, _leaky(0.2), _conv(32, 4, 2, 1, **_BARE), _BN, _leaky(0.2)),
            _conv(1, 4, **_BARE),
        ),
        steps=120,
    ),
    "dcgan-k5": Published(
        "Radford et al. 2015, kernels of 5",
        (32, 32, 3),
        ("uniform", 20),
        (-1, 1),
        "logit",
        "fashion",
        (
            *(_dense(24 * 16), _view(24, 4, 4), _BN, _RELU, _up(16, 5, 2, 2, output_padding=1), _BN, _RELU),
            *(_up(8, 5, 2, 2, output_padding=1), _BN, _RELU, _up(3, 5, 2, 2, output_padding=1), _TANH),
        ),
        (
            *(_conv(8, 5, 2, 2), _leaky(0.2), _conv(16, 5, 2, 2), _BN, _leaky(0.2), _conv(24, 5, 2, 2), _BN),
            *(_leaky(0.2), _FLAT, _dense(1)),
        ),
    ),
    "wgan-gp-28": Published(
        "Gulrajani et al. 2017, convolutions at 28 pixels with InstanceNorm in the critic",
        (28, 28, 1),
        ("normal", 16),
        (-1, 1),
        "wasserstein",
        "mnist",
        (
            *(_dense(24 * 49), _BN, _RELU, _view(24, 7, 7), _up(16, 4, 2, 1), _BN, _RELU),
            *(_up(1, 4, 2, 1), _TANH),
        ),
        (
            *(_conv(12, 4, 2, 1), _leaky(0.2), _conv(24, 4, 2, 1), _IN, _leaky(0.2)),
            *(_FLAT, _dense(1)),
        ),
        steps=120,
    ),
    "critic-k5-no-norm": Published(
        "Gulrajani et al. 2017, critic of plain 5 x 5 convolutions",
        (28, 28, 1),
        ("normal", 16),
        (0, 1),
        "wasserstein",
        "mnist",
        (*(_dense(24 * 49), _RELU, _view(24, 7, 7), _up(16, 4, 2, 1), _RELU, _up(1, 4, 2, 1), _SIGMOID),),
        (
            *(_conv(12, 5, 2, 2), _leaky(0.01), _conv(16, 5, 2, 2), _leaky(0.01), _conv(24, 5, 2, 2), _leaky(0.01)),
            *(_FLAT, _dense(1)),
        ),
        steps=120,
    ),
    "lsgan-upsample": Published(
        "PyTorch-GAN, lsgan",
        (32, 32, 1),
        ("normal", 20),
        (-1, 1),
        "least_squares",
        "mnist",
        (
            *(_dense(16 * 64), _view(16, 8, 8), _NEAREST, _conv(16, 3, 1, 1), _BN8, _leaky(0.2)),
            *(_NEAREST, _conv(8, 3, 1, 1), _BN8, _leaky(0.2), _conv(1, 3, 1, 1), _TANH),
        ),
        (
            *(_conv(8, 3, 2, 1), _leaky(0.2), _conv(16, 3, 2, 1), _BN8, _leaky(0.2)),
            *(_conv(24, 3, 2, 1), _BN8, _leaky(0.2), _FLAT, _dense(1)),
        ),
    ),
    "upsample-bilinear": Published(
        "resize and convolve, Odena et al. 2016",
        (32, 32, 3),
        ("normal", 20),
        (-1, 1),
        "logit",
        "fashion",
        (
            *(_dense(24 * 16), _RELU, _view(24, 4, 4), _BILINEAR, _conv(16, 3, 1, 1), _BN, _RELU),
            *(_BILINEAR, _conv(12, 3, 1, 1), _BN, _RELU, _BILINEAR, _conv(3, 3, 1, 1), _TANH),
        ),
        (
            *(_conv(8, 4, 2, 1), _leaky(0.2), _conv(16, 4, 2, 1), _leaky(0.2), _conv(24, 4, 2, 1), _leaky(0.2)),
            *(_FLAT, _dense(1)),
        ),
    ),
    "sngan-32": Published(
        "Miyato et al. 2018, standard CNN with slope 0.1 and no normalisation layers in the critic",
        (32, 32, 3),
        ("normal", 24),
        (-1, 1),
        "logit",
        "fashion",
        (
            *(_dense(32 * 16), _view(32, 4, 4), _up(24, 4, 2, 1), _BN, _RELU, _up(16, 4, 2, 1), _BN, _RELU),
            *(_up(8, 4, 2, 1), _BN, _RELU, _conv(3, 3, 1, 1), _TANH),
        ),
        (
            *(_conv(8, 3, 1, 1), _leaky(0.1), _conv(8, 4, 2, 1), _leaky(0.1), _conv(16, 3, 1, 1), _leaky(0.1)),
            *(_conv(16, 4, 2, 1), _leaky(0.1), _conv(24, 3, 1, 1), _leaky(0.1), _conv(24, 4, 2, 1), _leaky(0.1)),
            *(_conv(32, 3, 1, 1), _leaky(0.1), _FLAT, _dense(1)),
        ),
    ),
    "infogan-28": Published(
        "Chen et al. 2016, MNIST",
        (28, 28, 1),
        ("normal", 20),
        (0, 1),
        "logit",
        "mnist",
        (
            *(_dense(48), _BN, _RELU, _dense(16 * 49), _BN, _RELU, _view(16, 7, 7), _up(12, 4, 2, 1), _BN, _RELU),
            *(_up(1, 4, 2, 1), _SIGMOID),
        ),
        (
            *(_conv(8, 4, 2, 1), _leaky(0.1), _conv(16, 4, 2, 1), _BN, _leaky(0.1), _FLAT),
            *(_dense(48), _BN, _leaky(0.1), _dense(1)),
        ),
        named=True,
        steps=400,
    ),
    "mlp-pytorch-gan": Published(
        "PyTorch-GAN, gan",
        (28, 28, 1),
        ("normal", 20),
        (-1, 1),
        "logit",
        "mnist",
        (
            *(_dense(32), _leaky(0.2), _dense(64), _BN8, _leaky(0.2), _dense(96), _BN8, _leaky(0.2)),
            *(_dense(784), _TANH, _view(1, 28, 28)),
        ),
        (_FLAT, _dense(64), _leaky(0.2), _dense(32), _leaky(0.2), _dense(1)),
        steps=3000,
        rate=2e-4,
    ),
    "f-gan": Published(
        "Nowozin et al. 2016, MNIST",
        (28, 28, 1),
        ("uniform", 20),
        (0, 1),
        "logit",
        "mnist",
        (_dense(64), _BN, _RELU, _dense(64), _BN, _RELU, _dense(784), _SIGMOID, _view(1, 28, 28)),
        (_FLAT, _dense(48), _ELU, _dense(48), _ELU, _dense(1)),
        named=True,
        steps=3000,
        rate=2e-4,
    ),
    "waves": Published(
        "one-dimensional DCGAN",
        (64, 1),
        ("normal", 12),
        (-1, 1),
        "logit",
        "waves",
        (
            *(_dense(16 * 8), _BN, _RELU, _view(16, 8), _up(12, 4, 2, 1), _BN, _RELU),
            *(_up(8, 4, 2, 1), _BN, _RELU, _up(1, 4, 2, 1), _TANH),
        ),
        (
            *(_conv(8, 4, 2, 1), _leaky(0.2), _conv(12, 4, 2, 1), _leaky(0.2), _conv(16, 4, 2, 1), _leaky(0.2)),
            *(_FLAT, _dense(1)),
        ),
        steps=400,
    ),
    "ring": Published(
        "toy nets of Gulrajani et al. 2017",
        (2,),
        ("normal", 2),
        (),
        "wasserstein",
        "ring",
        (_dense(64), _RELU, _dense(64), _RELU, _dense(64), _RELU, _dense(2)),
        (_dense(64), _RELU, _dense(64), _RELU, _dense(64), _RELU, _dense(1)),
        steps=3000,
        rate=2e-4,
    ),
}
"""The nets by name."""
