r"""Train the spectrally normalised GAN of :mod:`pairs.gan.sngan` with the hinge loss: one jitted update, EMA generator.

With real x, fake :math:`\tilde x = G(z)` and D divided by its spectral norms,

.. math::
   L_D = \mathbb{E}\,(1 - D(x))_+ + \mathbb{E}\,(1 + D(\tilde x))_+, \qquad L_G = -\mathbb{E}\,D(\tilde x) .

Adam with b1 = 0, b2 = 0.9; the rate falls linearly to 0 over ``decay_steps`` generator updates. Weights, moments and
averages are float32; ``compute`` is the type of the activations.

References:
  Miyato et al. (2018), arXiv:1802.05957.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array, lax
from jax.typing import ArrayLike

from ..assembly import make_pair
from ..errors import InputError
from ..fitting import Update, ema_update
from ..priors import Normal
from ..protocol import Pair
from ..record import Record
from .batch_statistics import settled_statistics
from .sngan import SnganConfig, SnganCritic, SnganGenerator, sngan_critic_net, sngan_generator_net
from .spectral_norm import divided, first_vectors

__all__ = ["SnganState", "SnganTraining", "init", "make_update", "to_pair"]

Compute = Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class SnganTraining:
    """Settings.

    Attributes:
      model: Sizes of the nets.
      batch: Real images, and fakes, of a critic update; the generator's update takes twice as many fakes.
      critic_steps: Critic updates before each generator update.
      learning_rate: Of both optimisers, at the start.
      decay_steps: Generator updates over which the rate falls to 0; 0 keeps it.
      ema: Decay of the averaged generator.
      mirror: Whether half of the real images are mirrored: for things and faces, not for digits.
      compute: Type of the activations.

    Raises:
      InputError: A value is out of range; the error names the field.
    """

    model: SnganConfig = SnganConfig()
    batch: int = 64
    critic_steps: int = 5
    learning_rate: float = 2e-4
    decay_steps: int = 0
    ema: float = 0.999
    mirror: bool = False
    compute: Compute = "float32"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, least in (("batch", 1), ("critic_steps", 1), ("decay_steps", 0)):
            if getattr(self, name) < least:
                raise InputError(name, f"is {getattr(self, name)}", f"give at least {least}")
        if not 0 < self.learning_rate < math.inf:
            raise InputError("learning_rate", f"is {self.learning_rate}", "give a finite number above 0")
        if not 0 <= self.ema < 1:
            raise InputError("ema", f"is {self.ema}", "give a decay in [0, 1)")
        if self.compute not in get_args(Compute):
            raise InputError("compute", f"is {self.compute!r}", f"use one of {', '.join(get_args(Compute))}")


class SnganState(NamedTuple):
    """Everything a resumed run needs; ``vectors`` are those of the critic's spectral norms."""

    generator: Any
    statistics: Any
    critic: Any
    vectors: Any
    average: Any
    generator_opt: Any
    critic_opt: Any


def _optimizer(settings: SnganTraining, updates: int) -> optax.GradientTransformation:
    """Adam whose rate falls over ``decay_steps`` times ``updates`` of its own updates."""
    rate: Any = settings.learning_rate
    if settings.decay_steps:
        rate = optax.linear_schedule(rate, 0.0, settings.decay_steps * updates)
    return optax.adam(rate, b1=0.0, b2=0.9)


def _graphs(settings: SnganTraining, compute: str) -> tuple[Any, Any]:
    dtype = jnp.dtype(compute)
    generator = nnx.eval_shape(lambda: SnganGenerator(settings.model, rngs=nnx.Rngs(0), dtype=dtype))
    critic = nnx.eval_shape(lambda: SnganCritic(settings.model, rngs=nnx.Rngs(0)))
    generator.train()
    return nnx.split(generator, nnx.Param, nnx.BatchStat)[0], nnx.split(critic)[0]


def init(settings: SnganTraining, key: Array) -> SnganState:
    """Fresh state."""
    gk, dk, vk = jax.random.split(key, 3)
    _, params, statistics = nnx.split(SnganGenerator(settings.model, rngs=nnx.Rngs(gk)), nnx.Param, nnx.BatchStat)
    _, critic = nnx.split(SnganCritic(settings.model, rngs=nnx.Rngs(dk)))
    params, statistics, critic = (nnx.as_pure(s) for s in (params, statistics, critic))
    opts = _optimizer(settings, 1).init(params), _optimizer(settings, settings.critic_steps).init(critic)
    return SnganState(params, statistics, critic, first_vectors(critic, vk), params, *opts)


def make_update(settings: SnganTraining, images: ArrayLike) -> Update:
    """Make one generator update after ``critic_steps`` critic updates, ``update(state, key, step)``.

    Args:
      settings: Of the run.
      images: uint8 ``(n, H, W, C)``; scaled to [-1, 1] in batches, drawn with replacement.

    Raises:
      InputError: The images have another type or shape than the model.
    """
    data = jnp.asarray(images)
    shape = (settings.model.size, settings.model.size, settings.model.channels)
    if data.dtype != jnp.uint8 or data.shape[1:] != shape:
        raise InputError("data", f"holds {data.dtype} images {data.shape[1:]}", f"this model takes uint8 {shape}")
    update = _compiled_update(settings)
    return lambda state, key, step: update(state, key, data)


@functools.lru_cache(maxsize=4)
def _compiled_update(settings: SnganTraining) -> Callable[..., Any]:
    """``update(state, key, data)``, one for equal settings, so that a run which is taken up compiles nothing again."""
    generator_graph, critic_graph = _graphs(settings, settings.compute)
    generator_opt, critic_opt = _optimizer(settings, 1), _optimizer(settings, settings.critic_steps)
    dtype = jnp.dtype(settings.compute)
    low = lambda tree: jax.tree.map(lambda v: v.astype(dtype), tree)

    def generate(params: Any, statistics: Any, z: Array) -> tuple[Array, Any]:
        model = nnx.merge(generator_graph, low(params), statistics)
        return model(z.astype(dtype)), nnx.as_pure(nnx.state(model, nnx.BatchStat))

    def score(params: Any, x: Array) -> Array:
        return nnx.merge(critic_graph, low(params))(x.astype(dtype)).astype(jnp.float32)

    def critic_loss(params: Any, vectors: Any, real: Array, fake: Array) -> tuple[Array, Any]:
        unit, vectors = divided(params, vectors)
        d = score(unit, jnp.concatenate([real.astype(dtype), fake]))
        d, other = jnp.split(d, 2)
        return jnp.mean(nnx.relu(1.0 - d)) + jnp.mean(nnx.relu(1.0 + other)), vectors

    @jax.jit
    def update(state: SnganState, key: Array, data: Array) -> tuple[SnganState, dict[str, Array]]:
        latent = settings.model.latent

        def advance(carry: Any, key: Array) -> tuple[Any, Array]:
            critic, vectors, opt = carry
            rk, mk, zk = jax.random.split(key, 3)
            rows = jax.random.randint(rk, (settings.batch,), 0, data.shape[0])
            real = data[rows].astype(jnp.float32) / 127.5 - 1.0
            if settings.mirror:
                turned = jax.random.bernoulli(mk, 0.5, (settings.batch, 1, 1, 1))
                real = jnp.where(turned, real[:, :, ::-1], real)
            fake, _ = generate(state.generator, state.statistics, jax.random.normal(zk, (settings.batch, latent)))
            (loss, vectors), grads = jax.value_and_grad(critic_loss, has_aux=True)(critic, vectors, real, fake)
            delta, opt = critic_opt.update(grads, opt, critic)
            return (optax.apply_updates(critic, delta), vectors, opt), loss

        keys = jax.random.split(key, settings.critic_steps + 1)
        begin = (state.critic, state.vectors, state.critic_opt)
        (critic, vectors, d_opt), losses = lax.scan(advance, begin, keys[1:])
        unit, _ = divided(critic, vectors, 0)
        z = jax.random.normal(keys[0], (2 * settings.batch, latent))

        def objective(params: Any) -> tuple[Array, Any]:
            fake, statistics = generate(params, state.statistics, z)
            return -jnp.mean(score(unit, fake)), statistics

        (g_loss, statistics), grads = jax.value_and_grad(objective, has_aux=True)(state.generator)
        delta, g_opt = generator_opt.update(grads, state.generator_opt, state.generator)
        params = optax.apply_updates(state.generator, delta)
        average = ema_update(state.average, params, settings.ema)
        new = SnganState(params, statistics, critic, vectors, average, g_opt, d_opt)
        return new, {"critic_loss": losses[-1], "generator_loss": g_loss}

    return update


def to_pair(settings: SnganTraining, state: SnganState, key: Array, record: Record | None = None) -> Pair:
    """The averaged generator with fresh BatchNorm statistics, and the critic divided by its spectral norms."""
    graph, latent = _graphs(settings, "float32")[0], settings.model.latent
    statistics = settled_statistics(graph, state.average, state.statistics, latent, key)
    generator = SnganGenerator(settings.model, rngs=nnx.Rngs(0))
    critic = SnganCritic(settings.model, rngs=nnx.Rngs(0))
    nnx.update(generator, state.average, statistics)
    nnx.update(critic, divided(state.critic, state.vectors, 20)[0])
    return make_pair(
        sngan_generator_net(generator, settings.model),
        sngan_critic_net(critic, settings.model),
        Normal((settings.model.latent,)),
        sample_range=(-1.0, 1.0),
        critic_kind="logit",
        record=record,
    )
