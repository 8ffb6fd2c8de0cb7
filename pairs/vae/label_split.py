r"""Label-relevant and label-irrelevant codes (arXiv 1812.09502): two encoders, one decoder, an adversary on the style.

:math:`z_s = E_s(x)` is a point, :math:`z_u \sim q(z_u|x) = N(\mu_u, e^{\lambda_u})`. Class c has a Gaussian with
mean :math:`\mu_c` and precision :math:`\Lambda_c = \mathrm{softplus}(v_c)` (the released code calls it a covariance):

.. math::
   d_c &= \tfrac12 \sum_j \Lambda_{cj} (z_{s,j} - \mu_{cj})^2, \quad
   \ell_c = -(1 + a\,[c = y])\,d_c + \tfrac12 \sum_j \log \Lambda_{cj} \\
   L_{cls} &= \mathrm{CE}(\mathrm{softmax}\,\ell, y), \quad L_{lkd} = d_y - \tfrac12 \sum_j \log \Lambda_{yj}, \quad
   L_{GM} = L_{cls} + \lambda L_{lkd} \\
   L_C &= \mathrm{CE}(C(z_u), y), \quad L_E^{adv} = \mathrm{CE}(C(z_u), \text{uniform})

One update: ``gm_steps`` batches of :math:`L_{GM}` for :math:`E_s, \mu, v`; ``adversary_steps`` for C; then at once, all
gradients at the same parameters, :math:`w_r L_{rec} + w_k \mathrm{KL} + L_E^{adv} + h\,\mathrm{HSIC}(\mu_u, y)` for
:math:`E_u`, :math:`w_r L_{rec} + r L_{cls}(E_s(G(z_s, \tilde z_u)))` with :math:`\tilde z_u \sim N(0, I)` for G,
:math:`w_r L_{rec} + w_r \lambda L_{lkd}` for :math:`E_s`. :math:`L_{rec}` is a mean over pixels, KL a sum over
coordinates. Learned precisions lag far behind the codes in short runs, so the pair's prior is refitted in closed form.

Additions to the paper (without them: :data:`PAPER`): shifted images for :math:`L_{GM}`, which teach the label better;
:math:`\lambda = 1` for 0.1, since tighter classes in :math:`z_s` leave style to :math:`z_u`; the term with r, the
decoder's part of what the published pixel discriminator does for codes that were never encoded together. Off by
default: the HSIC penalty, and an adversary that sees :math:`\mu_u` (``adversary_on``); against the adversary on draws
alone the mean keeps most of the label.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..assembly import make_pair
from ..augment import shift_images
from ..fitting import Job, Update
from ..protocol import Pair
from ..record import Record
from .label_codes import class_prior, critic_net, encoder_net, refit_class_gaussians
from .label_split_losses import adversary_loss, joint_loss
from .label_split_settings import PAPER, LabelSplit, Nets
from .losses import draw_posterior, label_losses, split_posterior, squared_error
from .nets import decoder_net
from .train import apply_gradient, as_data, draw_images, in_batches, to_float

__all__ = [
    "PAPER",
    "LabelSplit",
    "LabelSplitState",
    "init",
    "job",
    "make_update",
    "to_pair",
]


class LabelSplitState(NamedTuple):
    """Everything that a resumed run needs.

    Attributes:
      nets: Parameters.
      gm_opt: Optimiser of the label encoder, the means and v.
      adversary_opt: Optimiser of the adversary.
      label_opt: Optimiser of the label encoder in the joint step.
      joint_opt: Optimiser of the style encoder and the decoder.
    """

    nets: Nets
    gm_opt: Any
    adversary_opt: Any
    label_opt: Any
    joint_opt: Any


def init(settings: LabelSplit, key: Array) -> LabelSplitState:
    """Fresh state; precisions start at 1."""
    keys = jax.random.split(key, 5)
    label, style = settings.label_encoder.init(keys[0]), settings.model.encoder.init(keys[1])
    decoder, adversary = settings.decoder.init(keys[2]), settings.adversary.init(keys[3])
    shape, opt = (settings.classes, settings.label_width), settings.optimizer
    means = jax.random.normal(keys[4], shape) * (2 / sum(shape)) ** 0.5
    nets = Nets(label, style, decoder, adversary, means, jnp.full(shape, 0.5413))
    return LabelSplitState(
        nets, opt.init((label, means, nets.raw)), opt.init(adversary), opt.init(label), opt.init((style, decoder))
    )


def make_update(settings: LabelSplit, images: ArrayLike, labels: ArrayLike | None) -> Update:
    """One round as ``update(state, key, step)``; images uint8 ``(n, H, W, C)`` with labels ``(n,)``."""
    data = as_data(images, settings.model.sample_shape, labels, settings.classes)
    update = _compiled_update(settings)
    return lambda state, key, step: update(state, key, data)


@functools.lru_cache(maxsize=4)
def _compiled_update(settings: LabelSplit) -> Callable[..., Any]:
    """``update(state, key, data)``, one for equal settings, so that a run which is taken up compiles nothing again."""
    opt, span = settings.optimizer, settings.model.sample_range or (-1.0, 1.0)

    def gm_loss(part: Any, x: Array, y: Array) -> tuple[Array, Array]:
        label, means, raw = part
        classify, likelihood = label_losses(settings.label_encoder(label, x), means, raw, y, settings.margin)
        return jnp.mean(classify + settings.likelihood * likelihood), jnp.mean(classify)

    @jax.jit
    def update(state: LabelSplitState, key: Array, data: Any) -> tuple[LabelSplitState, dict[str, Array]]:
        nets, gm_opt, adversary_opt, label_opt, joint_opt = state

        def gm_turn(i: Array, carry: Any) -> Any:
            part, gm_opt, _ = carry
            turn_key = jax.random.fold_in(key, i)
            x, y = draw_images(turn_key, data, settings.batch, span)
            x = shift_images(jax.random.fold_in(turn_key, 1), x, settings.shift)
            gradient, classify = jax.grad(gm_loss, has_aux=True)(part, x, y)
            return *apply_gradient(opt, gradient, gm_opt, part), classify

        def adversary_turn(i: Array, carry: Any) -> Any:
            adversary, adversary_opt = carry
            data_key, noise_key = jax.random.split(jax.random.fold_in(key, 100 + i))
            x, y = draw_images(data_key, data, settings.batch, span)
            mean, log_var = split_posterior(settings.model.encoder(nets.style, x))
            draw = draw_posterior(noise_key, mean, log_var)
            gradient = jax.grad(adversary_loss, argnums=1)(settings, adversary, mean, draw, y)
            return apply_gradient(opt, gradient, adversary_opt, adversary)

        part, gm_opt, classify = jax.lax.fori_loop(
            0, settings.gm_steps, gm_turn, ((nets.label, nets.means, nets.raw), gm_opt, jnp.zeros(()))
        )
        adversary, adversary_opt = jax.lax.fori_loop(
            0, settings.adversary_steps - 1, adversary_turn, (nets.adversary, adversary_opt)
        )
        nets = nets._replace(label=part[0], means=part[1], raw=part[2], adversary=adversary)
        x, y = draw_images(jax.random.fold_in(key, settings.gm_steps - 1), data, settings.batch, span)  # the last batch
        noise_key = jax.random.fold_in(key, 200)
        gradient, figures = jax.grad(joint_loss, argnums=1, has_aux=True)(settings, nets, x, y, noise_key)
        label, label_opt = apply_gradient(opt, gradient.label, label_opt, nets.label)
        adversary, adversary_opt = apply_gradient(opt, gradient.adversary, adversary_opt, nets.adversary)
        moved, joint_opt = apply_gradient(opt, gradient[1:3], joint_opt, (nets.style, nets.decoder))
        nets = Nets(label, moved[0], moved[1], adversary, nets.means, nets.raw)
        state = LabelSplitState(nets, gm_opt, adversary_opt, label_opt, joint_opt)
        return state, {"classify": classify, **figures}

    return update


@functools.lru_cache(maxsize=4)
def _compiled_codes(settings: LabelSplit) -> Callable[..., Any]:
    """``(nets, rows) -> (label codes, squared errors)``, one for equal settings."""

    @jax.jit
    def observe(nets: Nets, rows: Array) -> tuple[Array, Array]:
        model = settings.model
        x = to_float(rows, model.sample_range or (-1.0, 1.0))
        code = settings.label_encoder(nets.label, x)
        mean, _ = split_posterior(model.encoder(nets.style, x))
        return code, squared_error(x, settings.decoder(nets.decoder, jnp.concatenate([code, mean], axis=1)))

    return observe


def to_pair(
    settings: LabelSplit,
    state: LabelSplitState,
    images: ArrayLike,
    labels: ArrayLike | None,
    record: Record | None = None,
) -> Pair:
    """The conditional pair; class Gaussians and the critic's reconstruction weight are refitted on the data."""
    nets, model = state.nets, settings.model
    data = as_data(images, model.sample_shape, labels, settings.classes)
    codes, errors = in_batches(_compiled_codes(settings), nets, data.images)
    assert data.labels is not None
    gaussians = refit_class_gaussians(codes, data.labels, settings.classes)
    parts = {"label": nets.label, "style": nets.style}
    critic = {**parts, "decoder": nets.decoder, "means": gaussians.means, "scales": gaussians.scales}
    critic["rec"] = 0.5 * model.size / jnp.mean(errors)  # one over twice the residual variance per pixel
    return make_pair(
        decoder_net(settings.decoder, nets.decoder),
        critic_net(settings.label_encoder, model.encoder, settings.decoder, settings.classes, critic),
        class_prior(gaussians, model.latent),
        sample_range=model.sample_range,
        critic_kind="energy",
        classes=settings.classes,
        encoder=encoder_net(settings.label_encoder, model.encoder, parts),
        record=record,
    )


def job(settings: LabelSplit, images: ArrayLike, labels: ArrayLike | None) -> Job:
    """Training as :func:`checkpoints.train` runs it."""
    make = lambda: make_update(settings, images, labels)
    finish = lambda state, key, record: to_pair(settings, state, images, labels, record)
    return Job("label-vae", settings, lambda key: init(settings, key), make, finish)
