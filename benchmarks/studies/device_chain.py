r"""The toolkit's side of the study of devices: the matrix peak, and chains of a pair in one precision.

A peak is :math:`2 n^3 / t` for the product of two n x n matrices of normal numbers. A chain of s steps refines
:math:`B / (s\,t_{\mathrm{step}} + t_{\mathrm{generator}})` samples per second, the generator's pass in latent space
alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import dcd
from dcd.langevin.kernel import LangevinState
from dcd.langevin.starts import labels_for
from dcd.langevin.target import Evaluation, Target, make_target
from pairs import Pair
from pairs.batches import generate
from pairs.operations import operations

from .device_cases import in_bfloat16
from .device_turns import spread

__all__ = ["MATMUL", "PRECISIONS", "ChainJob", "chain_settings", "first_flops", "gradient_operations", "matrix_peak"]

PRECISIONS = ("tf32", "bfloat16", "float32")
MATMUL = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}
"""JAX's name of the arithmetic of products; weights in bfloat16 need none."""

KEY, OTHER_KEY = 0, 1
"""Seeds of the latents and the noise, and of the noise of the second float32 chain."""


def matrix_peak(precision: str, size: int, turns: int = 7, products: int = 8) -> dict[str, Any]:
    """Operations per second of a square product.

    Args:
      precision: One of :data:`PRECISIONS`, or ``default`` for float32 without a word about precision.
      size: Rows.
      turns: Times that are taken.
      products: Products of one time.
    """
    dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    a, b = (jax.random.normal(jax.random.key(i), (size, size), dtype) for i in range(2))
    with jax.default_matmul_precision(MATMUL.get(precision, "default")):
        product = jax.jit(jnp.matmul)
        product(a, b).block_until_ready()
        rates = []
        for _ in range(turns):
            began = time.perf_counter()
            jax.block_until_ready([product(a, b) for _ in range(products)])
            rates.append(products * 2 * size**3 / (time.perf_counter() - began))
    return {"size": size, "products": products, "flop_per_s": spread(rates)}


def chain_settings(space: str) -> dcd.Langevin:
    """The preset of a space; in pixel space with one gradient a step and noise after it, the same job for all."""
    if space == "latent":
        return dcd.preset("latent")
    config = dcd.preset("dcd-pixel")
    return config.replace(noise_order="after", clip=0.0, step_size=0.01, temperature=1.0, preset="pixel")


def first_flops(cost: Any) -> float | None:
    """The number of operations in what JAX's ``cost_analysis`` returns; None where it does not say.

    Example:
      >>> first_flops([{"flops": 8.0}]), first_flops({"flops": -1.0}), first_flops(None)
      (8.0, None, None)
    """
    table = cost[0] if isinstance(cost, (list, tuple)) and cost else cost
    value = table.get("flops") if isinstance(table, Mapping) else None
    return float(value) if value and value > 0 else None


def _evaluate(target: Target, u: Array) -> Evaluation:
    return target.evaluate(u, u)


def gradient_operations(pair: Pair, space: str, batch: int) -> float | None:
    """Operations of the products in one gradient of a batch, the same on all machines; None where it is unknown.

    Args:
      pair: In any precision.
      space: ``latent`` or ``pixel``.
      batch: Chains.
    """
    target = make_target(pair, chain_settings(space), labels_for(pair, batch))
    shape = pair.prior.shape if space == "latent" else pair.sample_shape
    return operations(_evaluate, target, jax.ShapeDtypeStruct((batch, *shape), jnp.float32))


class ChainJob:
    """Chains of a pair in one precision.

    Args:
      pair: In float32.
      space: ``latent`` or ``pixel``.
      precision: One of :data:`PRECISIONS`.
      batch: Chains.
      exact: Whether the bare gradient is compiled, for the gradient at the start and XLA's count.

    Attributes:
      start: Latents, or the generator's samples in pixel space.
      gradient: Gradient of the target at the start, where ``exact``.
      flops: Operations of one gradient of the batch, ``as written``, and, where ``exact``, ``compiled`` by XLA's count,
        which does not see what XLA leaves to a library such as cuDNN.
    """

    def __init__(self, pair: Pair, space: str, precision: str, batch: int, exact: bool):
        self.matmul = MATMUL[precision]
        self.pair = in_bfloat16(pair) if precision == "bfloat16" else pair
        self.settings, self.batch = chain_settings(space), batch
        self.key = jax.random.key(KEY)
        self.labels = labels_for(pair, batch)
        self.latents = pair.prior.sample(self.key, batch, self.labels)
        self.gradient: np.ndarray | None = None
        self.flops: dict[str, float | None] = {}
        with jax.default_matmul_precision(self.matmul):
            self.start = self.latents if space == "latent" else generate(self.pair, self.latents, self.labels)
            self.flops["as written"] = gradient_operations(self.pair, space, batch)
            at = Evaluation(jnp.zeros(batch), jnp.zeros(batch), jnp.zeros_like(self.start))
            if exact:
                target = make_target(self.pair, self.settings, self.labels)
                compiled = jax.jit(_evaluate).lower(target, self.start).compile()
                self.flops["compiled"] = first_flops(_cost(compiled))
                at = compiled(target, self.start)
                self.gradient = np.asarray(at.gradient)
        # without the bare gradient the first step has none: its time is the same
        self.state = LangevinState(
            self.start, self.start, at, jnp.zeros(batch, bool), jnp.arange(batch, dtype=jnp.int32)
        )

    def run(self, steps: int) -> None:
        """So many steps of the shipped chain, waited for."""
        self._advance(self.key, steps).block_until_ready()

    def generate(self) -> None:
        """One pass of the generator, waited for."""
        with jax.default_matmul_precision(self.matmul):
            generate(self.pair, self.latents, self.labels).block_until_ready()

    def refined(self, seed: int = KEY) -> np.ndarray:
        """Samples after the whole chain, with the noise of a seed."""
        moved = self._advance(jax.random.key(seed), self.settings.steps)
        with jax.default_matmul_precision(self.matmul):
            return np.asarray(generate(self.pair, moved, self.labels) if self.settings.space == "latent" else moved)

    def _advance(self, key: Array, steps: int) -> Array:
        with jax.default_matmul_precision(self.matmul):
            last = min(steps, self.settings.steps)
            return dcd.advance(self.pair, self.settings, key, self.state, 0, last, labels=self.labels)[0].position


def _cost(program: Any) -> Any:
    try:
        return program.cost_analysis()
    except Exception:  # a backend that does not count says so in its own way
        return None
