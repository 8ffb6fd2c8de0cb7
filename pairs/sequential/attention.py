r"""Self-attention over the pixels of an image.

With queries :math:`q`, keys :math:`k` and values :math:`v`, all 1x1 convolutions of x,

.. math:: y_i = x_i + \gamma\, O \sum_j \mathrm{softmax}_j(q_i^\top k_j)\, v_j,

O the identity or one more 1x1 convolution. With ``pool``, keys and values are pooled 2x2 by their maximum.

References:
  Zhang et al. (2019), arXiv:1805.08318, section 3; Brock et al. (2019), arXiv:1809.11096, for ``pool`` and O.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from .layers import Layer, Params, Shape, image, positive
from .pooling import MaxPool

__all__ = ["SelfAttention"]


@dataclasses.dataclass(frozen=True)
class SelfAttention(Layer, kind="self_attention"):
    """SAGAN's attention: the formula above.

    Attributes:
      query: Channels of queries and keys; an eighth of the input's by default.
      value: Channels of the values; those of the input by default.
      bias: The convolutions have biases.
      output: The convolution O is there.
      pool: Keys and values are pooled.
      parts: Names of query, key, value (and O) below the module's prefix, where they are not
        ``query_conv, key_conv, value_conv`` or ``theta, phi, g, o``.
    """

    query: int | None = None
    value: int | None = None
    bias: bool = True
    output: bool = False
    pool: bool = False
    parts: Names | None = None
    import_only = ("name", "share", "parts")

    def _widths(self, channels: int) -> tuple[int, int]:
        return self.query or channels // 8, self.value or channels

    def out_shape(self, shape: Shape) -> Shape:
        """The same."""
        height, width, channels = image(shape)
        query, value = self._widths(channels)
        positive(query=query, value=value)
        if not self.output and value != channels:
            raise ValueError(f"adds {value} channels to {channels}: set output = true, or leave value out")
        if self.pool and (height % 2 or width % 2):
            raise ValueError(f"pools sides {(height, width)} in twos: they must be even")
        return shape

    def param_shapes(self, shape: Shape) -> Params:
        """Kernel (and bias) of each convolution, and the gain."""
        channels = shape[-1]
        query, value = self._widths(channels)
        ends = {"query": query, "key": query, "value": value}
        shapes: Params = {f"{n}_kernel": (channels, m) for n, m in ends.items()}
        shapes |= {f"{n}_bias": (m,) for n, m in ends.items() if self.bias}
        if self.output:
            shapes |= {"output_kernel": (value, channels), **({"output_bias": (channels,)} if self.bias else {})}
        return {**shapes, "gain": ()}

    def fan_in(self, name: str, shape: Shape) -> float:
        """Channels."""
        return shape[-1]

    def __call__(self, p: Params, x: Array) -> Array:
        """The formula above."""
        q, k, v = (self._mix(p, x, name) for name in ("query", "key", "value"))
        if self.pool:
            k, v = (MaxPool(2)({}, h) for h in (k, v))
        flat = lambda h: h.reshape(h.shape[0], -1, h.shape[-1])
        weights = jax.nn.softmax(jnp.einsum("bic,bjc->bij", flat(q), flat(k)), axis=-1)
        y = (weights @ flat(v)).reshape(*x.shape[:-1], -1)
        return x + p["gain"] * (self._mix(p, y, "output") if self.output else y)

    def _mix(self, p: Params, x: Array, name: str) -> Array:
        y = x @ p[f"{name}_kernel"]
        return y + p[f"{name}_bias"] if self.bias else y


Names = tuple[str, ...]
