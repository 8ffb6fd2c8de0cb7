r"""Where each parameter of a layer is found in a PyTorch module, and how its axes lie there.

=========================  ==============================  ========================
layer                      PyTorch                         here
=========================  ==============================  ========================
``dense``                  weight (O, I)                   kernel (I, O)
``conv``                   weight (O, I/g, kh, kw)         kernel (kh, kw, I/g, O)
``conv_transpose``         weight (I, O/g, kh, kw)         kernel (kh, kw, I/g, O)
``batch_norm``             running_mean, running_var       mean, var
``layer_norm`` on images   weight (C, H, W)                scale (H, W, C)
``embed``, ``projection``  weight (classes, n)             embedding (classes, n)
``conditional_...``        embed.weight (classes, 2C)      scale, bias (classes, C)
``self_attention``         query_conv.weight (m, C, 1, 1)  query_kernel (C, m)
=========================  ==============================  ========================

A sequence has one axis less. A layer of several modules is known by the names of their tensors below one prefix.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from pairs.sequential.attention import SelfAttention
from pairs.sequential.convolutions import Conv, ConvTranspose
from pairs.sequential.labels import ConditionalBatchNorm
from pairs.sequential.layers import Layer, Shape

__all__ = ["Layout", "layouts"]

Read = Callable[[Mapping[str, np.ndarray]], np.ndarray]

_THEIRS = {
    "kernel": "weight",
    "scale": "weight",
    "slope": "weight",
    "embedding": "weight",
    "mean": "running_mean",
    "var": "running_var",
}
_ATTENTION = (("query_conv", "key_conv", "value_conv", "output_conv"), ("query", "key", "value", "out"))
_POOLED = (("theta", "phi", "g", "o"),)
_CONDITIONAL = (("gamma_embed.weight", "beta_embed.weight"), ("gamma.weight", "beta.weight"))


@dataclasses.dataclass(frozen=True)
class Layout:
    """One way in which a module may hold the parameters of a layer.

    Attributes:
      shapes: Shape of each tensor below the module's prefix.
      read: Reads each parameter from those tensors.
    """

    shapes: dict[str, Shape]
    read: dict[str, Read]


def layouts(layer: Layer, shape: Shape) -> tuple[Layout, ...]:
    """All known layouts of the parameters of ``layer`` on inputs of ``shape``; none where it has no parameters."""
    wanted: dict[str, Shape] = layer.param_shapes(shape)
    if not wanted:
        return ()
    if isinstance(layer, SelfAttention):
        return _attention(layer, wanted)
    if isinstance(layer, ConditionalBatchNorm):
        return _conditional(wanted)
    shapes, read = {}, {}
    for ours, size in wanted.items():
        theirs = _THEIRS.get(ours, ours)
        shapes[theirs], read[ours] = _plain(layer, ours, size, theirs)
    return (Layout(shapes, read),)


def _plain(layer: Layer, ours: str, size: Shape, theirs: str) -> tuple[Shape, Read]:
    if isinstance(layer, ConvTranspose) and ours == "kernel":
        groups, *taps, inputs, outputs = layer.groups, *size

        def turned(group: Mapping[str, np.ndarray]) -> np.ndarray:
            split = group[theirs].reshape(groups, inputs, outputs // groups, *taps)
            return np.moveaxis(split, (1, 0, 2), (-3, -2, -1)).reshape(size)

        return (inputs * groups, outputs // groups, *taps), turned
    if isinstance(layer, Conv) and ours == "kernel":
        return (size[-1], size[-2], *size[:-2]), lambda group: np.moveaxis(group[theirs], (1, 0), (-2, -1))
    if layer.kind == "dense" and ours == "kernel":
        return size[::-1], lambda group: group[theirs].T
    if layer.kind == "layer_norm" and len(size) > 1:
        return (size[-1], *size[:-1]), lambda group: np.moveaxis(group[theirs], 0, -1)
    return size, lambda group: group[theirs]


def _conditional(wanted: dict[str, Shape]) -> tuple[Layout, ...]:
    classes, channels = wanted["scale"]
    found = []
    for inside in ("bn.", "norm.", ""):
        moments: dict[str, Read] = {
            ours: (lambda group, name=f"{inside}{theirs}": group[name])
            for ours, theirs in (("mean", "running_mean"), ("var", "running_var"))
        }
        shapes = {f"{inside}running_mean": (channels,), f"{inside}running_var": (channels,)}
        both: dict[str, Read] = {
            "scale": lambda group: group["embed.weight"][:, :channels],
            "bias": lambda group: group["embed.weight"][:, channels:],
        }
        found.append(Layout({**shapes, "embed.weight": (classes, 2 * channels)}, {**moments, **both}))
        for gamma, beta in _CONDITIONAL:
            apart: dict[str, Read] = {
                "scale": lambda group, name=gamma: group[name],
                "bias": lambda group, name=beta: group[name],
            }
            found.append(
                Layout({**shapes, gamma: (classes, channels), beta: (classes, channels)}, {**moments, **apart})
            )
    return tuple(found)


def _attention(layer: SelfAttention, wanted: dict[str, Shape]) -> tuple[Layout, ...]:
    sets = (layer.parts,) if layer.parts else (*(_POOLED if layer.output else ()), *_ATTENTION)
    roles = ("query", "key", "value", "output") if layer.output else ("query", "key", "value")
    found = []
    for names in sets:
        for axes in (2, 1, 0):
            for gain in ((1,), ()):
                shapes: dict[str, Shape] = {"gamma": gain}
                read: dict[str, Read] = {"gain": lambda group: group["gamma"].reshape(())}
                for role, name in zip(roles, names, strict=False):
                    inputs, outputs = wanted[f"{role}_kernel"]
                    shapes[f"{name}.weight"] = (outputs, inputs, *(1,) * axes)
                    read[f"{role}_kernel"] = lambda group, n=name: (
                        group[f"{n}.weight"].reshape(group[f"{n}.weight"].shape[:2]).T
                    )
                    if layer.bias:
                        shapes[f"{name}.bias"] = (outputs,)
                        read[f"{role}_bias"] = lambda group, n=name: group[f"{n}.bias"]
                found.append(Layout(shapes, read))
    return tuple(found)
