r"""A generator whose samples climb a critic before they are given out.

.. math:: G'(z) = x_K, \qquad x_0 = G(z), \quad x_{k+1} = P(x_k + \eta_k\,\mathrm{clip}(\beta \nabla D(x_k)))

with the projection P on the sample range. It is a noiseless chain in sample space as part of the net: one call, and
differentiable, so that paths of refined samples can be searched. A sample whose next place is not finite rests where it
is. Both nets keep their own architectures.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, build, register
from .affine_score import nested

__all__ = ["AscendingApply", "ascending_generator"]


@dataclasses.dataclass(frozen=True)
class AscendingApply:
    """``params = {"generator", "critic", "steps", "scale"}``, the sizes ``(K,)`` and the factor on the score.

    Attributes:
      generator: ``(params, z, *labels) -> (batch, *sample)``.
      critic: ``(params, x, *labels) -> (batch,)``.
      span: Least and largest number of a sample; None for no projection.
      clip: Bound on each coordinate of the gradient, 0 for none.
    """

    generator: Callable[..., Array]
    critic: Callable[..., Array]
    span: tuple[float, float] | None
    clip: float = 0.0

    def __call__(self, params: Any, z: Array, *labels: Array) -> Array:
        """Samples of ``z``, ``(batch, *sample)``."""
        slope = jax.grad(lambda x: jnp.sum(self.critic(params["critic"], x, *labels)))

        def climb(x: Array, size: Array) -> tuple[Array, None]:
            g = params["scale"] * slope(x)
            new = x + size * (jnp.clip(g, -self.clip, self.clip) if self.clip else g)
            new = new if self.span is None else jnp.clip(new, *self.span)
            fine = jnp.all(jnp.isfinite(new).reshape(len(new), -1), axis=1)
            return jnp.where(fine.reshape(-1, *(1,) * (new.ndim - 1)), new, x), None

        start = self.generator(params["generator"], z, *labels)
        # steps in half precision would be lost; the sizes have the precision of the chain
        return jax.lax.scan(climb, start.astype(params["steps"].dtype), params["steps"])[0]


def ascending_generator(
    generator: Net,
    critic: Net,
    sizes: Sequence[float],
    span: tuple[float, float] | None = None,
    scale: float = 1.0,
    clip: float = 0.0,
) -> Net:
    """The generator with steps up the critic behind it; checkpoints can rebuild it if they can rebuild both nets.

    Args:
      generator: ``(batch, *latent) -> (batch, *sample)``, with labels if the pair is conditional.
      critic: ``(batch, *sample) -> (batch,)``, likewise.
      sizes: Size of each step, as it multiplies the gradient.
      span: Range that samples are clipped to after each step.
      scale: Factor on the score.
      clip: Bound on each coordinate of the scaled gradient, 0 for none.

    Example:
      >>> double, hill = Net(jnp.asarray(2.0), lambda p, z: p * z), Net(None, lambda _, x: -jnp.sum(x**2, axis=1) / 2)
      >>> ascending_generator(double, hill, [0.5, 0.5])(jnp.asarray([[4.0]])).tolist()
      [[2.0]]
    """
    numbers = {"steps": jnp.asarray(sizes, jnp.float32), "scale": jnp.asarray(scale, jnp.float32)}
    params = {"generator": generator.params, "critic": critic.params, **numbers}
    apply = AscendingApply(generator.apply, critic.apply, span, clip)
    if generator.architecture is None or critic.architecture is None:
        return Net(params, apply)
    parts = {"generator": nested(generator.architecture), "critic": nested(critic.architecture)}
    config = Record(**parts, steps=len(sizes), span=None if span is None else list(span), clip=clip)
    return Net(params, apply, Architecture("ascending/generator", config))


@register("ascending/generator")
def _build(config: Record) -> tuple[AscendingApply, Any]:
    values = config.to_dict()
    steps, span, clip = values["steps"], values["span"], values["clip"]
    if type(steps) is not int or not 0 <= steps <= 10**6:
        raise InputError("steps", f"is {steps!r}", "give a whole number of steps")
    bounded = span is None or (isinstance(span, list) and all(isinstance(v, (int, float)) for v in span))
    if not bounded or (span is not None and not (len(span) == 2 and span[0] < span[1])):
        raise InputError("span", f"is {span!r}", "give two rising numbers, or null")
    if not isinstance(clip, (int, float)) or not 0 <= clip < math.inf:
        raise InputError("clip", f"is {clip!r}", "give a number of at least 0")
    nets = {k: build(Architecture(values[k]["name"], Record(values[k]["config"]))) for k in ("generator", "critic")}
    numbers = {"steps": jax.ShapeDtypeStruct((steps,), jnp.float32), "scale": jax.ShapeDtypeStruct((), jnp.float32)}
    template = {**{k: shapes for k, (_, shapes) in nets.items()}, **numbers}
    bounds = None if span is None else (float(span[0]), float(span[1]))
    return AscendingApply(nets["generator"][0], nets["critic"][0], bounds, float(clip)), template
