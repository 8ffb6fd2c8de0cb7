"""The feature net inside a critic: what enters its last linear map.

A critic is ``head . body`` with a linear head. The output of the body is a feature space in which the critic measures
realism. It is found in the traced program, not in module names: it is the input of the last matrix product or
convolution.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend import core

from pairs import InputError, Net, Pair

__all__ = ["critic_features", "Penultimate"]

_LINEAR = ("dot_general", "conv_general_dilated")


@dataclasses.dataclass(frozen=True)
class Penultimate:
    """``(params, x) -> (batch, features)``: the program of a critic, cut before its last linear map.

    Attributes:
      inner: The critic, ``(params, x) -> (batch,)``.
    """

    inner: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        """Features ``(batch, features)`` of samples ``x``."""
        closed = jax.make_jaxpr(self.inner)(params, x)
        jaxpr = closed.jaxpr
        inputs = set(jaxpr.invars[: len(jax.tree.leaves(params))])
        last = [i for i, e in enumerate(jaxpr.eqns) if e.primitive.name in _LINEAR]
        if not last:
            raise InputError("critic", "has no linear last layer at its top level", "give a feature net of your own")
        eqn = jaxpr.eqns[last[-1]]
        sides = [v for v in eqn.invars if v not in inputs]
        data = next((v for v in sides if getattr(v.aval, "shape", (0,))[:1] == (x.shape[0],)), sides[0])
        cut = jaxpr.replace(eqns=jaxpr.eqns[: last[-1]], outvars=[data], debug_info=None)
        out = core.jaxpr_as_fun(core.ClosedJaxpr(cut, closed.consts))(*jax.tree.leaves(params), x)[0]
        return out.reshape(x.shape[0], -1)


def critic_features(pair: Pair) -> Net:
    """The critic's penultimate layer as a feature net, ``(batch, *sample) -> (batch, features)``.

    Raises:
      InputError: The critic is conditional, or its last linear map cannot be found.

    Example:
      >>> import pairs
      >>> critic = pairs.wrap(lambda w, x: jnp.tanh(x @ w[0]) @ w[1], (jnp.ones((2, 5)), jnp.ones(5)))
      >>> flat = pairs.wrap(lambda p, z: z, None)
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> critic_features(pair)(jnp.zeros((3, 2))).shape
      (3, 5)
    """
    if pair.classes:
        raise InputError("features", "of a conditional critic depend on the label", "give a feature net of your own")
    net = Net(pair.critic.params, Penultimate(pair.critic.apply))
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    shape = jax.eval_shape(net, x).shape
    if shape[0] != 2:
        raise InputError("critic", f"has features of shape {shape}", "give a feature net of your own")
    return net
