"""The feature net inside a critic: what enters its last linear map.

A critic is ``head . body`` with a linear head. The output of the body is a feature space in which the critic measures
realism. It is found in the traced program, not in module names: it is the input of the last matrix product or
convolution. Of a sum of critics, those of all parts are taken, since the last product of a sum has the scores alone.
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
from pairs.heads.affine_score import AffineApply
from pairs.heads.on_features import FeatureCriticApply, standardised
from pairs.heads.sum_of_scores import SumApply

__all__ = ["AdaptedFeatures", "Penultimate", "critic_features"]

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


@dataclasses.dataclass(frozen=True)
class AdaptedFeatures:
    """``(params, x) -> (batch, features)`` of a critic that is rescaled, stands on features, or is a sum of such.

    Attributes:
      inner: The critic, ``(params, x) -> (batch,)``.
    """

    inner: Callable[..., Array]

    def __call__(self, params: Any, x: Array) -> Array:
        """Features ``(batch, features)`` of samples ``x``."""
        return _features(self.inner, params, x)


def _features(critic: Callable[..., Array], params: Any, x: Array) -> Array:
    if isinstance(critic, AffineApply):
        return _features(critic.inner, params["inner"], x)
    if isinstance(critic, SumApply):
        return jnp.concatenate([_features(c, p, x) for c, p in zip(critic.parts, params["parts"], strict=True)], axis=1)
    if isinstance(critic, FeatureCriticApply):
        phi = critic.features(params["features"], x)
        return _features(critic.head, params["head"], standardised(phi, params["center"], params["spread"]))
    return Penultimate(critic)(params, x)


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
    net = Net(pair.critic.params, AdaptedFeatures(pair.critic.apply))
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    shape = jax.eval_shape(net, x).shape
    if shape[0] != 2:
        raise InputError("critic", f"has features of shape {shape}", "give a feature net of your own")
    return net
