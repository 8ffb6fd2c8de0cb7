"""One update of a critic's recovery, compiled."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Prior
from pairs.augment import shift_images

from .architectures import Frame
from .held_out import draw_samples
from .losses import Loss, log_mean_exp, score_loss, segment_penalty, slopes
from .recovery_settings import Recover
from .spectral_caps import Cap, capped, refresh

__all__ = ["Frozen", "Numbers", "State", "Structure", "compile_settings", "recovery_update", "views"]

ADAM = optax.scale_by_adam(b1=0.0, b2=0.9)


class Structure(NamedTuple):
    """What shapes the compiled update; numbers travel as :class:`Numbers`, so changing them compiles nothing."""

    loss: Loss
    batch: int
    r1: bool
    r2: bool
    segments: bool
    noisy: bool
    shift: int
    classes: int | None


class Numbers(NamedTuple):
    """Settings that are arguments of the compiled update."""

    r1: ArrayLike
    r2: ArrayLike
    segments: ArrayLike
    target: ArrayLike
    learning_rate: ArrayLike
    ema: ArrayLike
    noise: ArrayLike
    noise_fall: ArrayLike
    """Noise lost per update."""


class State(NamedTuple):
    """What an update changes."""

    trained: dict[str, Array]
    caps: dict[str, Cap]
    adam: Any
    average: dict[str, Array]
    log_normaliser: Array


class Frozen(NamedTuple):
    """Inputs of every update that none of them returns."""

    generator: Net
    prior: Prior
    kept: dict[str, Any]
    real: Array
    labels: Array | None


def views(x: Array, key: Array, shift: int, noise: ArrayLike, noisy: bool) -> Array:
    """Augmented, noisy copies of a batch."""
    move, add = jax.random.split(key)
    x = shift_images(move, x, shift)
    return x + noise * jax.random.normal(add, x.shape) if noisy else x


@functools.partial(jax.jit, static_argnames=("frame", "structure"), donate_argnames=("state",))
def recovery_update(
    state: State,
    key: Array,
    step: Array,
    frozen: Frozen,
    numbers: Numbers,
    frame: Frame,
    structure: Structure,
) -> tuple[State, dict[str, Array]]:
    """One step of Adam on the loss and penalties of :func:`dcd.recover`, and of the average of the weights."""
    rows_key, fake_key, real_view, fake_view, segment_key = jax.random.split(key, 5)
    rows = jax.random.randint(rows_key, (structure.batch,), 0, frozen.real.shape[0])
    real, real_labels = frozen.real[rows], () if frozen.labels is None else (frozen.labels[rows],)
    fake, fake_labels = draw_samples(frozen.generator, frozen.prior, fake_key, structure.batch, structure.classes)
    noise = numbers.noise - numbers.noise_fall * step
    real = views(real, real_view, structure.shift, noise, structure.noisy)
    fake = views(fake, fake_view, structure.shift, noise, structure.noisy)
    caps = refresh(state.trained, state.caps)

    def objective(trained: dict[str, Array]) -> tuple[Array, tuple[Array, Array]]:
        trained = capped(trained, caps)
        on_real = frame.critic(trained, frozen.kept, *real_labels)
        on_fake = frame.critic(trained, frozen.kept, *fake_labels)
        total = jnp.zeros(())
        if structure.r1:
            d_real, square = slopes(on_real, real)
            total += 0.5 * numbers.r1 * jnp.mean(square)
        else:
            d_real = on_real(real)
        if structure.r2:
            d_fake, square = slopes(on_fake, fake)
            total += 0.5 * numbers.r2 * jnp.mean(square)
        else:
            d_fake = on_fake(fake)
        if structure.segments:
            # a conditional critic is penalised under the real samples' labels
            total += numbers.segments * segment_penalty(on_real, real, fake, segment_key, numbers.target)
        log_normaliser = state.log_normaliser
        if structure.loss == "kale":
            now = jax.lax.stop_gradient(log_mean_exp(d_fake))
            log_normaliser = jnp.where(
                step == 0, now, jnp.logaddexp(jnp.log(0.95) + log_normaliser, jnp.log(0.05) + now)
            )
        loss = score_loss(structure.loss, d_real, d_fake, log_normaliser)
        return loss + total, (loss, log_normaliser)

    grads, (loss, log_normaliser) = jax.grad(objective, has_aux=True)(state.trained)
    delta, adam = ADAM.update(grads, state.adam, state.trained)
    trained = jax.tree.map(lambda w, d: w - numbers.learning_rate * d, state.trained, delta)
    # a short memory at first: the start is not worth averaging
    decay = jnp.minimum(numbers.ema, (1.0 + step) / (10.0 + step))
    average = jax.tree.map(lambda a, v: decay * a + (1.0 - decay) * v, state.average, capped(trained, caps))
    return State(trained, caps, adam, average, log_normaliser), {"loss": loss}


def compile_settings(settings: Recover, classes: int | None) -> tuple[Structure, Numbers]:
    """Settings, split into what compiles and what does not."""
    structure = Structure(
        "wgan" if settings.loss == "wgan-gp" else settings.loss,
        settings.batch,
        bool(settings.r1),
        bool(settings.r2),
        bool(settings.gradient_penalty),
        settings.instance_noise > 0,
        settings.shift,
        classes,
    )
    fall = settings.instance_noise / settings.steps if settings.noise_decay else 0.0
    numbers = Numbers(
        settings.r1 or 0.0,
        settings.r2 or 0.0,
        settings.gradient_penalty or 0.0,
        settings.penalty_target or 0.0,
        settings.learning_rate,
        settings.ema,
        settings.instance_noise,
        fall,
    )
    return structure, numbers
