"""Elementwise layers: activations, clip, and an affine map."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from .layers import Layer, Params, Shape

__all__ = ["Activation", "Clip", "Elu", "Gelu", "LeakyRelu", "Prelu", "Scale"]

_ACTIVATIONS = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "selu": jax.nn.selu,
    "silu": jax.nn.silu,
    "mish": jax.nn.mish,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "identity": lambda x: x,
    "dropout": lambda x: x,
}


@dataclasses.dataclass(frozen=True)
class Activation(Layer):
    """Elementwise function without settings; dropout is the identity in inference."""

    def __call__(self, p: Params, x: Array) -> Array:
        """The function."""
        return _ACTIVATIONS[self.kind](x)


for _kind in _ACTIVATIONS:
    dataclasses.dataclass(frozen=True)(type(_kind.title(), (Activation,), {"__module__": __name__}, kind=_kind))


@dataclasses.dataclass(frozen=True)
class LeakyRelu(Layer, kind="leaky_relu"):
    """``torch.nn.LeakyReLU``; the default slope is PyTorch's 0.01."""

    slope: float = 0.01

    def __call__(self, p: Params, x: Array) -> Array:
        """``x`` above 0, ``slope * x`` below."""
        return jnp.where(x >= 0, x, self.slope * x)


@dataclasses.dataclass(frozen=True)
class Prelu(Layer, kind="prelu"):
    """``torch.nn.PReLU``: a leaky ReLU with a stored slope, one for all channels or one for each."""

    per_channel: bool = False

    def param_shapes(self, shape: Shape) -> Params:
        """The slope."""
        return {"slope": shape[-1:] if self.per_channel else (1,)}

    def __call__(self, p: Params, x: Array) -> Array:
        """``x`` above 0, ``slope * x`` below."""
        return jnp.where(x >= 0, x, p["slope"] * x)


@dataclasses.dataclass(frozen=True)
class Elu(Layer, kind="elu"):
    """``torch.nn.ELU``."""

    alpha: float = 1.0

    def __call__(self, p: Params, x: Array) -> Array:
        """``x`` above 0, ``alpha (exp(x) - 1)`` below."""
        return jax.nn.elu(x, self.alpha)


@dataclasses.dataclass(frozen=True)
class Gelu(Layer, kind="gelu"):
    """``torch.nn.GELU``: exact by default, ``approximate=true`` for the tanh form."""

    approximate: bool = False

    def __call__(self, p: Params, x: Array) -> Array:
        """``x`` times the normal distribution function of ``x``."""
        return jax.nn.gelu(x, approximate=self.approximate)


@dataclasses.dataclass(frozen=True)
class Clip(Layer, kind="clip"):
    """``torch.clamp``, ``torch.nn.Hardtanh``."""

    low: float = -1.0
    high: float = 1.0

    def out_shape(self, shape: Shape) -> Shape:
        """The same."""
        if not self.low < self.high:
            raise ValueError(f"has low {self.low} and high {self.high}: give low below high")
        return shape

    def __call__(self, p: Params, x: Array) -> Array:
        """The nearest number of the interval."""
        return jnp.clip(x, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Scale(Layer, kind="scale"):
    """``factor * x + offset``."""

    factor: float = 1.0
    offset: float = 0.0

    def __call__(self, p: Params, x: Array) -> Array:
        """The affine map."""
        return self.factor * x + self.offset
