"""Train the WGAN-GP of :mod:`pairs.gan.wgan_gp` on a set of images: one jitted update, EMA generator."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax.typing import ArrayLike

from ..assembly import make_pair
from ..errors import InputError
from ..fitting import Update, ema_update
from ..priors import Normal
from ..protocol import Pair
from ..record import Record
from .batch_statistics import settled_statistics
from .wgan_gp import Critic, Generator, WganGpConfig, critic_loss, critic_net, generator_loss, generator_net

__all__ = ["WganGpTraining", "WganGpState", "init", "make_update", "to_pair"]


@dataclasses.dataclass(frozen=True)
class WganGpTraining:
    """Settings. ``critic_steps`` critic updates precede each generator update; Adam(b1, 0.9)."""

    model: WganGpConfig = WganGpConfig()
    batch: int = 64
    critic_steps: int = 3
    penalty: float = 10.0
    learning_rate: float = 2e-4
    b1: float = 0.5
    ema: float = 0.999

    def __post_init__(self) -> None:
        for name in ("batch", "critic_steps"):
            if getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise InputError("learning_rate", f"is {self.learning_rate}", "give a finite number above 0")
        if not 0 <= self.ema < 1:
            raise InputError("ema", f"is {self.ema}", "give a decay in [0, 1)")


class WganGpState(NamedTuple):
    """Everything a resumed run needs."""

    generator: Any
    statistics: Any
    critic: Any
    average: Any
    generator_opt: Any
    critic_opt: Any


def _optimizer(settings: WganGpTraining) -> optax.GradientTransformation:
    return optax.adam(settings.learning_rate, b1=settings.b1, b2=0.9)


def _graphs(settings: WganGpTraining) -> tuple[Any, Any]:
    generator = nnx.eval_shape(lambda: Generator(settings.model, rngs=nnx.Rngs(0)))
    critic = nnx.eval_shape(lambda: Critic(settings.model, rngs=nnx.Rngs(0)))
    generator.train()
    return nnx.split(generator, nnx.Param, nnx.BatchStat)[0], nnx.split(critic)[0]


def init(settings: WganGpTraining, key: Array) -> WganGpState:
    """Fresh state."""
    gk, dk = jax.random.split(key)
    _, params, statistics = nnx.split(Generator(settings.model, rngs=nnx.Rngs(gk)), nnx.Param, nnx.BatchStat)
    _, critic = nnx.split(Critic(settings.model, rngs=nnx.Rngs(dk)))
    params, statistics, critic = (nnx.as_pure(s) for s in (params, statistics, critic))
    opt = _optimizer(settings)
    return WganGpState(params, statistics, critic, params, opt.init(params), opt.init(critic))


def make_update(settings: WganGpTraining, images: ArrayLike) -> Update:
    """One generator update after ``critic_steps`` critic updates, as ``update(state, key, step)``.

    ``images``: uint8 ``(n, H, W, C)``; scaled to [-1, 1] in batches, drawn with replacement.
    """
    data = jnp.asarray(images)
    shape = (settings.model.size, settings.model.size, settings.model.channels)
    if data.dtype != jnp.uint8 or data.shape[1:] != shape:
        raise InputError("data", f"holds {data.dtype} images {data.shape[1:]}", f"this model takes uint8 {shape}")
    update = _compiled_update(settings)
    return lambda state, key, step: update(state, key, data)


@functools.lru_cache(maxsize=4)
def _compiled_update(settings: WganGpTraining) -> Callable[..., Any]:
    """``update(state, key, data)``, one for equal settings, so that a run which is taken up compiles nothing again."""
    generator_graph, critic_graph = _graphs(settings)
    opt = _optimizer(settings)

    def generate(params: Any, statistics: Any, z: Array) -> tuple[Array, Any]:
        model = nnx.merge(generator_graph, params, statistics)
        x = model(z)
        return x, nnx.as_pure(nnx.state(model, nnx.BatchStat))

    def score(params: Any) -> Any:
        return lambda x: nnx.merge(critic_graph, params)(x)

    @jax.value_and_grad
    def critic_gradient(params: Any, real: Array, fake: Array, key: Array) -> Array:
        return critic_loss(score(params), real, fake, key, settings.penalty)

    @jax.jit
    def update(state: WganGpState, key: Array, data: Array) -> tuple[WganGpState, dict[str, Array]]:
        latent = (settings.batch, settings.model.latent)
        critic, critic_opt, loss = state.critic, state.critic_opt, jnp.zeros(())
        for i in range(settings.critic_steps):
            rk, zk, pk = jax.random.split(jax.random.fold_in(key, i), 3)
            rows = jax.random.randint(rk, (settings.batch,), 0, data.shape[0])
            real = data[rows].astype(jnp.float32) / 127.5 - 1.0
            fake, _ = generate(state.generator, state.statistics, jax.random.normal(zk, latent))
            loss, grads = critic_gradient(critic, real, fake, pk)
            delta, critic_opt = opt.update(grads, critic_opt, critic)
            critic = optax.apply_updates(critic, delta)
        z = jax.random.normal(jax.random.fold_in(key, settings.critic_steps), latent)

        def objective(params: Any) -> tuple[Array, Any]:
            fake, statistics = generate(params, state.statistics, z)
            return generator_loss(score(critic), fake), statistics

        (g_loss, statistics), grads = jax.value_and_grad(objective, has_aux=True)(state.generator)
        delta, generator_opt = opt.update(grads, state.generator_opt, state.generator)
        params = optax.apply_updates(state.generator, delta)
        average = ema_update(state.average, params, settings.ema)
        new = WganGpState(params, statistics, critic, average, generator_opt, critic_opt)
        return new, {"critic_loss": loss, "generator_loss": g_loss}

    return update


def to_pair(settings: WganGpTraining, state: WganGpState, key: Array, record: Record | None = None) -> Pair:
    """The averaged generator with fresh BatchNorm statistics, and the critic as it stands."""
    graph, latent = _graphs(settings)[0], settings.model.latent
    statistics = settled_statistics(graph, state.average, state.statistics, latent, key)
    generator = Generator(settings.model, rngs=nnx.Rngs(0))
    critic = Critic(settings.model, rngs=nnx.Rngs(0))
    nnx.update(generator, state.average, statistics)
    nnx.update(critic, state.critic)
    return make_pair(
        generator_net(generator, settings.model),
        critic_net(critic, settings.model),
        Normal((settings.model.latent,)),
        sample_range=(-1.0, 1.0),
        critic_kind="wasserstein",
        record=record,
    )


def preview(pair: Pair, n: int = 64, seed: int = 0) -> np.ndarray:
    """A few samples as float images in [-1, 1], for a grid during training."""
    return np.asarray(jax.jit(pair.generate)(pair.prior.sample(jax.random.key(seed), n)))
