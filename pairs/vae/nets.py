r"""Multilayer perceptrons as plain functions, and what an autoencoder made of them offers to a pair.

An :class:`Mlp` is the static half of a net (hashable, so that equal ones share a compilation); its
parameters are a list of ``{"kernel", "bias"}``. No layer mixes samples. With bounds :math:`[a, b]`
the output is :math:`a + (b - a)\,\sigma(h)`, so samples lie in their declared range by construction.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from .losses import split_posterior

__all__ = ["Mlp", "PosteriorMean", "VaeConfig", "decoder_net", "encoder_net"]

_ACTIVATIONS = {"relu": jax.nn.relu, "leaky_relu": jax.nn.leaky_relu, "silu": jax.nn.silu}


@dataclasses.dataclass(frozen=True)
class Mlp:
    """``(params, x) -> (batch, *outputs)`` for ``x`` ``(batch, *inputs)``; labels are ignored where they are given.

    Attributes:
      inputs: Shape of one input.
      outputs: Shape of one output.
      hidden: Widths of the hidden layers.
      activation: Between layers.
      bounds: Range of the output, reached by a sigmoid; None leaves it linear.
      start: ``he`` (normal, variance 2 / fan-in, zero biases; the last kernel 1 / fan-in times ``last_scale`` squared)
        or ``uniform`` (kernels and biases uniform in +-1 / sqrt(fan-in)).
      last_scale: Factor of the last kernel's standard deviation.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    hidden: tuple[int, ...] = (256, 256)
    activation: Literal["relu", "leaky_relu", "silu"] = "leaky_relu"
    bounds: tuple[float, float] | None = None
    start: Literal["he", "uniform"] = "he"
    last_scale: float = 1.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width of every layer, input and output included."""
        return (math.prod(self.inputs), *self.hidden, math.prod(self.outputs))

    def init(self, key: Array) -> list[dict[str, Array]]:
        """Fresh parameters."""
        layers = []
        for i, (rows, columns) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            kernel_key, bias_key = jax.random.split(jax.random.fold_in(key, i))
            if self.start == "uniform":
                bound = rows**-0.5
                kernel = jax.random.uniform(kernel_key, (rows, columns), minval=-bound, maxval=bound)
                bias = jax.random.uniform(bias_key, (columns,), minval=-bound, maxval=bound)
            else:
                last = i == len(self.hidden)
                scale = self.last_scale * rows**-0.5 if last else (2.0 / rows) ** 0.5
                kernel, bias = scale * jax.random.normal(kernel_key, (rows, columns)), jnp.zeros(columns)
            layers.append({"kernel": kernel, "bias": bias})
        return layers

    def __call__(self, params: Any, x: Array, labels: Any = None) -> Array:
        """``(batch, *inputs) -> (batch, *outputs)``."""
        h = x.reshape(x.shape[0], -1)
        for layer in params[:-1]:
            h = _ACTIVATIONS[self.activation](h @ layer["kernel"] + layer["bias"])
        h = h @ params[-1]["kernel"] + params[-1]["bias"]
        if self.bounds is not None:
            low, high = self.bounds
            h = low + (high - low) * jax.nn.sigmoid(h)
        return h.reshape(x.shape[0], *self.outputs)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Mlp:
        """Inverse of :meth:`to_dict`, for values read from JSON."""
        tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**tuples)

    def template(self) -> Any:
        """Shapes of the parameters."""
        return jax.eval_shape(self.init, jax.random.key(0))


@dataclasses.dataclass(frozen=True)
class PosteriorMean:
    """``(params, x) -> (batch, d)``: the mean of a Gaussian encoder, the inverse of the decoder that a pair carries."""

    encoder: Mlp

    def __call__(self, params: Any, x: Array, labels: Any = None) -> Array:
        """``(batch, *sample) -> (batch, d)``."""
        return split_posterior(self.encoder(params, x))[0]


@dataclasses.dataclass(frozen=True)
class VaeConfig:
    """Sizes of a Gaussian autoencoder of two MLPs.

    Attributes:
      sample_shape: Shape of one sample.
      latent: Width of the code.
      hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
      activation: Between layers.
      sample_range: Bounds of the decoder's output, reached by a sigmoid; None leaves the output linear.
      start: See :class:`Mlp`.

    Raises:
      InputError: a size that is no whole number of at least 1.
    """

    sample_shape: tuple[int, ...] = (28, 28, 1)
    latent: int = 16
    hidden: tuple[int, ...] = (256, 256)
    activation: Literal["relu", "leaky_relu", "silu"] = "leaky_relu"
    sample_range: tuple[float, float] | None = (0.0, 1.0)
    start: Literal["he", "uniform"] = "he"

    def __post_init__(self) -> None:
        for name, sizes in (("latent", (self.latent,)), ("hidden", self.hidden), ("sample_shape", self.sample_shape)):
            if not sizes or any(not isinstance(v, int) or v < 1 for v in sizes):
                raise InputError(name, f"is {getattr(self, name)!r}", "give whole numbers of at least 1")

    @property
    def size(self) -> int:
        """Coordinates of one sample."""
        return math.prod(self.sample_shape)

    @property
    def encoder(self) -> Mlp:
        """The encoder: mean and log variance side by side."""
        # a small last layer starts the posterior near N(0, I), where the KL is harmless
        scale = 0.1 if self.start == "he" else 1.0
        return Mlp(self.sample_shape, (2 * self.latent,), self.hidden, self.activation, None, self.start, scale)

    @property
    def decoder(self) -> Mlp:
        """The decoder."""
        bounds = self.sample_range
        return Mlp((self.latent,), self.sample_shape, self.hidden[::-1], self.activation, bounds, self.start)


def decoder_net(decoder: Mlp, params: Any) -> Net:
    """A generator that checkpoints can rebuild."""
    return Net(params, decoder, Architecture("vae/mlp", Record(decoder.to_dict())))


def encoder_net(encoder: Mlp, params: Any) -> Net:
    """The posterior mean as a net that checkpoints can rebuild."""
    return Net(params, PosteriorMean(encoder), Architecture("vae/posterior-mean", Record(encoder.to_dict())))


@register("vae/mlp")
def _mlp(config: Record) -> tuple[Mlp, Any]:
    net = Mlp.from_dict(config.to_dict())
    return net, net.template()


@register("vae/posterior-mean")
def _posterior_mean(config: Record) -> tuple[PosteriorMean, Any]:
    net = Mlp.from_dict(config.to_dict())
    return PosteriorMean(net), net.template()
