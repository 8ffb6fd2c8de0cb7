"""Pairs with known laws, a plain driver of the kernel, and the mistakes other samplers have made.

The driver is a scan over the kernel's step (or a mutant of it), so that a check can be shown to pass for ours and to
fail for each mutant.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dcd import Langevin, LangevinInfo, LangevinState
from dcd.langevin.kernel import LangevinKernel, langevin_init, make_kernel
from dcd.langevin.target import make_target
from dcd.langevin.transition import Moment
from pairs import Net, Normal, Pair, Prior, make_pair

# --- nets ---------------------------------------------------------------------------------------


def identity(params: Any, x: Array) -> Array:
    return x


def affine(params: Any, z: Array) -> Array:
    return z @ params["A"].T + params["b"]


def quadratic(params: Any, x: Array) -> Array:
    """``c - (x - m)' P (x - m) / 2``, with the gradient ``-P (x - m)``."""
    r = x - params["m"]
    return params["c"] - 0.5 * jnp.sum((r @ params["P"]) * r, axis=1)


def quadratic_params(mean: Any, precision: Any, constant: float = 0.0) -> dict[str, Array]:
    return {k: jnp.asarray(v, jnp.float32) for k, v in (("m", mean), ("P", precision), ("c", constant))}


def linear(params: Any, x: Array) -> Array:
    return x @ params["v"]


def quartic(params: Any, x: Array) -> Array:
    return jnp.sum(-0.25 * x**4 + 0.8 * x**2 + 0.3 * x, axis=1)


def pair_of(
    critic: Any,
    params: Any,
    dim: int,
    generator: Any = identity,
    generator_params: Any = None,
    prior: Prior | None = None,
    sample_range: tuple[float, float] | None = None,
) -> Pair:
    return make_pair(
        Net(generator_params, generator),
        Net(params, critic),
        prior or Normal((dim,)),
        sample_range=sample_range,
        critic_kind="energy",
        check=False,
    )


def gaussian(dim: int, variance: float = 1.0, mean: float = 0.0, constant: float = 0.0) -> Pair:
    """A critic that is the log density of ``N(mean, variance I)``, with an identity generator."""
    return pair_of(quadratic, quadratic_params(np.full(dim, mean), np.eye(dim) / variance, constant), dim)


# --- the driver ---------------------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames="step")
def _drive(kernel, target, position, schedule, step):
    start = kernel.init(target, position, jnp.arange(len(position)), None)
    return jax.lax.scan(lambda state, now: step(kernel, target, state, now), start, schedule)


def random_numbers(config: Langevin, shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise ``(steps, n, *shape)`` and uniforms ``(steps, n)``; numpy's, because compiling threefry takes seconds."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((config.steps, *shape), dtype=np.float32)
    return noise, rng.random((config.steps, shape[0]), dtype=np.float32)


def drive(
    pair: Pair,
    config: Langevin,
    position: Any,
    seed: int,
    step: Any = LangevinKernel.step,
    random: Any = None,
    noise_scale: Any = lambda s: s,
) -> tuple[LangevinState, LangevinInfo]:
    """All of ``config.steps`` from ``position``; the record's fields are ``(steps, n)``.

    ``step`` and ``noise_scale`` take mutants, ``random`` noise and uniforms from elsewhere.
    """
    position = jnp.asarray(position)
    noise, uniform = random_numbers(config, position.shape, seed) if random is None else random
    scales = noise_scale(np.asarray(config.noise_scales(), np.float32))
    schedule = Moment(noise, uniform, np.asarray(config.step_sizes(), np.float32), scales)
    return _drive(make_kernel(config), make_target(pair, config), position, schedule, step)


@functools.partial(jax.jit, static_argnames="step")
def log_flow(kernel, target, x, y, eta, step=LangevinKernel.step):
    """log of pi(x) q(y|x) alpha(x, y), by handing over the very noise that proposes y from x."""
    state = langevin_init(target, x, jnp.arange(len(x)))
    root = jnp.ones(x.shape[1]) if kernel.root is None else kernel.root
    scale = jnp.sqrt(2 * eta * kernel.temperature)
    drift = jnp.clip(state.at.gradient, -kernel.clip, kernel.clip) if kernel.clipped else state.at.gradient
    noise = (y - x - eta * root**2 * drift) / (scale * root)
    _, info = step(kernel, target, state, Moment(noise, jnp.ones(len(x)), eta, scale))
    log_q = -0.5 * jnp.sum(noise**2, axis=1)
    return jnp.log(info.acceptance) + state.at.log_density / kernel.temperature + log_q


# --- closed forms -------------------------------------------------------------------------------


def ula_variance(eta: float, variance: float, temperature: float = 1.0) -> float:
    """Stationary variance of ``x += eta * grad + sqrt(2 eta T) xi`` on ``N(0, variance)``."""
    return variance * temperature / (1 - eta / (2 * variance))


def mala_acceptance(eta: float) -> float:
    """Mean acceptance on N(0, 1): E min(1, exp(eta (x^2 - y^2) / 4)), by a product grid."""
    grid = np.linspace(-8, 8, 1601)
    w = np.exp(-0.5 * grid**2)
    w /= w.sum()
    x, xi = np.meshgrid(grid, grid, indexing="ij")
    y = (1 - eta) * x + np.sqrt(2 * eta) * xi
    return float(w @ np.minimum(1, np.exp(eta * (x**2 - y**2) / 4)) @ w)


# --- mutants ------------------------------------------------------------------------------------


def covariance_noise(deviation: np.ndarray) -> np.ndarray:
    """A standard deviation handed to a sampler that takes a covariance: the noise has its root."""
    return np.sqrt(deviation)


def quiet_noise(deviation: np.ndarray) -> np.ndarray:
    """Noise 70 times too small for the temperature it claims."""
    return deviation / 70


def _metropolis(weight, kernel, target, state, now):
    """The correction written out, with ``exp(-weight * |error|^2)`` as proposal density."""
    moved, info = dataclasses.replace(kernel, metropolis=False).step(target, state, now)
    forward = jnp.sum((moved.position - state.position - now.step_size * state.at.gradient) ** 2, axis=1)
    backward = jnp.sum((state.position - moved.position - now.step_size * moved.at.gradient) ** 2, axis=1)
    gain = (moved.at.log_density - state.at.log_density) / kernel.temperature
    acceptance = jnp.exp(jnp.minimum(gain - weight * (backward - forward), 0.0))
    take = now.uniform < acceptance
    keep = lambda new, old: jnp.where(take.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
    state = jax.tree.map(keep, moved, state)
    return state, info._replace(acceptance=acceptance, norm=jnp.sqrt(jnp.sum(state.position**2, axis=1)))


def metropolis_by_hand(kernel, target, state, now):
    """Not a mutant: the right factor ``1 / (4 eta T)``, to show that the mutant below differs in it alone."""
    return _metropolis(1 / (4 * now.step_size * kernel.temperature), kernel, target, state, now)


def metropolis_quarter(kernel, target, state, now):
    """``eta / 4`` where ``1 / (4 eta)`` is meant: right at eta = 1 alone."""
    return _metropolis(now.step_size / 4, kernel, target, state, now)
