r"""Pairs for the study of devices, and their nets in lower precision.

A random net of StyleGAN2's size has weights of variance 1/n for n inputs (:math:`1/n` is what its equalised learning
rates amount to at the start), so that activations are of order 1; pictures are made pale enough that few pixels are
cut. The random SNGAN has the layers of torch-mimicry's at 32 pixels. A speed does not depend on weights, the law of the
samples does: quality is worth reading for trained pairs alone.

References:
  Karras et al. (2020), arXiv:1912.04958; Miyato et al. (2018), arXiv:1802.05957.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import Architecture, Net, Normal, Pair, Record, build, make_pair
from pairs.gan.stylegan2 import StyleGan2Config
from pairs.gan.stylegan2_critic import StyleGan2CriticConfig
from pairs.sequential.spec import sequential_net, template

__all__ = ["Case", "LowPrecision", "case_of", "in_bfloat16", "random_sngan", "random_stylegan2"]

SEED = 0
_WIDTHS = (512, 512, 512, 512, 256, 128, 64)
_QUICK_WIDTHS = (16, 16, 8, 8)
_SMALL = 2**21  # numbers of a pair below which a device takes hundreds of chains at once


@dataclasses.dataclass(frozen=True)
class Case:
    """A pair and the numbers of chains that are moved together.

    Attributes:
      name: As on the command line.
      pair: In float32.
      batches: The first is measured with all contestants.
      trained: Whether its samples mean something.
    """

    name: str
    pair: Pair
    batches: tuple[int, ...]
    trained: bool


@dataclasses.dataclass(frozen=True)
class LowPrecision:
    """A net on inputs of its own precision; what it returns is float32."""

    inner: Callable[..., Array]

    def __call__(self, params: Any, x: Array, *labels: Any) -> Array:
        """The net on inputs in bfloat16."""
        return self.inner(params, x.astype(jnp.bfloat16), *labels).astype(jnp.float32)


def in_bfloat16(pair: Pair) -> Pair:
    """The pair with weights and activations in bfloat16; latents, samples, scores and gradients stay float32."""
    half = lambda v: v.astype(jnp.bfloat16) if jnp.issubdtype(v.dtype, jnp.floating) else v
    low = lambda net: Net(jax.tree.map(half, jax.tree.map(jnp.asarray, net.params)), LowPrecision(net.apply))
    return pair.replace(generator=low(pair.generator), critic=low(pair.critic))


def random_stylegan2(quick: bool) -> Pair:
    """A generator and a critic of StyleGAN2's layers with drawn weights: 256 x 256 pixels, or 32 x 32 and narrow."""
    widths = _QUICK_WIDTHS if quick else _WIDTHS
    size, mapping = (16, 2) if quick else (512, 8)
    generator = StyleGan2Config(widths, size, size, mapping)
    critic = StyleGan2CriticConfig(widths[::-1])
    draw = np.random.default_rng(SEED)
    nets = _drawn("stylegan2/generator", generator, draw), _drawn("stylegan2/critic", critic, draw)
    record = Record(name=f"random StyleGAN2, {4 * 2 ** (len(widths) - 1)} pixels")
    return make_pair(*nets, Normal((size,)), sample_range=(-1, 1), critic_kind="logit", record=record, check=False)


def _drawn(name: str, config: Any, draw: np.random.Generator) -> Net:
    architecture = Architecture(name, Record(dataclasses.asdict(config)))
    apply, template = build(architecture)

    def leaf(path: Any, like: Any) -> Array:
        names = [str(getattr(p, "key", getattr(p, "name", p))) for p in path]
        numbers = draw.standard_normal(like.shape).astype(np.float32)
        kind = names[-1]
        if kind in ("kernel", "skip"):
            # the division of a modulated convolution undoes any factor of its kernel
            pale = 0.15 if "torgb" in names and "affine" not in names else 1.0
            return jnp.asarray(numbers * pale / math.sqrt(math.prod(like.shape[:-1])))
        if kind == "bias":
            return jnp.asarray(0.1 * numbers + (1.0 if "affine" in names else 0.0))
        return jnp.asarray(numbers if kind == "const" else 0.1 * numbers)

    return Net(jax.tree_util.tree_map_with_path(leaf, template), apply, architecture)


def random_sngan(quick: bool) -> Pair:
    """torch-mimicry's SNGAN at 32 x 32 colour pixels with drawn weights; narrow where it must be quick."""
    width, critic_width, latent = (8, 8, 16) if quick else (256, 128, 128)
    norm, relu, pool = {"layer": "batch_norm"}, {"layer": "relu"}, {"layer": "avg_pool", "kernel": 2}
    up = {"layer": "upsample", "factor": 2, "mode": "bilinear"}
    conv = lambda n, k=3: {"layer": "conv", "out": n, "kernel": k, "padding": k // 2}
    grow = {"layer": "residual", "main": [norm, relu, up, conv(width), norm, relu, conv(width)]}
    grow["skip"] = [up, conv(width, 1)]
    first: list[Any] = [{"layer": "dense", "out": 16 * width}, {"layer": "unflatten", "shape": [width, 4, 4]}]
    generator = [*first, grow, grow, grow, norm, relu, conv(3), {"layer": "tanh"}]

    def block(skip: list[Any], *after: Any, begin: tuple[Any, ...] = (relu,)) -> dict[str, Any]:
        main = [*begin, conv(critic_width), relu, conv(critic_width), *after]
        return {"layer": "residual", "main": main, "skip": skip}

    critic = [
        block([pool, conv(critic_width, 1)], pool, begin=()),
        block([relu, conv(critic_width, 1), pool], pool),
        block([relu]),
        block([relu]),
        relu,
        {"layer": "global_sum_pool"},
        {"layer": "dense", "out": 1},
        {"layer": "squeeze"},
    ]
    draw = np.random.default_rng(SEED)
    nets = _drawn_layers(generator, (latent,), draw), _drawn_layers(critic, (32, 32, 3), draw)
    record = Record(name="random SNGAN, 32 pixels")
    return make_pair(*nets, Normal((latent,)), sample_range=(-1, 1), critic_kind="logit", record=record, check=False)


def _drawn_layers(layers: list[Any], shape: tuple[int, ...], draw: np.random.Generator) -> Net:
    """A layer list with He-normal kernels; numpy's numbers, which compile nothing."""

    def leaf(path: Any, like: Any) -> np.ndarray:
        numbers = draw.standard_normal(like.shape).astype(np.float32)
        if path[-1].key == "kernel":
            return numbers * math.sqrt(2 / math.prod(like.shape[:-1]))
        return np.ones_like(numbers) if path[-1].key in ("scale", "var") else 0.1 * numbers

    made = jax.tree_util.tree_map_with_path(leaf, template(layers, shape))
    return sequential_net(layers, made, shape)


def case_of(name: str, quick: bool) -> Case:
    """The case of a name on the command line.

    Args:
      name: ``random-stylegan2``, ``random-sngan``, or what ``ganrefine refine`` takes as PAIR.
      quick: Smallest nets and batches, to try the study.

    Raises:
      InputError: No such pair, or a pair without a critic.
    """
    from benchmarks.inputs import load, require_critic

    made = {"random-stylegan2": random_stylegan2, "random-sngan": random_sngan}.get(name)
    pair = made(quick) if made is not None else load(name)
    require_critic(pair)
    large = math.prod(pair.sample_shape) >= 3 * 128 * 128 and pair.generator.size + pair.critic.size > _SMALL
    batches = (8, 32) if large else (256, 64, 1024)
    if quick:
        batches = (8, 4) if made is None else (4,)
    return Case(name, pair, batches, made is None)
