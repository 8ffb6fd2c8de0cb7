r"""Fully connected layers, :math:`y = x W + b`."""

from __future__ import annotations

import dataclasses

from jax import Array

from .layers import Layer, Params, Shape, positive

__all__ = ["Dense", "Weighted"]


@dataclasses.dataclass(frozen=True)
class Weighted(Layer):
    r"""A layer with a kernel.

    Attributes:
      equalized: Gain :math:`g` of an equalised learning rate: the stored kernel times
        :math:`g / \sqrt{n}` is used, n the inputs of one output number. ``true`` stands for :math:`\sqrt 2`.
      equalized_bias: The same factor belongs to the bias.
    """

    equalized: bool | float = dataclasses.field(default=False, kw_only=True)
    equalized_bias: bool = dataclasses.field(default=False, kw_only=True)
    import_only = ("name", "share", "equalized", "equalized_bias")


@dataclasses.dataclass(frozen=True)
class Dense(Weighted, kind="dense"):
    """``torch.nn.Linear``; kernel ``(in, out)``."""

    out: int
    bias: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        """``(out,)``."""
        positive(out=self.out)
        if len(shape) != 1:
            raise ValueError(f"takes flat samples, not shape {shape}: put a flatten layer before it")
        return (self.out,)

    def param_shapes(self, shape: Shape) -> Params:
        """Kernel and bias."""
        return {"kernel": (shape[0], self.out), **({"bias": (self.out,)} if self.bias else {})}

    def fan_in(self, name: str, shape: Shape) -> float:
        """Inputs."""
        return shape[0]

    def __call__(self, p: Params, x: Array) -> Array:
        """``x @ kernel + bias``."""
        y = x @ p["kernel"]
        return y + p["bias"] if self.bias else y
