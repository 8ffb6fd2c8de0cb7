r"""BigGAN-PyTorch at 32 to 256 pixels: hierarchical latents, shared embedding, attention, spectral norm.

The generator is a net of its own (:mod:`pairs.gan.biggan`); the critic is a layer list: residual blocks, attention,
the sum over pixels, and a projection on the label.

References:
  Brock et al. (2019), arXiv:1809.11096.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx

from pairs import InputError, Net
from pairs.gan.biggan import BigGanConfig, BigGanGenerator, biggan_generator_net

from ..conversion import Row
from .family import Family, NativeNet, NetPlan, plan
from .filling import fill
from .names import Names

__all__ = ["BIGGAN"]

_RELU = {"layer": "relu"}
_POOL = {"layer": "avg_pool", "kernel": 2}


def _generator(names: Names) -> NetPlan | None:
    if names.rank("linear.weight") != 2 or names.rank("blocks.0.0.bn1.gain.weight") != 2:
        return None
    if "shared.weight" not in names:
        problem = "has an embedding in every BatchNorm, not a shared one"
        raise InputError("generator", problem, "train with --G_shared, or describe its layers in a pair.toml")
    count = len(names.numbers(r"blocks\.(\d+)\.0\.conv1"))
    if not names.below("blocks.0.0.conv_sc") or names.below("blocks.0.0.conv3"):
        return None
    outs = [names[f"blocks.{i}.0.conv1.weight"][0] for i in range(count)]
    widths = (names["blocks.0.0.conv1.weight"][1], *outs)
    classes, shared = names["shared.weight"]
    rows, latent = names["linear.weight"]
    hierarchical = names["blocks.0.0.bn1.gain.weight"][1] == shared + latent
    bottom, parts = math.isqrt(rows // widths[0]), count + 1 if hierarchical else 1
    channels = names["output_layer.2.weight"][0]
    attended = names.numbers(r"blocks\.(\d+)\.1\.theta")
    at = attended[0] if attended else None
    config = BigGanConfig(widths, latent, parts, shared, classes, bottom, channels, at)
    size = bottom * 2**count
    words = f"{size} x {size} x {channels}, {latent * parts} latents in {parts} parts, ch {widths[-1]}"
    return NetPlan(
        f"{words}, {classes} classes",
        (latent * parts,),
        (size, size, channels),
        native=NativeNet(config, _build),
        classes=classes,
        notes=("BatchNorm uses the stored mean and variance (stored_mean, stored_var)",),
    )


def _build(tensors: Mapping[str, np.ndarray], config: BigGanConfig) -> tuple[Net, tuple[Row, ...]]:
    sources: dict[str, tuple[str, str]] = {"shared.embedding": ("shared.weight", "same")}
    sources |= _weighted("linear", "linear", "dense") | _weighted("output", "output_layer.2", "conv")
    ours = {"scale": "gain", "bias": "bias", "mean": "stored_mean", "var": "stored_var"}
    sources |= {f"norm.{name}": (f"output_layer.0.{theirs}", "same") for name, theirs in ours.items()}
    for i in range(len(config.widths) - 1):
        for name in ("conv1", "conv2", "conv_sc"):
            sources |= _weighted(f"blocks.{i}.{name}", f"blocks.{i}.0.{name}", "conv")
        for name in ("bn1", "bn2"):
            here, there = f"blocks.{i}.{name}", f"blocks.{i}.0.{name}"
            sources |= {f"{here}.{n}.kernel": (f"{there}.{n}.weight", "dense") for n in ("gain", "bias")}
            sources |= {f"{here}.{n}": (f"{there}.stored_{n}", "same") for n in ("mean", "var")}
    if config.attention is not None:
        there = f"blocks.{config.attention}.1"
        parts = {"query": "theta", "key": "phi", "value": "g", "output": "o"}
        sources |= {f"attention.{n}_kernel": (f"{there}.{theirs}.weight", "point") for n, theirs in parts.items()}
        sources["attention.gain"] = (f"{there}.gamma", "scalar")
    abstract = nnx.eval_shape(lambda: BigGanGenerator(config, rngs=nnx.Rngs(0)))
    made, rows = fill(abstract, tensors, sources)
    return biggan_generator_net(made), rows


def _weighted(ours: str, theirs: str, how: str) -> dict[str, tuple[str, str]]:
    return {f"{ours}.kernel": (f"{theirs}.weight", how), f"{ours}.bias": (f"{theirs}.bias", "same")}


def _critic(names: Names, generator: NetPlan) -> NetPlan | None:
    if names.rank("embed.weight") != 2 or not names.below("blocks.0.0.conv1") or names.below("blocks.0.0.bn1"):
        return None
    size, _, channels = generator.output_shape
    count = len(names.numbers(r"blocks\.(\d+)\.0\.conv1"))
    attended = names.numbers(r"blocks\.(\d+)\.1\.theta")
    # of the blocks, the last one keeps its sides; at 32 pixels the last two do
    halving = 2 if size == 32 else count - 1
    layers: list[dict[str, Any]] = []
    for i in range(count):
        layers.append(_critic_block(names, f"blocks.{i}.0", first=i == 0, down=i < halving))
        if i in attended:
            query, value = names[f"blocks.{i}.1.theta.weight"][0], names[f"blocks.{i}.1.g.weight"][0]
            more = {"bias": False, "output": True, "pool": True, "name": f"blocks.{i}.1"}
            layers.append({"layer": "self_attention", "query": query, "value": value, **more})
    classes, width = names["embed.weight"]
    if classes != generator.classes:
        problem = f"knows {classes} classes, the generator {generator.classes}"
        raise InputError("critic", problem, "give two nets that were trained together")
    dense = {"layer": "dense", "out": 1, "name": "linear"}
    product = {"layer": "projection", "classes": classes, "name": "embed"}
    layers += [_RELU, {"layer": "global_sum_pool"}, {"layer": "add", "branches": [[dense], [product]]}]
    words = f"{size} x {size} x {channels}, {width} features"
    return plan(words, generator.output_shape, (), [*layers, {"layer": "squeeze"}], classes=classes)


def _critic_block(names: Names, name: str, first: bool, down: bool) -> dict[str, Any]:
    def conv(end: str) -> dict[str, Any]:
        out, _, kernel, _ = names[f"{name}.{end}.weight"]
        return {"layer": "conv", "out": out, "kernel": kernel, "padding": kernel // 2, "name": f"{name}.{end}"}

    pool = [_POOL] if down else []
    main = [*([] if first else [_RELU]), conv("conv1"), _RELU, conv("conv2"), *pool]
    short = [conv("conv_sc")] if names.below(f"{name}.conv_sc") else []
    return {"layer": "residual", "main": main, "skip": [*pool, *short] if first else [*short, *pool]}


BIGGAN = Family(
    name="biggan-pytorch",
    title="BigGAN-PyTorch",
    files="G, G_ema, D: `blocks.N.0`, `shared`",
    source="https://github.com/ajbrock/BigGAN-PyTorch",
    critic_kind="logit",
    generator=_generator,
    critic=_critic,
)
