"""The layers that a draft writes, in NumPy and PyTorch's order ``(n, C, H, W)``.

A draft tries many layer lists on a few rows. Each would be compiled for its own sizes, which costs far more than the
numbers do; what is drafted here computes at once. :mod:`pairs.sequential` is what the imported pair computes with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import erf, expit

from pairs import InputError

from ..folding import fold

__all__ = ["Spec", "Tensors", "advance", "narrowed"]

Spec = dict[str, Any]
Tensors = Mapping[str, np.ndarray]

_REMEDY = (
    "a net with labels (an embedding), branches or blocks is not drafted: write its manifest with 'concatenate' and"
    " 'embed' or 'add', as the guide on bringing a GAN shows; files of whole modules need none"
)
_ROWS = 32  # rows whose windows are held at a time
_SELU = (1.0507009873554805, 1.6732632423543772)


def advance(specs: Sequence[Spec], tensors: Tensors, x: np.ndarray) -> np.ndarray:
    """A few layers on a batch, with the tensors of the modules that they name.

    Args:
      specs: Layers in the manifest's terms.
      tensors: Those of the file, by full name.
      x: Rows in PyTorch's order.

    Raises:
      InputError: A module cannot take what the one before it gives: the net is no plain list.
    """
    for spec in specs:
        kind, name = spec["layer"], spec.get("name")
        group = {} if name is None else {n[len(name) + 1 :]: a for n, a in tensors.items() if n.startswith(f"{name}.")}
        own = fold(group, kind == "conv_transpose")[0]
        try:
            x = _LAYERS[kind](spec, {n: np.asarray(a, np.float32) for n, a in own.items()}, x)
        except (ValueError, IndexError):
            shape = "x".join(map(str, x.shape[1:]))
            problem = f"'{name}' ({kind}) cannot take the {shape} that the modules before it give"
            raise InputError("draft", problem, _REMEDY) from None
    return x


def narrowed(spec: Spec, tensors: Tensors, outputs: int) -> Tensors:
    """The tensors of a layer's module with its first outputs alone.

    Args:
      spec: A dense layer or a convolution.
      tensors: Those of the file.
      outputs: How many outputs are kept.
    """
    name, transposed = spec["name"], spec["layer"] == "conv_transpose"
    group = fold({n[len(name) + 1 :]: a for n, a in tensors.items() if n.startswith(f"{name}.")}, transposed)[0]
    kept = {n: a[:, :outputs] if transposed and n == "weight" else a[:outputs] for n, a in group.items()}
    return {f"{name}.{n}": a for n, a in kept.items()}


def _along(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One number a channel, over all pixels."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def _dense(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    return x @ own["weight"].T + own.get("bias", np.float32(0))


def _in_rows(step: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.concatenate([step(x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)])


def _conv(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    (weight, image), p, s = _lifted(own["weight"], x), spec.get("padding", 0), spec.get("stride", 1)
    high = p if x.ndim == 4 else 0

    def step(rows: np.ndarray) -> np.ndarray:
        padded = np.pad(rows, ((0, 0), (0, 0), (high, high), (p, p)))
        windows = sliding_window_view(padded, weight.shape[2:], (2, 3))[:, :, ::s, ::s]
        return np.moveaxis(np.tensordot(weight, windows, ((1, 2, 3), (1, 4, 5))), 0, 1)

    return _with_bias(_in_rows(step, image), own, x)


def _conv_transpose(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    (weight, image), s = _lifted(own["weight"], x), spec.get("stride", 1)
    p, more = spec.get("padding", 0), spec.get("output_padding", 0)
    (kh, kw), (h, w) = weight.shape[2:], image.shape[2:]
    high, extra = (p, more) if x.ndim == 4 else (0, 0)
    down = s if x.ndim == 4 else 1

    def step(rows: np.ndarray) -> np.ndarray:
        taps = np.tensordot(weight, rows, (0, 1))  # (O, kh, kw, n, h, w)
        height, width = (h - 1) * down + kh + extra, (w - 1) * s + kw + more
        whole = np.zeros((weight.shape[1], len(rows), height, width), np.float32)
        for i in range(kh):
            for j in range(kw):
                whole[:, :, i : i + (h - 1) * down + 1 : down, j : j + (w - 1) * s + 1 : s] += taps[:, i, j]
        return np.moveaxis(whole[:, :, high : height - high, p : width - p], 0, 1)

    return _with_bias(_in_rows(step, image), own, x)


def _lifted(weight: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A sequence as an image of one row."""
    return (weight, x) if x.ndim == 4 else (weight[:, :, None], x[:, :, None])


def _with_bias(y: np.ndarray, own: Tensors, x: np.ndarray) -> np.ndarray:
    y = y if x.ndim == 4 else y[:, :, 0]
    return y + _along(own["bias"], y) if "bias" in own else y


def _batch_norm(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    y = (x - _along(own["running_mean"], x)) / np.sqrt(
        _along(own["running_var"], x) + np.float32(spec.get("eps", 1e-5))
    )
    return _affine(own, y)


def _group_norm(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    groups = {"group_norm": spec.get("groups", 1), "instance_norm": x.shape[1], "layer_norm": 1}[spec["layer"]]
    split = x.reshape(len(x), groups, -1)
    y = (split - split.mean(-1, keepdims=True)) / np.sqrt(split.var(-1, keepdims=True) + np.float32(1e-5))
    return _affine(own, y.reshape(x.shape))


def _affine(own: Tensors, y: np.ndarray) -> np.ndarray:
    y = y * _along(own["weight"], y) if "weight" in own else y
    return y + _along(own["bias"], y) if "bias" in own else y


def _prelu(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, x, _along(own["weight"], x) * x)


def _unflatten(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    channels, *sides = spec["shape"]
    if spec.get("channels_last"):
        return np.moveaxis(x.reshape(len(x), *sides, channels), -1, 1)
    return x.reshape(len(x), channels, *sides)


def _flatten(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    return (np.moveaxis(x, 1, -1) if spec.get("channels_last") else x).reshape(len(x), -1)


def _upsample(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    for axis in range(2, x.ndim):
        if spec.get("mode") == "bilinear":
            n = x.shape[axis]
            at = np.clip((np.arange(2 * n) + 0.5) / 2 - 0.5, 0, n - 1)
            matrix = np.maximum(0, 1 - np.abs(at[None] - np.arange(n)[:, None])).astype(np.float32)
            x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix, -1, axis)
        else:
            x = np.repeat(x, 2, axis)
    return x


def _pool(spec: Spec, own: Tensors, x: np.ndarray) -> np.ndarray:
    axes = tuple(range(3, 2 * x.ndim - 2, 2))
    split = x.reshape(*x.shape[:2], *(m for n in x.shape[2:] for m in (n // 2, 2)))
    return split.max(axes) if spec["layer"] == "max_pool" else split.mean(axes)


def _elementwise(function: Callable[[np.ndarray, Spec], np.ndarray]) -> Callable[[Spec, Tensors, np.ndarray], Any]:
    return lambda spec, own, x: function(x, spec).astype(np.float32, copy=False)


_LAYERS: dict[str, Callable[[Spec, Tensors, np.ndarray], np.ndarray]] = {
    "dense": _dense,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "batch_norm": _batch_norm,
    **dict.fromkeys(("group_norm", "instance_norm", "layer_norm"), _group_norm),
    "prelu": _prelu,
    "unflatten": _unflatten,
    "flatten": _flatten,
    "upsample": _upsample,
    **dict.fromkeys(("avg_pool", "max_pool"), _pool),
    "global_mean_pool": lambda spec, own, x: x.mean(tuple(range(2, x.ndim))),
    "squeeze": lambda spec, own, x: x.reshape(len(x), *(n for n in x.shape[1:] if n > 1)),
    "relu": _elementwise(lambda x, spec: np.maximum(x, 0)),
    "leaky_relu": _elementwise(lambda x, spec: np.maximum(x, np.float32(spec.get("slope", 0.01)) * x)),  # slopes < 1
    "elu": _elementwise(lambda x, spec: np.maximum(x, 0) + np.expm1(np.minimum(x, 0))),
    "selu": _elementwise(lambda x, spec: _SELU[0] * (np.maximum(x, 0) + _SELU[1] * np.expm1(np.minimum(x, 0)))),
    "silu": _elementwise(lambda x, spec: x * expit(x)),
    "gelu": _elementwise(lambda x, spec: x * (1 + erf(x / np.sqrt(2))) / 2),
    "tanh": _elementwise(lambda x, spec: np.tanh(x)),
    "sigmoid": _elementwise(lambda x, spec: expit(x)),
}
