r"""How an image becomes 299 x 299 before Inception sees it: the protocols of three published tools.

Each is a product with one matrix per axis, :math:`y = W_h\, x\, W_w^\top`, then a scaling of bytes to about -1 to 1.
With :math:`r = n / 299` for n pixels and output pixel i, the weights are

==================  ============================================================  ==========================
protocol            weights of :math:`x_j` in :math:`y_i`                         scaling
==================  ============================================================  ==========================
``torch-fidelity``  linear at :math:`s = i r`, as TensorFlow 1 did it             :math:`(y - 128) / 128`
``clean-fid``       cubic, :math:`k((j + 0.5 - (i + 0.5) r) / \max(r, 1))`, as    :math:`(y - 128) / 128`
                    Pillow does it on floats; values cut to 0 to 255
``pytorch-fid``     linear at :math:`s = \max((i + 0.5) r - 0.5, 0)`              :math:`2 y / 255 - 1`
==================  ============================================================  ==========================

with Keys's kernel k of a = -1/2, and weights that sum to 1. Only the second averages where an image shrinks, which is
the point of arXiv 2104.11222; the same weights and images give other distances under each of them. Linear weights
repeat the last pixel at the border.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError

__all__ = ["RESIZES", "Resize", "resize_matrix", "resized"]

Resize = Literal["torch-fidelity", "clean-fid", "pytorch-fid"]
"""A protocol, called like the tool that uses it."""
RESIZES: tuple[str, ...] = get_args(Resize)


def resize_matrix(inputs: int, outputs: int = 299, resize: Resize = "torch-fidelity") -> np.ndarray:
    """Weights ``(outputs, inputs)`` along one axis.

    Args:
      inputs: Pixels that there are, at least 1.
      outputs: Pixels that are wanted, at least 1.
      resize: The protocol.

    Raises:
      InputError: No pixels, or an unknown protocol.

    Example:
      >>> (resize_matrix(2, 4) @ [0.0, 1.0]).tolist(), (resize_matrix(2, 4, "pytorch-fid") @ [0.0, 1.0]).tolist()
      ([0.0, 0.5, 1.0, 1.0], [0.0, 0.25, 0.75, 1.0])
    """
    if inputs < 1 or outputs < 1:
        raise InputError("images", f"have {inputs} pixels along an axis", "give images of at least one pixel")
    match resize:
        case "torch-fidelity":
            place = np.arange(outputs, dtype=np.float32) * np.float32(inputs / outputs)
        case "pytorch-fid":
            half = (np.arange(outputs, dtype=np.float32) + np.float32(0.5)) * np.float32(inputs / outputs)
            place = np.maximum(half - np.float32(0.5), np.float32(0))
        case "clean-fid":
            return _cubic(inputs, outputs)
        case _:
            raise InputError("resize", f"is {resize!r}", f"give {', '.join(RESIZES)}")
    low = np.minimum(np.floor(place).astype(int), inputs - 1)
    part, matrix = place - low, np.zeros((outputs, inputs), np.float32)
    matrix[np.arange(outputs), low] = 1 - part
    matrix[np.arange(outputs), np.minimum(low + 1, inputs - 1)] += part
    return matrix


def _cubic(inputs: int, outputs: int) -> np.ndarray:
    """Pillow's bicubic weights; the kernel widens by the ratio where the image shrinks."""
    ratio = inputs / outputs
    wide = max(ratio, 1.0)
    centre = (np.arange(outputs)[:, None] + 0.5) * ratio
    x = np.abs(np.arange(inputs) + 0.5 - centre) / wide
    inner, outer = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = np.where(x < 1, inner, np.where(x < 2, outer, 0.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resized(x: Array, resize: Resize = "torch-fidelity", size: int = 299) -> Array:
    """Images of bytes' values ``(n, H, W, C)`` as a net takes them, ``(n, size, size, C)`` from about -1 to 1.

    Args:
      x: Values from 0 to 255.
      resize: The protocol.
      size: Pixels of a side.
    """
    rows, columns = (resize_matrix(n, size, resize) for n in x.shape[1:3])
    y = jnp.einsum("ah,nhwc,bw->nabc", rows, x, columns, precision="highest")
    if resize == "pytorch-fid":
        return y * (2 / 255) - 1
    return ((jnp.clip(y, 0, 255) if resize == "clean-fid" else y) - 128) / 128
