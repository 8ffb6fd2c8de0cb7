r"""How long a chain will take, told before it starts: operations of its gradients against the speed of this device.

A gradient evaluation of one sample takes F operations: those of all matrix products and convolutions in the traced
gradient, two for each product of numbers. With the rate R of a large matrix product on this device, n samples of T
steps take about

.. math:: n\,T\,F / (0.3\,R)

seconds. The share 0.3 lies between what small convolutions and large dense layers reach on a CPU, so that the estimate
is good to a factor of two or so; compilation comes on top.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from pairs import Pair

__all__ = ["gradient_operations", "programs_within", "rough_time", "seconds_of"]

SHARE = 0.3
"""Part of the rate of a large matrix product at which chains run."""
_SIDE, _TURNS = 1024, 5


def gradient_operations(pair: Pair, space: str = "latent") -> float:
    """Operations of one gradient evaluation of one sample; the nets are traced, not run.

    Args:
      pair: Generator and critic; one without a critic counts its generator alone.
      space: ``latent`` for the gradient through both nets, ``pixel`` for that of the critic alone.

    Example:
      >>> import pairs
      >>> linear = pairs.wrap(lambda p, z: z @ p, jnp.ones((3, 5)))
      >>> critic = pairs.wrap(lambda p, x: (x @ p)[:, 0], jnp.ones((5, 1)))
      >>> pair = pairs.make_pair(linear, critic, pairs.Normal((3,)), sample_range=None, critic_kind="logit")
      >>> gradient_operations(pair)  # 2 (15 + 5) forward, as many backward to the latent
      80.0
    """
    batch = 2
    label = None if pair.classes is None else jax.ShapeDtypeStruct((batch,), jnp.int32)
    critic = pair.score if pair.has_critic else lambda x, c: x
    shape = pair.sample_shape if space == "pixel" else pair.prior.shape
    given = jax.ShapeDtypeStruct((batch, *shape), jnp.zeros(()).dtype)

    def score(x: Any, c: Any) -> Any:
        return jnp.sum(critic(x if space == "pixel" else pair.generate(x, c), c))

    return sum(_operations(jax.make_jaxpr(jax.value_and_grad(score))(given, label).jaxpr)) / batch


def _operations(program: Any) -> Iterator[float]:
    for equation in program.eqns:
        within = programs_within(equation)
        if within:
            times = equation.params.get("length", 1)
            yield from (times * count for inner in within for count in _operations(inner))
        elif equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            yield 2.0 * math.prod(shape[i] for i in contracted) * math.prod(equation.outvars[0].aval.shape)
        elif equation.primitive.name == "conv_general_dilated":
            kernel, spec = equation.invars[1].aval.shape, equation.params["dimension_numbers"].rhs_spec
            zeros = math.prod(equation.params["lhs_dilation"])  # products with the zeros between inputs are skipped
            yield 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) / kernel[spec[0]] / zeros


def programs_within(equation: Any) -> list[Any]:
    """The traced programs that an equation calls, of a loop or a compiled function."""
    return [getattr(v, "jaxpr", v) for v in equation.params.values() if hasattr(getattr(v, "jaxpr", v), "eqns")]


def seconds_of(operations: float) -> float:
    """Seconds that so many operations of chains take on this device, measured by a matrix product at this moment."""
    a = jnp.ones((_SIDE, _SIDE), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    best = math.inf
    for _ in range(_TURNS):
        began = time.perf_counter()
        product(a).block_until_ready()
        best = min(best, time.perf_counter() - began)
    return operations / (SHARE * 2 * _SIDE**3 / best)


def rough_time(seconds: float) -> str:
    """Seconds in words, with the precision that an estimate has.

    Example:
      >>> rough_time(3), rough_time(28), rough_time(47), rough_time(200), rough_time(9000), rough_time(1e6)
      ('a few seconds', '30 seconds', 'a minute', '3 minutes', '2 hours', '12 days')
    """
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 0.7 * size:
            count = max(1, round(seconds / size))
            return f"{count:,} {name}s" if count > 1 else f"{'an' if name == 'hour' else 'a'} {name}"
    return f"{round(seconds, -1):.0f} seconds" if seconds >= 8 else "a few seconds"
