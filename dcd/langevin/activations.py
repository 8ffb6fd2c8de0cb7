r"""Collaborative sampling: refine the activations at an inner layer of the generator (AAAI 2020).

With the generator cut into :math:`G = t \circ h`, ascend :math:`\log\sigma(D)` from :math:`u_0 = h(z)`:

.. math:: u' = u + \eta\,\sigma(-D(t(u)))\,\nabla_u D(t(u))

and keep of each sample the step with the highest score. No noise, no prior: what keeps samples near
the generator's is the layers still to come, and few steps. Cost F_t + F_D + B_D + B_t per step, with
the tail t alone. The released code also offers momentum and Adam in place of the plain step, and
ends with an independence Metropolis chain (:func:`dcd.mh_gan`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Net, Normal, Pair
from pairs.sequential.spec import SequentialApply, infer_shapes, sequential_net

from .chain import advance, start
from .settings import Langevin
from .starts import latents_of

__all__ = ["Collaborative", "collaborative", "split_generator"]


class Collaborative(NamedTuple):
    """Samples before and after, numpy with leading axis n."""

    before: np.ndarray
    after: np.ndarray
    """Each sample at its best step."""
    activations: np.ndarray
    """What the tail of the generator made ``after`` from."""
    best_step: np.ndarray
    """0 where no step scored higher than the start."""
    scores: np.ndarray
    """Critic's scores, ``(steps + 1, n)``, the start's first."""
    stopped: np.ndarray
    """Chains that met NaN or infinity."""


def split_generator(pair: Pair, layer: int) -> tuple[Net, Net]:
    """The first ``layer`` layers of a sequential generator and the rest, as two nets.

    Raises:
      InputError: a generator that is not a list of layers, or no such layer.
    """
    net = pair.generator
    if not isinstance(net.apply, SequentialApply):
        raise InputError("generator", "is not a list of layers", "import it as 'sequential', or refine latents instead")
    layers = net.apply.layers
    if isinstance(layer, bool) or not isinstance(layer, int) or not 0 < layer < len(layers):
        raise InputError("layer", f"is {layer!r}", f"give 1 to {len(layers) - 1}, the number of layers before the cut")
    shapes = infer_shapes(layers, pair.prior.shape)
    head = sequential_net(layers[:layer], net.params[:layer], pair.prior.shape)
    return head, sequential_net(layers[layer:], net.params[layer:], shapes[layer])


def collaborative(
    pair: Pair,
    layer: int,
    key: Array,
    n: int,
    *,
    steps: int = 50,
    step_size: float = 0.1,
    batch: int = 64,
    first_index: int = 0,
) -> Collaborative:
    r"""Draw ``n`` samples and refine them after ``layer`` layers of the generator.

    The critic is a discriminator's logit (any scale). Starts are those of :func:`dcd.refine` with the same key.

    Args:
      step_size: :math:`\eta`; the released code has 0.1 with Adam.

    Raises:
      InputError: a generator that cannot be cut there, a conditional pair, settings out of range.
    """
    for name, value in (("n", n), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(name, f"is {value!r}", "give at least 1")
    if pair.classes is not None:
        raise InputError("pair", "is conditional", "refine its latents instead")
    head, tail = split_generator(pair, layer)
    config = Langevin(
        "latent", steps, step_size, temperature=0.0, divergence="logd", project=False, preset="collaborative"
    )
    shape = jax.eval_shape(head, jax.ShapeDtypeStruct((1, *pair.prior.shape), jnp.float32)).shape[1:]
    # activations take the place of latents; their prior has weight 0 and only says their shape
    inner = pair.replace(generator=tail, prior=Normal(shape))
    pieces = []
    for low in range(0, n, batch):
        index, keep = jnp.arange(low, low + batch) + first_index, min(batch, n - low)
        u = _call(head, latents_of(pair, key, index))
        state = start(inner, config, u, index)
        best, top, scores = u, state.at.score, [state.at.score]
        for step in range(steps):
            state, info = advance(inner, config, key, state, step, step + 1)
            best, top = _better(best, top, state.position, state.at.score)
            scores.append(info.score[0])
        scored = np.stack([np.asarray(s) for s in scores])
        parts = (_call(tail, u), _call(tail, best), best, scored.argmax(axis=0), scored.T, state.stopped)
        pieces.append([np.asarray(p)[:keep] for p in parts])
    before, after, activations, step, scores, stopped = (np.concatenate(p) for p in zip(*pieces, strict=True))
    return Collaborative(before, after, activations, step, scores.T, stopped)


_call = jax.jit(lambda net, x: net(x))


@jax.jit
def _better(best: Array, top: Array, new: Array, score: Array) -> tuple[Array, Array]:
    higher = (score > top).reshape(-1, *(1,) * (new.ndim - 1))
    return jnp.where(higher, new, best), jnp.maximum(score, top)
