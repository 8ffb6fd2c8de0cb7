r"""Collaborative sampling: refine the activations at an inner layer of the generator (AAAI 2020).

With the generator cut into :math:`G = t \circ h`, ascend :math:`\log\sigma(D)` from :math:`u_0 = h(z)`:

.. math:: u' = u + \eta\,\sigma(-D(t(u)))\,\nabla_u D(t(u))

and keep of each sample the step with the highest score. There is no noise and no prior: the layers that follow and the
small number of steps keep the samples near the generator's. A step costs F_t + F_D + B_D + B_t, where t is the tail
alone. The released code also offers momentum and Adam in place of the plain step, and ends with an independence
Metropolis chain (:func:`dcd.mh_gan`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Net, Normal, Pair
from pairs.batches import apply_net
from pairs.checks import check_count
from pairs.sequential.spec import SequentialApply, infer_shapes, sequential_net

from .chain import advance, start
from .rows import take_rows
from .settings import Langevin
from .starts import latents_of

__all__ = ["Collaborative", "collaborative", "split_generator"]


class Collaborative(NamedTuple):
    """Samples before and after; arrays are numpy and lead with n.

    Attributes:
      before: The generator's samples.
      after: Each sample at its best step.
      activations: The activations that the tail of the generator made ``after`` from.
      best_step: Number of the best step, 0 where no step scored higher than the start.
      scores: Critic's scores, ``(steps + 1, n)``, the start's first.
      stopped: Whether a chain met NaN or infinity.
    """

    before: np.ndarray
    after: np.ndarray
    activations: np.ndarray
    best_step: np.ndarray
    scores: np.ndarray
    stopped: np.ndarray


def split_generator(pair: Pair, layer: int) -> tuple[Net, Net]:
    """The first ``layer`` layers of a sequential generator and the rest, as two nets.

    Args:
      pair: Its generator is a list of layers.
      layer: Number of layers before the cut.

    Returns:
      Head and tail, whose composition is the generator.

    Raises:
      InputError: A generator that is not a list of layers, or no such layer.
    """
    net = pair.generator
    if not isinstance(net.apply, SequentialApply):
        raise InputError("generator", "is not a list of layers", "import it as 'sequential', or refine latents instead")
    layers = net.apply.layers
    check_count("layer", layer, 1, len(layers) - 1)
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

    Args:
      pair: An unconditional pair whose critic is a discriminator's logit, of any scale.
      layer: Number of layers before the cut.
      key: Typed key; starts are those of :func:`dcd.refine` with the same key.
      n: Number of samples.
      steps: Number of steps.
      step_size: :math:`\eta`; the released code has 0.1 with Adam.
      batch: Chains that run side by side.
      first_index: Global number of the first sample.

    Returns:
      Samples before and after.

    Raises:
      InputError: A generator that cannot be cut there, a conditional pair, or settings out of range.

    References:
      Liu, Kothari and Alahi, Collaborative Sampling in Generative Adversarial Networks, AAAI 2020, arXiv 1902.00813.
    """
    check_count("n", n, 1)
    check_count("batch", batch, 1)
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
        u = apply_net(head, latents_of(pair, key, index))
        state = start(inner, config, u, index)
        best, top, scores = u, state.at.score, [state.at.score]
        for step in range(steps):
            state, info = advance(inner, config, key, state, step, step + 1)
            best, top = _better(best, top, state.position, state.at.score)
            scores.append(info.score[0])
        scored = np.stack([np.asarray(s) for s in scores])
        parts = apply_net(tail, u), apply_net(tail, best), best, scored.argmax(axis=0), scored.T, state.stopped
        pieces.append([np.asarray(p)[:keep] for p in parts])
    before, after, activations, step, scores, stopped = (np.concatenate(p) for p in zip(*pieces, strict=True))
    return Collaborative(before, after, activations, step, scores.T, stopped)


@jax.jit
def _better(best: Array, top: Array, new: Array, score: Array) -> tuple[Array, Array]:
    return take_rows(score > top, new, best), jnp.maximum(score, top)
