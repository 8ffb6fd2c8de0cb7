"""``python -m benchmarks speed PAIR``: what a refinement step costs over its floor, and against PyTorch.

The floor is the bare jitted value and gradient of the same nets on the same batch, called in a
loop: everything a step does besides (noise, drift, record, projection) is overhead. All contestants
take turns in one process, many times; ratios are medians over the turns, so that a drifting machine
cancels. Absolute times are recorded with the hardware and mean nothing elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dcd
from pairs import InputError, Pair

from .peers.torch_loop import TorchJob

__all__ = ["measure"]

_STEPS = 10
_REST = 0.3


def _floor(pair: Pair, space: str) -> Callable[[Any], Any]:
    """The bare gradient, weights as arguments as the chain has them."""

    def value(u: Any, generator: Any, critic: Any) -> Any:
        if space == "pixel":
            return jnp.sum(critic(u))
        return jnp.sum(critic(generator(u))) + jnp.sum(pair.prior.log_prob(u))

    gradient = jax.jit(jax.value_and_grad(value))
    return lambda u: gradient(u, pair.generator, pair.critic)


def _turns(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of every job, one after the other in rotating order, ``rounds`` times, after one uncounted round.

    Thread pools keep spinning for up to 0.2 s after their last call, at the cost of
    whoever comes next: each job starts after a rest.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    order = list(jobs.items())
    for i in range(rounds + 1):
        order = order[1:] + order[:1]
        for name, job in order:
            time.sleep(_REST)
            began = time.perf_counter()
            job()
            if i:
                times[name].append(time.perf_counter() - began)
    return {name: np.asarray(t) for name, t in times.items()}


def measure(pair: Pair, space: str, batch: int, rounds: int, torch_threads: int | None = None) -> dict[str, Any]:
    """Seconds per step of the chain, the floor and (with ``torch_threads``) PyTorch, and their ratios."""
    config = dcd.preset("ddls" if space == "latent" else "dcd-pixel")
    if space == "pixel":
        # the same job for all: one gradient per step, noise after it
        config = config.replace(noise_order="after", clip=0.0, step_size=0.01, temperature=1.0)
    config = config.replace(steps=_STEPS)
    key = jax.random.key(0)
    z = pair.prior.sample(key, batch)
    x = jax.jit(pair.generate)(z)
    u = z if space == "latent" else x
    state = dcd.start(pair, config, u, np.arange(batch))
    gradient = _floor(pair, space)

    def chain() -> None:
        jax.block_until_ready(dcd.advance(pair, config, key, state)[0].position)

    def floor() -> None:
        for _ in range(_STEPS):
            jax.block_until_ready(gradient(u))

    jobs: dict[str, Callable[[], Any]] = {"chain": chain, "floor": floor}
    parity = None
    if torch_threads is not None:
        torch_jobs, parity = _torch_jobs(pair, space, u, gradient, config.step_size, torch_threads)
        jobs |= torch_jobs
    times = _turns(jobs, rounds)
    found: dict[str, Any] = {"space": space, "batch": batch, "rounds": rounds, "parity_with_torch": parity}
    found["ms_per_step"] = {k: float(np.median(t) / _STEPS * 1e3) for k, t in times.items()}
    found["ratio"] = {"chain / floor": float(np.median(times["chain"] / times["floor"]))}
    if torch_threads is not None:
        found["ratio"]["chain / torch loop"] = float(np.median(times["chain"] / times["torch loop"]))
        found["ratio"]["floor / torch gradient"] = float(np.median(times["floor"] / times["torch gradient"]))
    return found


def _torch_jobs(
    pair: Pair, space: str, u: Any, gradient: Any, eta: float, threads: int
) -> tuple[dict[str, Callable[[], Any]], float]:
    job = TorchJob(pair, threads)
    v = np.asarray(u)
    v = job._tensor(v if space == "latent" else v.transpose(0, 3, 1, 2))
    ours, theirs = np.asarray(gradient(u)[1]), job.gradient(v, space)[1].numpy()
    theirs = theirs if space == "latent" else theirs.transpose(0, 2, 3, 1)
    # a unit at its kink may fall to either side by rounding, in a few samples: the median sample decides
    error = np.linalg.norm((ours - theirs).reshape(len(ours), -1), axis=1)
    gap = float(np.median(error / np.linalg.norm(ours.reshape(len(ours), -1), axis=1)))
    if gap > 1e-3:
        raise InputError("torch", f"gradients differ by {gap:.1e}", "the comparison would be of different nets")

    def loop() -> None:
        w = v
        for _ in range(_STEPS):
            w = job.step(w, space, eta)

    def bare() -> None:
        for _ in range(_STEPS):
            job.gradient(v, space)

    return {"torch loop": loop, "torch gradient": bare}, gap
