r"""What a method spends per sample, in one unit: the gradient of the critic behind the generator.

Let :math:`F_G, F_D` be the operations of one forward pass of the generator and of the critic for one sample, and
:math:`E` those of one gradient of :math:`D(G(z))` in z. A method that makes g such gradients, p gradients of the critic
in the sample, a forward passes of the generator, b of the critic and f passes of a flow costs

.. math:: g + p\,E_D / E + a\,F_G / E + b\,F_D / E + f\,F_f / E

gradient evaluations. Operations are those of the matrix products and convolutions of the traced functions
(:mod:`pairs.operations`): counted, not timed, so that a cost does not depend on the machine. For frozen nets a
backward pass costs what the forward pass does, so that a candidate of a selection, which passes both nets, costs half a
gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dcd.amortisation.amortised_pair import amortised_chain, flow_of, original_pair
from dcd.amortisation.objective import chart_law, log_weights
from pairs import InputError, Pair
from pairs.operations import operations

__all__ = ["Passes", "Prices", "flow_operations", "prices"]

_BATCH = 2


class Passes(NamedTuple):
    """Passes per sample.

    Attributes:
      gradients: Gradients of the critic behind the generator, in the latent.
      critic_gradients: Gradients of the critic alone, in the sample.
      generators: Forward passes of the generator that belong to no gradient.
      critics: Forward passes of the critic that belong to no gradient.
      flows: Forward passes of a flow.
    """

    gradients: float = 0.0
    critic_gradients: float = 0.0
    generators: float = 0.0
    critics: float = 0.0
    flows: float = 0.0

    def __add__(self, other: object) -> Passes:
        """The sum of two."""
        if not isinstance(other, Passes):
            return NotImplemented
        return Passes(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, count: float) -> Passes:
        """So many of these."""
        return Passes(*(count * a for a in self))


class Prices(NamedTuple):
    """What each of the :class:`Passes` costs, in gradient evaluations.

    Attributes:
      gradient: 1 on the pair that sets the unit.
      critic_gradient: Of the critic alone.
      generator: Forward.
      critic: Forward.
      flow: Forward; 0 for a pair without a flow.
      operations: Operations of the unit, for one sample.
    """

    gradient: float
    critic_gradient: float
    generator: float
    critic: float
    flow: float
    operations: float

    def cost(self, passes: Passes) -> float:
        """Gradient evaluations that the passes are worth.

        Example:
          >>> Prices(1.0, 0.5, 0.25, 0.25, 0.0, 80.0).cost(Passes(gradients=3, generators=1))
          3.25
        """
        return float(sum(a * b for a, b in zip(passes, self[:5], strict=True)))


def prices(pair: Pair, unit: float | None = None) -> Prices:
    """Count the operations of a pair's nets; they are traced, not run.

    Args:
      pair: Generator and critic.
      unit: Operations that cost 1; those of the gradient of this pair by default.

    Raises:
      InputError: The nets hold no matrix product and no convolution, or a loop of unknown length.

    Example:
      >>> import pairs
      >>> linear = pairs.wrap(lambda p, z: z @ p, jnp.ones((3, 5)))
      >>> critic = pairs.wrap(lambda p, x: (x @ p)[:, 0], jnp.ones((5, 1)))
      >>> pair = pairs.make_pair(linear, critic, pairs.Normal((3,)), sample_range=None, critic_kind="logit")
      >>> prices(pair)
      Prices(gradient=1.0, critic_gradient=0.25, generator=0.375, critic=0.125, flow=0.0, operations=80.0)
    """
    dtype = jnp.zeros(()).dtype
    z = jax.ShapeDtypeStruct((_BATCH, *pair.prior.shape), dtype)
    x = jax.ShapeDtypeStruct((_BATCH, *pair.sample_shape), dtype)
    c = None if pair.classes is None else jax.ShapeDtypeStruct((_BATCH,), jnp.int32)
    behind = jax.value_and_grad(lambda z, c: jnp.sum(pair.score(pair.generate(z, c), c)))
    alone = jax.value_and_grad(lambda x, c: jnp.sum(pair.score(x, c)))
    counted = (
        operations(behind, z, c),
        operations(alone, x, c),
        operations(pair.generate, z, c),
        operations(pair.score, x, c),
    )
    known = [v / _BATCH for v in counted if v is not None]
    if len(known) < len(counted) or not known[0]:
        problem = "has nets whose operations cannot be counted (no products, or a loop of unknown length)"
        raise InputError("pair", problem, "give a pair of matrix products and convolutions")
    unit = known[0] if unit is None else unit
    gradient, critic_gradient, generator, critic = (v / unit for v in known)
    return Prices(gradient, critic_gradient, generator, critic, 0.0, unit)


def flow_operations(fast: Pair) -> float:
    """Operations of the flow alone, for one sample of a pair that :func:`dcd.amortise` made."""
    flow, params, _ = flow_of(fast)
    before = original_pair(fast)
    law = chart_law(before, fast.prior, amortised_chain(fast))
    u = jax.ShapeDtypeStruct((_BATCH, *fast.prior.shape), jnp.zeros(()).dtype)
    c = None if fast.classes is None else jax.ShapeDtypeStruct((_BATCH,), jnp.int32)
    whole = operations(lambda u, c: log_weights(law.labelled(c), flow, params, u)[0], u, c)
    nets = operations(lambda z, c: before.score(before.generate(z, c), c), u, c)
    return ((whole or 0.0) - (nets or 0.0)) / _BATCH
