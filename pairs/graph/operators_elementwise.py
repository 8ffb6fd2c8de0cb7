r"""Operators that treat every element by itself.

.. math:: y_i = f(x_i), \qquad y_i = f(x_i, x'_i, \dots)

with numpy's broadcasting. Integer division truncates towards zero, as in ONNX.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .operators import Node, elementwise

__all__ = []

_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


def _unary(name: str, function: Callable[..., Any]) -> None:
    """``function`` takes the namespace and the array."""
    elementwise(name)(lambda node, xp, x: function(xp, x))


def _softplus(xp: Any, x: Any) -> Any:
    return xp.logaddexp(x, xp.zeros((), x.dtype))


for _name, _function in {
    "Abs": lambda xp, x: xp.abs(x),
    "Atan": lambda xp, x: xp.arctan(x),
    "Ceil": lambda xp, x: xp.ceil(x),
    "Cos": lambda xp, x: xp.cos(x),
    "Erf": lambda xp, x: jax.scipy.special.erf(x),
    "Exp": lambda xp, x: xp.exp(x),
    "Floor": lambda xp, x: xp.floor(x),
    "HardSwish": lambda xp, x: x * xp.clip(x / 6 + 0.5, 0, 1),
    "Identity": lambda xp, x: x,
    "Log": lambda xp, x: xp.log(x),
    "Mish": lambda xp, x: x * xp.tanh(_softplus(xp, x)),
    "Neg": lambda xp, x: -x,
    "Not": lambda xp, x: xp.logical_not(x),
    "Reciprocal": lambda xp, x: 1 / x,
    "Relu": lambda xp, x: jax.nn.relu(x) if xp is jnp else np.maximum(x, 0),
    "Round": lambda xp, x: xp.round(x),
    "Sigmoid": lambda xp, x: jax.nn.sigmoid(x),
    "Sign": lambda xp, x: xp.sign(x),
    "Sin": lambda xp, x: xp.sin(x),
    "Softplus": _softplus,
    "Softsign": lambda xp, x: x / (1 + xp.abs(x)),
    "Sqrt": lambda xp, x: xp.sqrt(x),
    "Tanh": lambda xp, x: xp.tanh(x),
}.items():
    _unary(_name, _function)


def _divide(xp: Any, x: Any, y: Any) -> Any:
    if np.issubdtype(x.dtype, np.integer) and np.issubdtype(y.dtype, np.integer):
        return xp.sign(x) * xp.sign(y) * (xp.abs(x) // xp.abs(y))
    return x / y


def _power(xp: Any, x: Any, y: Any) -> Any:
    """A whole exponent that is known becomes a product, whose derivative is exact for negative bases."""
    if xp is jnp and isinstance(y, (np.ndarray, np.generic)) and y.size == 1 and np.ndim(y) <= x.ndim:
        exponent = float(y.item())
        if exponent.is_integer() and abs(exponent) <= 64 and np.issubdtype(x.dtype, np.floating):
            return jax.lax.integer_pow(x, int(exponent))
    return xp.power(x, y).astype(x.dtype)


for _name, _function in {
    "Add": lambda xp, x, y: x + y,
    "And": lambda xp, x, y: xp.logical_and(x, y),
    "Div": _divide,
    "Equal": lambda xp, x, y: xp.equal(x, y),
    "Greater": lambda xp, x, y: xp.greater(x, y),
    "GreaterOrEqual": lambda xp, x, y: xp.greater_equal(x, y),
    "Less": lambda xp, x, y: xp.less(x, y),
    "LessOrEqual": lambda xp, x, y: xp.less_equal(x, y),
    "Mul": lambda xp, x, y: x * y,
    "Or": lambda xp, x, y: xp.logical_or(x, y),
    "PRelu": lambda xp, x, y: xp.where(x >= 0, x, y * x),
    "Pow": _power,
    "Sub": lambda xp, x, y: x - y,
    "Xor": lambda xp, x, y: xp.logical_xor(x, y),
}.items():
    elementwise(_name, inputs=(2, 2))(lambda node, xp, x, y, _function=_function: _function(xp, x, y))

for _name, _function in {
    "Max": lambda xp, x, y: xp.maximum(x, y),
    "Min": lambda xp, x, y: xp.minimum(x, y),
    "Sum": lambda xp, x, y: x + y,
}.items():
    elementwise(_name, inputs=(1, 0))(
        lambda node, xp, *x, _function=_function: functools.reduce(functools.partial(_function, xp), x)
    )


@elementwise("Mean", inputs=(1, 0))
def _mean(node: Node, xp: Any, *x: Any) -> Any:
    return functools.reduce(lambda a, b: a + b, x) / len(x)


@elementwise("Where", inputs=(3, 3))
def _where(node: Node, xp: Any, condition: Any, x: Any, y: Any) -> Any:
    return xp.where(condition, x, y)


@elementwise("Clip", inputs=(1, 3))
def _clip(node: Node, xp: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


@elementwise("Celu", "alpha")
def _celu(node: Node, xp: Any, x: Any) -> Any:
    alpha = node.get("alpha", 1.0)
    return xp.maximum(x, 0) + xp.minimum(alpha * xp.expm1(xp.minimum(x, 0) / alpha), 0)


@elementwise("Elu", "alpha")
def _elu(node: Node, xp: Any, x: Any) -> Any:
    return xp.where(x > 0, x, node.get("alpha", 1.0) * xp.expm1(xp.minimum(x, 0)))


@elementwise("Gelu", "approximate")
def _gelu(node: Node, xp: Any, x: Any) -> Any:
    return jax.nn.gelu(x, approximate=node.get("approximate", "none") == "tanh")


@elementwise("HardSigmoid", "alpha beta")
def _hard_sigmoid(node: Node, xp: Any, x: Any) -> Any:
    return xp.clip(node.get("alpha", 0.2) * x + node.get("beta", 0.5), 0, 1)


@elementwise("LeakyRelu", "alpha")
def _leaky_relu(node: Node, xp: Any, x: Any) -> Any:
    return xp.where(x >= 0, x, node.get("alpha", 0.01) * x)


@elementwise("Selu", "alpha gamma")
def _selu(node: Node, xp: Any, x: Any) -> Any:
    alpha, gamma = node.get("alpha", _SELU[0]), node.get("gamma", _SELU[1])
    return gamma * xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))


@elementwise("Swish", "alpha")
def _swish(node: Node, xp: Any, x: Any) -> Any:
    return x * jax.nn.sigmoid(node.get("alpha", 1.0) * x)


@elementwise("ThresholdedRelu", "alpha")
def _thresholded_relu(node: Node, xp: Any, x: Any) -> Any:
    return xp.where(x > node.get("alpha", 1.0), x, xp.zeros((), x.dtype))


@elementwise("Mod", "fmod", inputs=(2, 2))
def _mod(node: Node, xp: Any, x: Any, y: Any) -> Any:
    return xp.fmod(x, y) if node.get("fmod", 0) else xp.mod(x, y)
