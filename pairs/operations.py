r"""Traced programs: their equations, and the operations of a function as it is written.

A product of matrices takes two operations for every product of two numbers, a convolution of C input channels

.. math:: 2\,B\,C_{\mathrm{out}}\,\frac{C}{g} \prod_d k_d \min(\mathrm{out}_d, \mathrm{in}_d)

for B samples, g groups and :math:`k_d` taps in dimension d. Taps on the padding are counted, zeros between the inputs
of a transposed convolution are not, so that a convolution that is written as a product of matrices has the same count,
and the count of a net does not depend on the machine. Elementwise work is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

__all__ = ["equations", "operations"]


def operations(function: Callable[..., Any], *args: Any, turns: float | None = None) -> float | None:
    """Operations of the products and convolutions of one call. Nothing is compiled or run.

    Args:
      function: What JAX can trace.
      args: Arrays, or ``jax.ShapeDtypeStruct`` in their place.
      turns: What a loop counts whose number of turns is unknown.

    Returns:
      The number; None where such a loop holds products and ``turns`` is not given.

    Example:
      >>> import jax.numpy as jnp
      >>> operations(jnp.matmul, jnp.ones((2, 3)), jnp.ones((3, 4)))
      48.0
    """
    return _sum(jax.make_jaxpr(function)(*args).jaxpr, turns)


def equations(program: Jaxpr) -> Iterator[tuple[JaxprEqn, int]]:
    """The equations of a traced program that call no other program, and how often each is run.

    Args:
      program: A jaxpr; those within it are gone through, a loop of unknown length once, and all branches.
    """
    for equation in program.eqns:
        within = list(_inside(equation.params.values()))
        if not within:
            yield equation, 1
        times = equation.params.get("length", 1)
        for inner in within:
            yield from ((deeper, times * count) for deeper, count in equations(inner))


def _sum(jaxpr: Jaxpr, turns: float | None) -> float | None:
    total = 0.0
    for equation in jaxpr.eqns:
        found = _one(equation, turns)
        if found is None:
            return None
        total += found
    return total


def _one(equation: JaxprEqn, turns: float | None) -> float | None:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        left = _shape(equation.invars[0])
        return 2.0 * math.prod(_shape(equation.outvars[0])) * math.prod(left[d] for d in contracted)
    if name == "conv_general_dilated":
        return _convolution(equation)
    inner = [_sum(jaxpr, turns) for jaxpr in _inside(params.values())]
    if not any(v != 0 for v in inner):
        return 0.0
    known = [v for v in inner if v is not None]
    times = {"while": turns, "scan": params.get("length", 1)}.get(name, 1.0)
    if times is None or len(known) < len(inner):
        return None
    return max(known) if name == "cond" else times * sum(known)


def _convolution(equation: JaxprEqn) -> float:
    form = equation.params["dimension_numbers"]
    left, right = map(_shape, equation.invars)
    out = _shape(equation.outvars[0])
    rows = zip(form.lhs_spec[2:], form.rhs_spec[2:], form.out_spec[2:], strict=True)
    taps = math.prod(right[k] * min(out[o], left[i]) for i, k, o in rows)
    # the kernel's input channels are those of one group already
    return 2.0 * out[form.out_spec[0]] * out[form.out_spec[1]] * right[form.rhs_spec[1]] * taps


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _inside(values: Any) -> Iterator[Jaxpr]:
    for value in values:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _inside(value)
