"""Layer lists of twelve published or common GANs, narrowed, for the study of drafts.

Kernels, strides, paddings, normalisations, activations and ends are those of the lists named beside them; widths are a
few channels, so that each trains in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from .draft_layers import Published, conv, dense, leaky, up, view

__all__ = ["NETS"]

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
            view(24, 1, 1),
            *(up(32, 4, **_BARE), _BN, _RELU, up(24, 4, 2, 1, **_BARE), _BN, _RELU),
            *(up(16, 4, 2, 1, **_BARE), _BN, _RELU, up(8, 4, 2, 1, **_BARE), _BN, _RELU),
            *(up(3, 4, 2, 1, **_BARE), _TANH),
        ),
        (
            *(conv(8, 4, 2, 1, **_BARE), leaky(0.2), conv(16, 4, 2, 1, **_BARE), _BN, leaky(0.2)),
            *(conv(24, 4, 2, 1, **_BARE), _BN, leaky(0.2), conv(32, 4, 2, 1, **_BARE), _BN, leaky(0.2)),
            conv(1, 4, **_BARE),
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
            *(dense(24 * 16), view(24, 4, 4), _BN, _RELU, up(16, 5, 2, 2, output_padding=1), _BN, _RELU),
            *(up(8, 5, 2, 2, output_padding=1), _BN, _RELU, up(3, 5, 2, 2, output_padding=1), _TANH),
        ),
        (
            *(conv(8, 5, 2, 2), leaky(0.2), conv(16, 5, 2, 2), _BN, leaky(0.2), conv(24, 5, 2, 2), _BN),
            *(leaky(0.2), _FLAT, dense(1)),
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
            *(dense(24 * 49), _BN, _RELU, view(24, 7, 7), up(16, 4, 2, 1), _BN, _RELU),
            *(up(1, 4, 2, 1), _TANH),
        ),
        (
            *(conv(12, 4, 2, 1), leaky(0.2), conv(24, 4, 2, 1), _IN, leaky(0.2)),
            *(_FLAT, dense(1)),
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
        (*(dense(24 * 49), _RELU, view(24, 7, 7), up(16, 4, 2, 1), _RELU, up(1, 4, 2, 1), _SIGMOID),),
        (
            *(conv(12, 5, 2, 2), leaky(0.01), conv(16, 5, 2, 2), leaky(0.01), conv(24, 5, 2, 2), leaky(0.01)),
            *(_FLAT, dense(1)),
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
            *(dense(16 * 64), view(16, 8, 8), _NEAREST, conv(16, 3, 1, 1), _BN8, leaky(0.2)),
            *(_NEAREST, conv(8, 3, 1, 1), _BN8, leaky(0.2), conv(1, 3, 1, 1), _TANH),
        ),
        (
            *(conv(8, 3, 2, 1), leaky(0.2), conv(16, 3, 2, 1), _BN8, leaky(0.2)),
            *(conv(24, 3, 2, 1), _BN8, leaky(0.2), _FLAT, dense(1)),
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
            *(dense(24 * 16), _RELU, view(24, 4, 4), _BILINEAR, conv(16, 3, 1, 1), _BN, _RELU),
            *(_BILINEAR, conv(12, 3, 1, 1), _BN, _RELU, _BILINEAR, conv(3, 3, 1, 1), _TANH),
        ),
        (
            *(conv(8, 4, 2, 1), leaky(0.2), conv(16, 4, 2, 1), leaky(0.2), conv(24, 4, 2, 1), leaky(0.2)),
            *(_FLAT, dense(1)),
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
            *(dense(32 * 16), view(32, 4, 4), up(24, 4, 2, 1), _BN, _RELU, up(16, 4, 2, 1), _BN, _RELU),
            *(up(8, 4, 2, 1), _BN, _RELU, conv(3, 3, 1, 1), _TANH),
        ),
        (
            *(conv(8, 3, 1, 1), leaky(0.1), conv(8, 4, 2, 1), leaky(0.1), conv(16, 3, 1, 1), leaky(0.1)),
            *(conv(16, 4, 2, 1), leaky(0.1), conv(24, 3, 1, 1), leaky(0.1), conv(24, 4, 2, 1), leaky(0.1)),
            *(conv(32, 3, 1, 1), leaky(0.1), _FLAT, dense(1)),
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
            *(dense(48), _BN, _RELU, dense(16 * 49), _BN, _RELU, view(16, 7, 7), up(12, 4, 2, 1), _BN, _RELU),
            *(up(1, 4, 2, 1), _SIGMOID),
        ),
        (
            *(conv(8, 4, 2, 1), leaky(0.1), conv(16, 4, 2, 1), _BN, leaky(0.1), _FLAT),
            *(dense(48), _BN, leaky(0.1), dense(1)),
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
            *(dense(32), leaky(0.2), dense(64), _BN8, leaky(0.2), dense(96), _BN8, leaky(0.2)),
            *(dense(784), _TANH, view(1, 28, 28)),
        ),
        (_FLAT, dense(64), leaky(0.2), dense(32), leaky(0.2), dense(1)),
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
        (dense(64), _BN, _RELU, dense(64), _BN, _RELU, dense(784), _SIGMOID, view(1, 28, 28)),
        (_FLAT, dense(48), _ELU, dense(48), _ELU, dense(1)),
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
            *(dense(16 * 8), _BN, _RELU, view(16, 8), up(12, 4, 2, 1), _BN, _RELU),
            *(up(8, 4, 2, 1), _BN, _RELU, up(1, 4, 2, 1), _TANH),
        ),
        (
            *(conv(8, 4, 2, 1), leaky(0.2), conv(12, 4, 2, 1), leaky(0.2), conv(16, 4, 2, 1), leaky(0.2)),
            *(_FLAT, dense(1)),
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
        (dense(64), _RELU, dense(64), _RELU, dense(64), _RELU, dense(2)),
        (dense(64), _RELU, dense(64), _RELU, dense(64), _RELU, dense(1)),
        steps=3000,
        rate=2e-4,
    ),
}
"""The nets by name."""
