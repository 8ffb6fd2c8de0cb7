r"""Random views of images for training without labels: changes that leave an image what it is.

A view zooms, stretches and shifts an image and changes its brightness and contrast a little. With a matrix of
bilinear weights for each axis of each image, zoom and shift are one product :math:`W_h\, x\, W_w^\top`. Nothing is
mirrored or turned, since a mirrored digit is another sign, and there is no noise and no blur: a net that ignored them
could not judge generators, whose samples are noisy or blurred.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["random_view"]


def _weights(n: int, scale: Array, shift: Array) -> Array:
    """``(batch, n, n)`` bilinear weights that read place ``(i - c) * scale + c + shift``, held at the borders."""
    centre = (n - 1) / 2
    place = (jnp.arange(n) - centre) * scale[:, None] + centre + shift[:, None] * n
    place = jnp.clip(place, 0, n - 1)
    return jnp.maximum(0, 1 - jnp.abs(place[:, :, None] - jnp.arange(n)))


def random_view(key: Array, x: Array, zoom: float = 0.2, shift: float = 0.1, light: float = 0.2) -> Array:
    """A random view of each image.

    Args:
      key: decides the view.
      x: float images ``(batch, H, W, C)`` of 0 to 255.
      zoom: bound on the logarithm of the zoom; the two axes differ by half as much.
      shift: bound on the shift, as a share of the side.
      light: bound on the logarithm of the change of contrast, and on the change of brightness as a share of 127.

    Returns:
      Images of the same shape and range.
    """
    keys, batch = jax.random.split(key, 5), len(x)
    draw = lambda k, bound: jax.random.uniform(k, (batch,), minval=-bound, maxval=bound)
    size, stretch = jnp.exp(draw(keys[0], zoom)), jnp.exp(draw(keys[1], zoom / 2))
    down, right = jax.random.uniform(keys[2], (2, batch), minval=-shift, maxval=shift)
    x = jnp.einsum("bij,bjwc->biwc", _weights(x.shape[1], size * stretch, down), x)
    x = jnp.einsum("bij,bhjc->bhic", _weights(x.shape[2], size / stretch, right), x)
    contrast, brightness = jnp.exp(draw(keys[3], light)), 127 * draw(keys[4], light)
    return jnp.clip(x * contrast[:, None, None, None] + brightness[:, None, None, None], 0, 255)
