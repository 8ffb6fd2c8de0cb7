r"""Layers that read the labels of a conditional net.

``embed`` and ``one_hot`` begin a branch: they make a vector :math:`e_y` of the label and drop their input.
A label is concatenated, multiplied or added to a latent or an image by a block whose branches
are ``[]`` and ``[embed]``::

    {layer = "concatenate", branches = [[], [{layer = "embed", classes = 10, out = 100}]]}

Labels are whole numbers ``(batch,)``, or shares of the classes ``(batch, classes)``, which mix the rows of the classes.

A projection critic is :math:`\psi(\phi(x)) + \langle e_y, \phi(x) \rangle` (arXiv:1802.05637)::

    {layer = "add", branches = [[{layer = "dense", out = 1}], [{layer = "projection", classes = 10}]]}
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from .layers import Layer, Layers, Params, Shape, positive
from .norms import moved

__all__ = ["ConditionalBatchNorm", "Embed", "LabelLayer", "OneHot", "Projection", "classes_of"]


def rows_of(table: Array, labels: Array) -> Array:
    """The row of each label, or the mixture of rows that shares ``(batch, classes)`` make."""
    return labels.astype(table.dtype) @ table if labels.ndim == 2 else table[labels]


@dataclasses.dataclass(frozen=True)
class LabelLayer(Layer):
    """A layer that needs labels, whole numbers from 0 to ``classes - 1``."""

    classes: int
    needs_labels: ClassVar[bool] = True

    def out_shape(self, shape: Shape) -> Shape:
        """The same."""
        positive(classes=self.classes)
        return shape

    def labelled(self, p: Params, x: Array, labels: Array) -> Array:
        """The layer on a batch and its labels."""
        raise NotImplementedError

    def apply(self, p: Params, x: Array, labels: Array | None) -> Array:
        """Refuse a batch without labels."""
        if labels is None:
            raise InputError(
                "labels", f"are missing for a net with {self.classes} classes", "give one label per sample"
            )
        return self.labelled(p, x, jnp.asarray(labels))

    def __call__(self, p: Params, x: Array) -> Array:
        """Refuse."""
        return self.apply(p, x, None)


@dataclasses.dataclass(frozen=True)
class Embed(LabelLayer, kind="embed"):
    """``torch.nn.Embedding`` of the label: ``(out,)``."""

    out: int

    def out_shape(self, shape: Shape) -> Shape:
        """``(out,)``."""
        positive(classes=self.classes, out=self.out)
        return (self.out,)

    def param_shapes(self, shape: Shape) -> Params:
        """One row per class."""
        return {"embedding": (self.classes, self.out)}

    def labelled(self, p: Params, x: Array, labels: Array) -> Array:
        """The row of each label."""
        return rows_of(p["embedding"], labels)


@dataclasses.dataclass(frozen=True)
class OneHot(LabelLayer, kind="one_hot"):
    """The label as ``classes`` numbers, one of them 1: ``(classes,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        """``(classes,)``."""
        positive(classes=self.classes)
        return (self.classes,)

    def labelled(self, p: Params, x: Array, labels: Array) -> Array:
        """The unit vector of each label."""
        return labels.astype(x.dtype) if labels.ndim == 2 else jax.nn.one_hot(labels, self.classes, dtype=x.dtype)


@dataclasses.dataclass(frozen=True)
class Projection(LabelLayer, kind="projection"):
    """The product of the features with the embedding of the label: ``(n,) -> (1,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        """``(1,)``."""
        positive(classes=self.classes)
        if len(shape) != 1:
            raise ValueError(f"takes flat samples, not shape {shape}: put a flatten or pool layer before it")
        return (1,)

    def param_shapes(self, shape: Shape) -> Params:
        """One row per class."""
        return {"embedding": (self.classes, shape[0])}

    def labelled(self, p: Params, x: Array, labels: Array) -> Array:
        """Scalar product with the row of each label."""
        return jnp.sum(x * rows_of(p["embedding"], labels), axis=-1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class ConditionalBatchNorm(LabelLayer, kind="conditional_batch_norm"):
    r"""BatchNorm whose scale and bias are those of the label.

    .. math:: y = (o + \gamma_y) \frac{x - \mu}{\sqrt{v + \epsilon}} + \beta_y

    Attributes:
      eps: Added to the variance.
      offset: The number o: 0, or 1 where the stored scales are differences from 1.
    """

    eps: float = 1e-5
    offset: float = 0.0

    def param_shapes(self, shape: Shape) -> Params:
        """Statistics per channel; scale and bias per class and channel."""
        rows = (self.classes, shape[-1])
        return {"mean": shape[-1:], "var": shape[-1:], "scale": rows, "bias": rows}

    def labelled(self, p: Params, x: Array, labels: Array) -> Array:
        """The formula above."""
        rows = (x.shape[0], *(1,) * (x.ndim - 2), x.shape[-1])
        scale, bias = (rows_of(p[name], labels).reshape(rows) for name in ("scale", "bias"))
        return moved(p, x, self.eps, scale + self.offset, bias)


def classes_of(layers: Layers, field: str) -> int | None:
    """Number of classes of a net, ``None`` for one that reads no labels.

    Raises:
      InputError: Two layers have different numbers of classes.
    """
    found: set[int] = set()
    waiting = list(layers)
    while waiting:
        layer = waiting.pop()
        waiting += [inner for part in layer.inner().values() for inner in part]
        found |= {layer.classes} if isinstance(layer, LabelLayer) else set()
    if len(found) > 1:
        raise InputError(field, f"have {' and '.join(map(str, sorted(found)))} classes", "give all layers the same")
    return found.pop() if found else None
