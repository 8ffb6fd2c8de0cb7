"""Operations of one gradient evaluation: all matrix products and convolutions in the traced gradient.

Two are counted for each product of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from pairs import Pair

__all__ = ["equations", "gradient_operations"]


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

    traced = jax.make_jaxpr(jax.value_and_grad(score))(given, label)
    return sum(times * _operations(equation) for equation, times in equations(traced.jaxpr)) / batch


def equations(program: Any) -> Iterator[tuple[Any, int]]:
    """The equations of a traced program that call no other program, and how often each is run.

    Args:
      program: A jaxpr; those of loops and compiled functions within it are gone through, a loop of unknown length once.
    """
    for equation in program.eqns:
        values = [getattr(value, "jaxpr", value) for value in equation.params.values()]
        within = [value for value in values if hasattr(value, "eqns")]
        if not within:
            yield equation, 1
        times = equation.params.get("length", 1)
        for inner in within:
            yield from ((deeper, times * count) for deeper, count in equations(inner))


def _operations(equation: Any) -> float:
    """Operations of one equation; 0 for all but products and convolutions."""
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2.0 * math.prod(shape[i] for i in contracted) * math.prod(equation.outvars[0].aval.shape)
    if equation.primitive.name == "conv_general_dilated":
        kernel, spec = equation.invars[1].aval.shape, equation.params["dimension_numbers"].rhs_spec
        zeros = math.prod(equation.params["lhs_dilation"])  # products with the zeros between inputs are left out
        return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) / kernel[spec[0]] / zeros
    return 0.0
