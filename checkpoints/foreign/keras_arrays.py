r"""Keras layers with arrays: dense layers, convolutions, normalisation; and the order of flat vectors.

==========================  ===========================  ===========================
layer                       Keras                        here
==========================  ===========================  ===========================
``Dense``                   kernel (I, O)                weight (O, I)
``Conv2D``                  kernel (kh, kw, I, O)        weight (O, I, kh, kw)
``Conv2DTranspose``         kernel (kh, kw, O, I)        weight (I, O, kh, kw)
``BatchNormalization``      gamma, beta, mean, variance  weight, bias and buffers
==========================  ===========================  ===========================

Keras flattens an image with the channels last, the manifest with the channels first. With
:math:`Q` the numbers of a flat Keras vector in the manifest's order, the rows of the dense layer
after ``Flatten`` and the outputs of the one before ``Reshape`` are taken in the order :math:`Q`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .keras_plain import sides
from .limits import Refused, shown

__all__ = ["WITH_ARRAYS", "Chain", "Shape"]

Shape = tuple[int, ...]


class Chain:
    """What has been translated: layers, tensors, the shape of a sample, and how flat vectors are ordered."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.layers: list[dict[str, Any]] = []
        self.tensors: dict[str, np.ndarray] = {}
        self.order: np.ndarray | None = None  # ours = Keras's[order]
        self.open: list[str] = []  # tensors whose first axis is that of the present flat vector
        self.dense = False  # a dense layer made the present flat vector

    def add(self, kind: str, name: str | None = None, **settings: Any) -> None:
        """Append a layer."""
        self.layers.append({"layer": kind, **({"name": name} if name else {}), **settings})

    def flatten(self) -> None:
        """Make the sample flat, in the manifest's order of its numbers."""
        if len(self.shape) > 1:
            self.add("flatten")
            self.order = _order(self.shape)
            self.shape, self.open, self.dense = (math.prod(self.shape),), [], False

    def reshape(self, shape: Shape) -> None:
        """Give the sample another shape; the dense layer before is put in the order that this needs.

        Args:
          shape: channels last.

        Raises:
          Refused: no dense layer before, and an order that the manifest cannot follow.
        """
        if math.prod(shape) != math.prod(self.shape):
            raise Refused(f"it reshapes {math.prod(self.shape)} numbers to {shape}")
        if len(shape) == 1:
            return self.flatten()
        if len(self.shape) > 1:
            self.flatten()
        wanted, have = _order(shape), self.order if self.order is not None else np.arange(math.prod(shape))
        if not np.array_equal(wanted, have):
            if not self.dense:
                raise Refused("it reshapes numbers whose order the manifest cannot follow (no dense layer before)")
            for name in self.open:
                self.tensors[name] = self.tensors[name][wanted]
        self.add("unflatten", shape=[shape[-1], *shape[:-1]])
        self.shape, self.order, self.open, self.dense = shape, None, [], False


def _order(shape: Shape) -> np.ndarray:
    """Numbers of a flat channels-last vector, in channels-first order."""
    return np.moveaxis(np.arange(math.prod(shape)).reshape(shape), -1, 0).ravel()


def _fits(held: list[np.ndarray], shapes: list[Shape], name: str) -> None:
    if [a.shape for a in held] != shapes:
        raise Refused(f"layer '{shown(name)}' has arrays of shapes {[a.shape for a in held]}, not {shapes}")


def _dense(chain: Chain, config: dict[str, Any], name: str, held: list[np.ndarray]) -> None:
    units, bias = config.get("units"), config.get("use_bias") is not False
    if type(units) is not int or len(chain.shape) != 1:
        raise Refused(f"layer '{shown(name)}' is a Dense layer on shape {chain.shape}")
    _fits(held, [(chain.shape[0], units)] + [(units,)] * bias, name)
    kernel = held[0] if chain.order is None else held[0][chain.order]
    chain.add("dense", name, out=units, **({} if bias else {"bias": False}))
    chain.tensors[f"{name}.weight"] = np.ascontiguousarray(kernel.T)
    chain.open, chain.order, chain.dense = [f"{name}.weight"], None, True
    if bias:
        chain.tensors[f"{name}.bias"] = held[1]
        chain.open.append(f"{name}.bias")
    chain.shape = (units,)


def _conv(chain: Chain, config: dict[str, Any], name: str, held: list[np.ndarray]) -> None:
    rank = len(chain.shape) - 1
    transposed = "output_padding" in config
    filters, bias = config.get("filters"), config.get("use_bias") is not False
    kernel, stride = sides(config, "kernel_size", rank, name), sides(config, "strides", rank, name)
    dilation, groups = sides(config, "dilation_rate", rank, name), config.get("groups", 1)
    padding = config.get("padding", "valid")
    if type(filters) is not int or type(groups) is not int or groups < 1 or padding not in ("valid", "same"):
        raise Refused(f"layer '{shown(name)}' has settings that have no counterpart")
    if transposed and (config.get("output_padding") is not None or groups > 1 or max(dilation) > 1):
        raise Refused(f"layer '{shown(name)}' has output padding, groups or dilation")
    taps = tuple(kernel)
    inner = (filters, chain.shape[-1]) if transposed else (chain.shape[-1] // groups, filters)
    _fits(held, [(*taps, *inner)] + [(filters,)] * bias, name)
    settings: dict[str, Any] = {"out": filters, "kernel": _one(kernel)}
    settings |= {"stride": _one(stride)} if max(stride) > 1 else {}
    settings |= {"dilation": _one(dilation)} if max(dilation) > 1 else {}
    settings |= {"groups": groups} if groups > 1 else {}
    settings |= _padding(chain.shape, kernel, stride, dilation, transposed) if padding == "same" else {}
    settings |= {} if bias else {"bias": False}
    chain.add("conv_transpose" if transposed else "conv", name, **settings)
    chain.tensors[f"{name}.weight"] = np.ascontiguousarray(np.moveaxis(held[0], (-1, -2), (0, 1)))
    if bias:
        chain.tensors[f"{name}.bias"] = held[1]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    each = zip(chain.shape, reach, stride, strict=False)
    if transposed:
        size = [n * s if padding == "same" else (n - 1) * s + max(k, s) for n, k, s in each]
        if padding == "valid" and any(k < s for k, s in zip(kernel, stride, strict=True)):
            raise Refused(f"layer '{shown(name)}' has a stride above its kernel")
    else:
        size = [-(-n // s) if padding == "same" else (n - k) // s + 1 for n, k, s in each]
    if min(size) < 1:
        raise Refused(f"layer '{shown(name)}' has a kernel larger than its input")
    chain.shape = (*size, filters)


def _padding(
    shape: Shape, kernel: list[int], stride: list[int], dilation: list[int], transposed: bool
) -> dict[str, Any]:
    """PyTorch's numbers where both ends get equally many pixels, else the word."""
    total = []
    for n, k, s, d in zip(shape, kernel, stride, dilation, strict=False):
        reach = (k - 1) * d + 1
        total.append(reach - s if transposed else max((-(-n // s) - 1) * s + reach - n, 0))
    if any(t % 2 or t < 0 for t in total):
        return {"padding": "same"}
    return {"padding": _one([t // 2 for t in total])} if any(total) else {}


def _one(values: list[int]) -> int | list[int]:
    return values[0] if len(set(values)) == 1 else values


def _batch_norm(chain: Chain, config: dict[str, Any], name: str, held: list[np.ndarray]) -> None:
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(chain.shape)):
        raise Refused(f"layer '{shown(name)}' normalises another axis than the last")
    n = chain.shape[-1]
    scale, center = config.get("scale") is not False, config.get("center") is not False
    _fits(held, [(n,)] * (2 + scale + center), name)
    arrays = iter(held)
    weight = next(arrays) if scale else np.ones(n, np.float32)
    bias = next(arrays) if center else np.zeros(n, np.float32)
    order = slice(None) if chain.order is None else chain.order
    named = {"weight": weight, "bias": bias, "running_mean": next(arrays), "running_var": next(arrays)}
    for part, array in named.items():
        chain.tensors[f"{name}.{part}"] = array[order]
        if len(chain.shape) == 1:
            chain.open.append(f"{name}.{part}")
    epsilon = config.get("epsilon", 1e-3)
    if not isinstance(epsilon, float):
        raise Refused(f"layer '{shown(name)}' has no proper epsilon")
    chain.add("batch_norm", name, eps=epsilon)


WITH_ARRAYS: dict[str, Callable[[Chain, dict[str, Any], str, list[np.ndarray]], None]] = {
    "Dense": _dense,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv2DTranspose": _conv,
    "BatchNormalization": _batch_norm,
}
"""Translators by class name: they add to a chain, given settings, the layer's name and its arrays."""
