r"""What lies between samples, as a pair: for a critic that is to know where straight lines leave the data.

.. math:: \tilde x = G\bigl((1 - t)\,z_a + t\,z_b\bigr), \qquad a, b \text{ uniform over latents},\; t \sim U(0, 1)

A critic of samples alone need not object to what lies on a path: an evidence bound takes a blend of two digits for a
digit. ``dcd.recover`` on this pair makes a critic that does object. Its data are what the generator makes of the same
latents (for real images: their reconstructions); with other data the critic would score the generator's blur instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Sphere, Uniform

from ..checks import check_ends, check_unconditional

__all__ = ["BetweenApply", "between"]


@dataclasses.dataclass(frozen=True)
class BetweenApply:
    """The generator of the module's equation, ``params = {"inner", "latents"}``.

    The first two numbers of each row ``(u_a, u_b, t)`` in [0, 1] choose two latents; t places the point.

    Attributes:
      inner: The generator that is called.
      sphere: The sphere that points are projected to, or None.
    """

    inner: Callable[..., Array]
    sphere: Sphere | None = None

    def __call__(self, params: Any, u: Array) -> Array:
        """Samples at the points that rows of ``u``, ``(batch, 3)``, choose."""
        latents = params["latents"]
        count = len(latents)
        chosen = jnp.minimum((u[:, :2] * count).astype(jnp.int32), count - 1)
        t = u[:, 2].reshape(-1, *[1] * (latents.ndim - 1))
        z = (1 - t) * latents[chosen[:, 0]] + t * latents[chosen[:, 1]]
        return self.inner(params["inner"], z if self.sphere is None else self.sphere.project(z))


def between(pair: Pair, latents: ArrayLike) -> Pair:
    """A pair whose samples lie on straight lines between latents, with the same critic and without encoder.

    Args:
      pair: An unconditional pair. Points of lines are projected to the sphere where the prior is one.
      latents: Ends of the lines, ``(n, *latent)``.

    Raises:
      InputError: The pair is conditional; there are fewer than two latents; their shape is wrong, a number is not
        finite, or a row lies outside the prior's support.

    Example:
      >>> import jax, pairs
      >>> same = pairs.wrap(lambda p, z: z, None)
      >>> critic = pairs.wrap(lambda p, x: x[:, 0], None)
      >>> pair = pairs.make_pair(same, critic, pairs.Normal((1,)), sample_range=None, critic_kind="energy")
      >>> lines = between(pair, [[2.0], [4.0]])
      >>> x = lines.generate(lines.prior.sample(jax.random.key(0), 1000))
      >>> float(x.min()), float(x.max())
      (2.0, 4.0)
    """
    check_unconditional(pair)
    z = check_ends(pair, "latents", latents)
    if len(z) < 2:
        raise InputError("latents", f"are {len(z)}", "give at least two")
    sphere = pair.prior if isinstance(pair.prior, Sphere) else None
    generator = Net({"inner": pair.generator.params, "latents": z}, BetweenApply(pair.generator.apply, sphere))
    return pair.replace(generator=generator, prior=Uniform((3,), 0.0, 1.0), encoder=None)
