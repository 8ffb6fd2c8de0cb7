r"""Flows of coupling layers: maps of vectors that are inverted, and whose volume change is known, in one pass.

Layer l leaves the coordinates B as they are and moves the coordinates A by numbers that a small net makes of B,

.. math:: y_A = e^{s(x_B)}\,\rho(x_A; x_B) + t(x_B), \qquad y_B = x_B, \qquad
   \log\left|\det\frac{dy}{dx}\right| = \sum_A \left(s + \log \rho'\right),

where :math:`\rho` is a monotone spline (:mod:`pairs.flows.spline`), or the identity in a flow without bins. A holds the
coordinates whose number has binary digit :math:`\lfloor l/2 \rfloor` equal to :math:`l \bmod 2`, so that layers 2k and
2k + 1 move every coordinate once. A last map scales and shifts each coordinate. For a conditional pair the net sees
the class too. All weights that end a net are zero at the start, so that the flow begins as the identity.

References:
  Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP, arXiv 1605.08803.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..checks import check_count
from ..errors import InputError
from .spline import spline, spline_inverse, spline_numbers

__all__ = ["MOST_BINS", "MOST_LAYERS", "MOST_WIDTH", "Flow"]

LARGEST = 3.0
"""Largest log scale of one layer, either way."""
MOST_BINS, MOST_LAYERS, MOST_WIDTH, _MOST_SIZE = 256, 64, 4096, 2**20


@dataclasses.dataclass(frozen=True)
class Flow:
    """An invertible map of vectors, equal by its sizes; its numbers travel apart.

    Attributes:
      size: Coordinates of a vector.
      layers: Coupling layers.
      width: Hidden units of each layer's net.
      bins: Bins of the splines, 0 for none.
      classes: Number of classes that the map depends on, None for none.

    Raises:
      InputError: A size that is no whole number, or out of range.
    """

    size: int
    layers: int
    width: int
    bins: int = 0
    classes: int | None = None

    def __post_init__(self) -> None:
        """Refuse sizes out of range, which may come from a stored pair."""
        for name, least, most in (("size", 1, _MOST_SIZE), ("layers", 1, MOST_LAYERS), ("width", 1, MOST_WIDTH)):
            check_count(f"flow.{name}", getattr(self, name), least, most)
        check_count("flow.bins", self.bins, 0, MOST_BINS)
        if self.bins == 1:
            raise InputError("flow.bins", "is 1", "give 0 for none, or at least 2")
        if self.classes is not None:
            check_count("flow.classes", self.classes, 1, _MOST_SIZE)

    def shapes(self) -> dict[str, Any]:
        """The parameters as ``jax.ShapeDtypeStruct`` leaves."""
        number = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.float32)
        nets = []
        for layer in range(self.layers):
            moved, kept = (len(v) for v in self._halves(layer))
            given = kept + (self.classes or 0)
            out = moved * (2 + spline_numbers(self.bins))
            nets.append(
                {
                    "w1": number(given, self.width),
                    "b1": number(self.width),
                    "w2": number(self.width, self.width),
                    "b2": number(self.width),
                    "w3": number(self.width + given, out),  # the input goes to the end too: linear maps need no net
                    "b3": number(out),
                }
            )
        rows = (self.classes or 1, self.size)
        return {"layers": nets, "log_scale": number(*rows), "shift": number(*rows)}

    def init(self, key: Array) -> dict[str, Any]:
        """Parameters of the identity: random inner weights, zeros at the end of each net."""
        shapes = self.shapes()
        params = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        for number, net in enumerate(params["layers"]):
            keys = jax.random.split(jax.random.fold_in(key, number), 2)
            for name, own in zip(("w1", "w2"), keys, strict=True):
                rows = net[name].shape[0]
                net[name] = jax.random.normal(own, net[name].shape) / math.sqrt(max(1, rows))
        return params

    def forward(self, params: dict[str, Any], x: Array, labels: Array | None = None) -> tuple[Array, Array]:
        """The map.

        Args:
          params: Parameters as :meth:`init` makes them.
          x: ``(batch, size)``.
          labels: ``(batch,)`` classes, where the map depends on them.

        Returns:
          The images ``(batch, size)`` and the log of the volume change ``(batch,)``.
        """
        given, log_det = self._one_hot(labels), jnp.zeros(x.shape[0], x.dtype)
        for layer, net in enumerate(params["layers"]):
            moved, kept = self._halves(layer)
            if not len(moved):
                continue
            part, log_scale, shift, raw = x[:, moved], *self._numbers(net, x[:, kept], given)
            if self.bins:
                part, slope = spline(part, raw)
                log_det = log_det + slope.sum(1)
            log_det = log_det + log_scale.sum(1)
            x = self._joined(layer, part * jnp.exp(log_scale) + shift, x[:, kept])
        scale, shift = self._last(params, labels)
        return x * jnp.exp(scale) + shift, log_det + scale.sum(-1)

    def inverse(self, params: dict[str, Any], y: Array, labels: Array | None = None) -> tuple[Array, Array]:
        """The inverse of the map.

        Args:
          params: Parameters as :meth:`init` makes them.
          y: ``(batch, size)``.
          labels: ``(batch,)`` classes, where the map depends on them.

        Returns:
          The points ``(batch, size)`` whose images are y, and the log volume change of the *map* there ``(batch,)``.
        """
        given = self._one_hot(labels)
        scale, shift = self._last(params, labels)
        x, log_det = (y - shift) * jnp.exp(-scale), jnp.zeros(y.shape[0], y.dtype) + scale.sum(-1)
        for layer, net in reversed(list(enumerate(params["layers"]))):
            moved, kept = self._halves(layer)
            if not len(moved):
                continue
            log_scale, shift, raw = self._numbers(net, x[:, kept], given)
            part = (x[:, moved] - shift) * jnp.exp(-log_scale)
            if self.bins:
                part, slope = spline_inverse(part, raw)
                log_det = log_det + slope.sum(1)
            log_det = log_det + log_scale.sum(1)
            x = self._joined(layer, part, x[:, kept])
        return x, log_det

    def _halves(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """The coordinates that a layer moves, and those that it leaves."""
        digits = max(1, (self.size - 1).bit_length())
        moves = (np.arange(self.size) >> (layer // 2 % digits)) % 2 == layer % 2
        return np.flatnonzero(moves), np.flatnonzero(~moves)

    def _joined(self, layer: int, moved: Array, kept: Array) -> Array:
        back = np.argsort(np.concatenate(self._halves(layer)))
        return jnp.concatenate([moved, kept], axis=1)[:, back]

    def _numbers(self, net: dict[str, Array], kept: Array, given: Array | None) -> tuple[Array, Array, Array]:
        """Log scale and shift ``(batch, moved)``, and the splines' raw numbers, from the coordinates that stay."""
        x = kept if given is None else jnp.concatenate([kept, given.astype(kept.dtype)], axis=1)
        h = jax.nn.silu(x @ net["w1"] + net["b1"])
        h = jax.nn.silu(h @ net["w2"] + net["b2"])
        out = jnp.concatenate([h, x], axis=1) @ net["w3"] + net["b3"]
        out = out.reshape(len(kept), -1, 2 + spline_numbers(self.bins))
        return LARGEST * jnp.tanh(out[..., 0] / LARGEST), out[..., 1], out[..., 2:]

    def _last(self, params: dict[str, Any], labels: Array | None) -> tuple[Array, Array]:
        row = 0 if self.classes is None else labels
        return params["log_scale"][row], params["shift"][row]

    def _one_hot(self, labels: Array | None) -> Array | None:
        return None if self.classes is None else jax.nn.one_hot(labels, self.classes)
