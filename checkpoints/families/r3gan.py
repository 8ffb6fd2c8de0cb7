r"""R3GAN's network pickles: ``G``, ``D`` and the average ``G_ema``, of the StyleGAN programs' form.

Stages of the generator begin with what leads to them, those of the critic end with what leads on. Computation is in
float32 in all stages.

References:
  Huang et al. (2024), arXiv:2501.05441.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx

from pairs import InputError, Net
from pairs.gan.r3gan import R3ganConfig, R3ganCritic, R3ganGenerator, r3gan_critic_net, r3gan_generator_net
from pairs.gan.resampling import FILTER

from ..conversion import Row
from .family import Family, NativeNet, NetPlan
from .filling import Sources, fill
from .names import Names

__all__ = ["R3GAN"]

Tensors = Mapping[str, np.ndarray]


def _config(names: Names, **more: Any) -> R3ganConfig:
    stages: list[tuple[int, ...]] = []
    for i in names.numbers(r"Model\.MainLayers\.(\d+)\."):
        stage = f"Model.MainLayers.{i}.Layers"
        numbers = names.numbers(rf"Model\.MainLayers\.{i}\.Layers\.(\d+)\.LinearLayer1\.")
        if not numbers:
            raise InputError(stage, "has no residual block", "only R3GAN's own configurations are known here")
        inner, width = names[f"{stage}.{numbers[0]}.LinearLayer1.Layer.weight"][:2]
        weight = names[f"{stage}.{numbers[0]}.LinearLayer2.Layer.weight"]
        if weight[2:] != (3, 3):
            raise InputError(stage, f"has kernels of {weight[2:]}", "only kernels of 3 x 3 are known here")
        stages.append((width, inner, len(numbers), inner // weight[1]))
    label = "Model.EmbeddingLayer.weight"
    embedding, classes = names[label] if label in names else (0, None)
    sizes = {"classes": classes, "embedding": embedding, **more}
    widths, hidden, blocks, groups = zip(*stages, strict=True)
    return R3ganConfig(widths, hidden, blocks, groups, **sizes)


def _generator(names: Names) -> NetPlan | None:
    first = "Model.MainLayers.0.Layers.0"
    if names.rank(f"{first}.Basis") != 3 or names.rank("Model.AggregationLayer.Layer.weight") != 4:
        return None
    channels = names["Model.AggregationLayer.Layer.weight"][0]
    config = _config(names, channels=channels)
    latent = names[f"{first}.LinearLayer.weight"][1] - config.embedding
    config = R3ganConfig(**{**vars(config), "latent": latent})
    size = 4 * 2 ** (len(config.widths) - 1)
    words = f"{size} x {size} x {channels}, {latent} latents, {', '.join(map(str, config.widths))} channels"
    words += f", {config.classes} classes" if config.classes else ""
    notes = (
        "samples are clipped to [-1, 1], as they are when they are stored as pictures",
        "all stages are computed in float32",
    )
    native = NativeNet(config, _build)
    return NetPlan(words, (latent,), (size, size, channels), native=native, classes=config.classes, notes=notes)


def _critic(names: Names, generator: NetPlan) -> NetPlan | None:
    if names.rank("Model.ExtractionLayer.Layer.weight") != 4:
        return None
    config = _config(names, channels=names["Model.ExtractionLayer.Layer.weight"][1])
    size = 4 * 2 ** (len(config.widths) - 1)
    if (size, size, config.channels) != generator.output_shape or config.classes != generator.classes:
        problem = f"takes {size} x {size} x {config.channels}, {config.classes or 'no'} classes; the generator differs"
        raise InputError("critic", problem, "give the discriminator of the same network pickle")
    words = f"{size} x {size} x {config.channels}"
    return NetPlan(words, generator.output_shape, (), native=NativeNet(config, _build_critic), classes=config.classes)


def _without_filters(tensors: Tensors) -> dict[str, np.ndarray]:
    """The tensors without the constant filters, which are checked."""
    wanted = np.outer(FILTER, FILTER) / sum(FILTER) ** 2
    for name, array in tensors.items():
        if name.endswith(".Kernel") and (array.shape != wanted.shape or not np.allclose(array, wanted, atol=1e-6)):
            raise InputError("", f"has another filter than [1, 2, 1] in '{name}'", "only that one is known here")
    return {n: a for n, a in tensors.items() if not n.endswith(".Kernel")}


def _blocks(config: R3ganConfig, tensors: Tensors, critic: bool) -> dict[str, tuple[str, str]]:
    sources: dict[str, tuple[str, str]] = {}
    for i, count in enumerate(config.blocks):
        stage = f"Model.MainLayers.{i}.Layers"
        for j in range(count):
            ours, theirs = f"stages.{i}.{j}", f"{stage}.{j if critic else j + 1}"
            for here, there in (("first.kernel", "LinearLayer1"), ("last.kernel", "LinearLayer3")):
                sources[f"{ours}.{here}"] = (f"{theirs}.{there}.Layer.weight", "point")
            sources[f"{ours}.kernel"] = (f"{theirs}.LinearLayer2.Layer.weight", "conv")
            for number in (1, 2):
                sources[f"{ours}.bias{number}"] = (f"{theirs}.NonLinearity{number}.Bias", "same")
        between = f"{stage}.{count if critic else 0}.LinearLayer.Layer.weight"
        if between in tensors:
            sources[f"mixers.{i if critic else i - 1}.kernel"] = (between, "point")
    if config.classes is not None:
        sources["embedding.kernel"] = ("Model.EmbeddingLayer.weight", "dense")
    return sources


def _build(tensors: Tensors, config: R3ganConfig) -> tuple[Net, tuple[Row, ...]]:
    sources: Sources = {
        **_blocks(config, tensors, critic=False),
        "basis": ("Model.MainLayers.0.Layers.0.Basis", "image"),
        "linear.kernel": ("Model.MainLayers.0.Layers.0.LinearLayer.weight", "dense"),
        "output.kernel": ("Model.AggregationLayer.Layer.weight", "point"),
    }
    made, rows = fill(nnx.eval_shape(lambda: R3ganGenerator(config)), _without_filters(tensors), sources)
    return r3gan_generator_net(made), rows


def _build_critic(tensors: Tensors, config: R3ganConfig) -> tuple[Net, tuple[Row, ...]]:
    end = f"Model.MainLayers.{len(config.widths) - 1}.Layers.{config.blocks[-1]}"
    sources: Sources = {
        **_blocks(config, tensors, critic=True),
        "basis": (f"{end}.Basis.weight", "conv"),
        "linear.kernel": (f"{end}.LinearLayer.weight", "dense"),
        "input.kernel": ("Model.ExtractionLayer.Layer.weight", "point"),
    }
    made, rows = fill(nnx.eval_shape(lambda: R3ganCritic(config)), _without_filters(tensors), sources)
    return r3gan_critic_net(made), rows


R3GAN = Family(
    name="r3gan",
    title="R3GAN",
    files="one network pickle: `G_ema`, `D`",
    source="https://github.com/brownvc/R3GAN",
    critic_kind="logit",
    generator=_generator,
    critic=_critic,
)
