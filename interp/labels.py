r"""Paths of conditional pairs as paths of unconditional ones: within a class, and from one class to another.

Within a class the label is fixed, :math:`G(\cdot, y)`. From class to class the label becomes part of the latent,

.. math:: w = (z, c), \qquad G'(w) = G\bigl(z, [c]_+ / \textstyle\sum_k [c_k]_+\bigr),

for a generator that takes shares of classes, which mix the rows of its embedding. The prior of w is a class mixture
with the unit vectors as means of c. A pair whose latent already tells the class, as label codes do, needs no c.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import ClassMixture, InputError, Net, NoCritic, Normal, Pair
from pairs.checks import check_count

__all__ = ["FixedLabel", "MixedLabel", "between_classes", "within_class"]

_SPREAD = 1e-2  # standard deviation of label codes around the unit vectors
_REMEDY = "leave --to-label out, or give a pair whose generator is a list of layers with embed or one_hot"


@dataclasses.dataclass(frozen=True)
class FixedLabel:
    """A net of a conditional pair with its label fixed, ``params = {"inner", "label"}``.

    Attributes:
      inner: The net, ``(params, rows, labels)``.
    """

    inner: Callable[..., Array]

    def __call__(self, params: Any, rows: Array) -> Array:
        """The net on rows, all with the label."""
        return self.inner(params["inner"], rows, jnp.full((len(rows),), params["label"], jnp.int32))


@dataclasses.dataclass(frozen=True)
class MixedLabel:
    """The generator of the module's equation.

    Attributes:
      inner: The conditional generator.
      shape: Shape of z.
    """

    inner: Callable[..., Array]
    shape: tuple[int, ...]

    def __call__(self, params: Any, w: Array) -> Array:
        """Samples of rows ``w``, ``(batch, size of z + classes)``."""
        size = int(np.prod(self.shape))
        shares = jnp.maximum(w[:, size:], 0) + 1e-6
        shares = shares / jnp.sum(shares, axis=1, keepdims=True)
        return self.inner(params, w[:, :size].reshape(-1, *self.shape), shares)


def within_class(pair: Pair, label: int) -> Pair:
    """The unconditional pair of one class: generator, critic and encoder with the label fixed.

    Args:
      pair: A conditional pair.
      label: The class.

    Raises:
      InputError: The pair is unconditional or has no such class.

    Example:
      >>> import pairs
      >>> net = pairs.wrap(lambda p, z, c: z + c[:, None]), pairs.wrap(lambda p, x, c: x[:, 0] - c)
      >>> pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy", classes=3)
      >>> within_class(pair, 2).generate(jnp.zeros((1, 2))).tolist()
      [[2.0, 2.0]]
    """
    _check(pair, "label", label)
    fix = lambda net: (
        None if net is None else Net({"inner": net.params, "label": jnp.int32(label)}, FixedLabel(net.apply))
    )
    critic = fix(pair.critic) if pair.has_critic else pair.critic
    prior = pair.prior
    if isinstance(prior, ClassMixture):
        means, scales = prior.means[label][None], prior.scales[label][None]
        prior = ClassMixture(prior.shape, means, scales, jnp.ones((1,)))
    return pair.replace(
        generator=fix(pair.generator), critic=critic, prior=prior, encoder=fix(pair.encoder), classes=None
    )


def between_classes(pair: Pair) -> Pair:
    """The unconditional pair whose latents hold the label, without critic and encoder.

    Args:
      pair: A conditional pair whose prior is normal or a class mixture.

    Returns:
      A pair with flat latents and the prior of the module's class mixture; with labels, that prior draws ends of a
      class: ``found.prior.sample(key, n, labels)``. A pair whose generator does not read the label and whose prior is a
      class mixture keeps its latents.

    Raises:
      InputError: The pair is unconditional, has another prior, or its generator takes whole labels only.

    Example:
      >>> import pairs
      >>> mixed = lambda p, z, c: z + (c if c.ndim == 2 else jax.nn.one_hot(c, 2))
      >>> net = pairs.wrap(mixed), pairs.wrap(lambda p, x, c: x[:, 0])
      >>> pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy", classes=2)
      >>> x = between_classes(pair).generate(jnp.asarray([[0.0, 0.0, 0.5, 0.5]]))
      >>> x.round(3).tolist()
      [[0.5, 0.5]]
    """
    _check(pair, "label", 0)
    classes = pair.classes or 0
    z = pair.prior.sample(jax.random.key(0), 2, jnp.arange(2) % classes)
    bare = pair.replace(critic=Net((), NoCritic()), encoder=None, classes=None)
    if isinstance(pair.prior, ClassMixture) and _ignores_labels(pair, z):
        fixed = within_class(pair, 0)
        return bare.replace(generator=fixed.generator)
    if isinstance(pair.prior, ClassMixture):
        means, scales = (v.reshape(classes, -1) for v in (pair.prior.means, pair.prior.scales))
    elif isinstance(pair.prior, Normal):
        size = pair.prior.size
        means, scales = jnp.zeros((classes, size)), jnp.full((classes, size), pair.prior.scale)
    else:
        problem = f"has a '{pair.prior.kind}' prior"
        raise InputError("pair", problem, "paths from class to class need a normal or class-mixture prior")
    _check_mixes(pair, z)
    codes = jnp.eye(classes)
    prior = ClassMixture(
        (means.shape[1] + classes,),
        jnp.concatenate([means, codes], axis=1),
        jnp.concatenate([scales, jnp.full_like(codes, _SPREAD)], axis=1),
        jnp.full((classes,), 1 / classes),
    )
    generator = Net(pair.generator.params, MixedLabel(pair.generator.apply, pair.prior.shape))
    return bare.replace(generator=generator, prior=prior)


def _check(pair: Pair, field: str, label: int) -> None:
    if pair.classes is None:
        raise InputError(field, "is given for an unconditional pair", "leave it out")
    check_count(field, label, 0)
    if label >= pair.classes:
        raise InputError(field, f"is {label} for {pair.classes} classes", f"give 0 to {pair.classes - 1}")


def _ignores_labels(pair: Pair, z: Array) -> bool:
    first, last = (pair.generate(z, jnp.full((len(z),), k, jnp.int32)) for k in (0, (pair.classes or 1) - 1))
    return bool(jnp.array_equal(first, last))


def _check_mixes(pair: Pair, z: Array) -> None:
    """Refuse a generator that does not make of unit shares what it makes of the label."""
    classes = pair.classes or 1
    labels = jnp.arange(len(z)) % classes
    whole = pair.generate(z, labels)
    try:
        shares = pair.generate(z, jax.nn.one_hot(labels, classes))
        same = shares.shape == whole.shape and bool(jnp.allclose(shares, whole, atol=1e-3))
    except Exception:  # whatever a net of whole labels raises
        same = False
    if not same:
        raise InputError("--to-label", "is given for a generator that takes whole labels only", _REMEDY)
