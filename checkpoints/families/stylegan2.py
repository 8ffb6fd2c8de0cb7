r"""StyleGAN2-ADA's network pickles: ``G``, ``D`` and the average ``G_ema`` of training, or ``G_ema`` alone.

Source text in the pickle is left alone. Stored noise images are used (``noise_mode="const"``), so that a latent has one
sample. Gains of the equalised learning rates are multiplied into the weights: for n inputs :math:`1/\sqrt n`, in the
mapping of labels and latents a hundredth of it.

References:
  Karras et al. (2020), arXiv:2006.06676.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from flax import nnx

from pairs import InputError, Net
from pairs.gan.resampling import FILTER
from pairs.gan.stylegan2 import StyleGan2Config, StyleGan2Generator, stylegan2_net
from pairs.gan.stylegan2_critic import StyleGan2Critic, StyleGan2CriticConfig, stylegan2_critic_net

from ..conversion import Row
from .family import Family, NativeNet, NetPlan
from .filling import Sources, fill
from .names import Names
from .style_space import fitted_styles

__all__ = ["STYLEGAN2"]

_RATE = 0.01
Tensors = Mapping[str, np.ndarray]


def _sizes(names: Names, pattern: str) -> tuple[int, ...]:
    sizes = names.numbers(pattern)
    if sizes != tuple(4 * 2**i for i in range(len(sizes))):
        problem = f"has blocks at {', '.join(map(str, sizes))} pixels, not at 4, 8, 16 and so on"
        raise InputError("file", problem, "give the whole network pickle")
    return sizes


def _check_settings(names: Names, *paths: str) -> None:
    """Refuse settings that the nets here do not have."""
    for path in paths:
        for name, wanted in (("activation", "lrelu"), ("lr_multiplier", _RATE)):
            found = names.setting(path, name)
            if found not in (None, wanted):
                raise InputError(path, f"has {name} = {found!r}", f"only {name} = {wanted!r} is known here")


def _classes(names: Names) -> int | None:
    return names["mapping.embed.weight"][1] if "mapping.embed.weight" in names else None


def _generator(names: Names) -> NetPlan | None:
    if names.rank("synthesis.b4.const") != 3 or names.rank("synthesis.b4.conv1.affine.weight") != 2:
        return None
    sizes = _sizes(names, r"synthesis\.b(\d+)\.")
    if any(f"synthesis.b{size}.torgb.weight" not in names for size in sizes):
        problem = "has one picture at the end (architecture 'resnet' or 'orig')"
        raise InputError("synthesis", problem, "only the architecture 'skip' of StyleGAN2-ADA is known here")
    _check_settings(names, "mapping.fc0", "synthesis.b4.conv1")
    classes, layers = _classes(names), names.numbers(r"mapping\.fc(\d+)\.")
    style = names["synthesis.b4.conv1.affine.weight"][1]
    latent = names["mapping.fc0.weight"][1] - (names["mapping.embed.weight"][0] if classes else 0)
    widths = tuple(names[f"synthesis.b{size}.conv1.weight"][0] for size in sizes)
    channels = names["synthesis.b4.torgb.weight"][0]
    clamp = names.setting("synthesis.b4.conv1", "conv_clamp")
    noise = "synthesis.b4.conv1.noise_const" in names
    config = StyleGan2Config(widths, latent, style, len(layers), classes, channels, noise, clamp)
    size = sizes[-1]
    notes = [
        "samples are clipped to [-1, 1], as they are when they are stored as pictures",
        *(["the stored noise images are used (noise_mode 'const')"] if noise else []),
        "all sizes are computed in float32",
    ]
    words = f"{size} x {size} x {channels}, {latent} latents, {style} numbers of style"
    words += f", {classes} classes" if classes else ""
    shape = (size, size, channels)
    return NetPlan(words, (latent,), shape, native=NativeNet(config, _build), classes=classes, notes=tuple(notes))


def _critic(names: Names, generator: NetPlan) -> NetPlan | None:
    if names.rank("b4.fc.weight") != 2 or names.rank("b4.out.weight") != 2:
        return None
    sizes = _sizes(names, r"b(\d+)\.")
    size, channels = sizes[-1], names[f"b{sizes[-1]}.fromrgb.weight"][1]
    if any(f"b{s}.skip.weight" not in names for s in sizes[1:]) or (size, size, channels) != generator.output_shape:
        problem = f"takes {size} x {size} x {channels}, or is not of the architecture 'resnet'"
        raise InputError("critic", problem, "give the discriminator of the same network pickle")
    _check_settings(names, f"b{size}.conv0", "mapping.fc0")
    widths = tuple(names[f"b{s}.conv0.weight"][0] for s in sizes[:0:-1]) + (names["b4.conv.weight"][0],)
    classes, extra = _classes(names), names["b4.conv.weight"][1] - widths[-1]
    layers = len(names.numbers(r"mapping\.fc(\d+)\.")) or 8
    clamp = names.setting(f"b{size}.conv0", "conv_clamp")
    config = StyleGan2CriticConfig(widths, channels, extra, classes, layers, clamp)
    held = ("the standard deviation over the batch mixes samples: its channel is held at 0",) if extra else ()
    words = f"{size} x {size} x {channels}, {widths[-1]} features"
    native = NativeNet(config, _build_critic)
    return NetPlan(words, generator.output_shape, (), native=native, classes=classes, notes=held)


def _gained(tensors: Tensors, kept: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Weights times the gains of their learning rates, noise times its strength; filters are checked and dropped."""
    made: dict[str, np.ndarray] = {}
    for name, array in tensors.items():
        module, _, end = name.rpartition(".")
        if end == "resample_filter":
            wanted = np.outer(FILTER, FILTER) / sum(FILTER) ** 2
            if array.shape != wanted.shape or not np.allclose(array, wanted, atol=1e-6):
                raise InputError("", f"has another filter than [1, 3, 3, 1] in '{name}'", "only that one is known here")
            continue
        if end == "noise_strength":
            continue
        array = np.asarray(array, np.float64)
        rate = _RATE if module.startswith("mapping.fc") else 1.0
        if end == "weight" and module not in kept:
            array = array * rate / math.sqrt(math.prod(array.shape[1:]))
        elif end == "bias":
            array = array * rate
        elif end == "noise_const":
            strength = tensors.get(f"{module}.noise_strength")
            if strength is None or strength.size != 1:
                raise InputError("", f"lacks '{module}.noise_strength'", "give the whole network pickle")
            array = array * float(strength.reshape(()))
        made[name] = array
    if "mapping.embed.weight" in made:
        made["mapping.embed.weight"] = made["mapping.embed.weight"].T + made.pop("mapping.embed.bias")
    return made


def _mapping(layers: int, classes: int | None) -> Sources:
    sources = {"mapping.embedding": ("mapping.embed.weight", "same")} if classes else {}
    for i in range(layers):
        sources |= _affine(f"mapping.layers.{i}", f"mapping.fc{i}")
    return sources


def _affine(ours: str, theirs: str, how: str = "dense") -> dict[str, tuple[str, str]]:
    return {f"{ours}.kernel": (f"{theirs}.weight", how), f"{ours}.bias": (f"{theirs}.bias", "same")}


def _build(tensors: Tensors, config: StyleGan2Config) -> tuple[Net, tuple[Row, ...]]:
    # the division in a modulated convolution undoes any gain of its weight
    free = tuple(n.rpartition(".")[0] for n in tensors if n.endswith((".conv0.weight", ".conv1.weight")))
    gained = _gained(tensors, free)
    if config.space == "w":
        gained = fitted_styles(gained, config)
    sources = {"average": ("mapping.w_avg", "same"), "const": ("synthesis.b4.const", "image")}
    if config.space == "z":
        sources |= _mapping(config.mapping, config.classes)
    else:
        sources |= {"mean": ("mean", "same"), "spread": ("spread", "same")}
    for i in range(len(config.widths)):
        for name in ("conv1", "torgb") if i == 0 else ("conv0", "conv1", "torgb"):
            ours, theirs = f"blocks.{i}.{name}", f"synthesis.b{4 * 2**i}.{name}"
            sources |= _affine(ours, theirs, "point" if name == "torgb" else "conv")
            sources |= _affine(f"{ours}.affine", f"{theirs}.affine")
            if name != "torgb" and config.noise:
                sources[f"{ours}.noise"] = (f"{theirs}.noise_const", "same")
    made, rows = fill(nnx.eval_shape(lambda: StyleGan2Generator(config)), gained, sources)
    return stylegan2_net(made), rows


def _build_critic(tensors: Tensors, config: StyleGan2CriticConfig) -> tuple[Net, tuple[Row, ...]]:
    size = 4 * 2 ** (len(config.widths) - 1)
    sources = _affine("fromrgb", f"b{size}.fromrgb", "conv") | _affine("conv", "b4.conv", "conv")
    sources |= _affine("fc", "b4.fc") | _affine("out", "b4.out")
    if config.classes:
        sources |= _mapping(config.mapping, config.classes)
    for i in range(len(config.widths) - 1):
        theirs = f"b{size // 2**i}"
        for name in ("conv0", "conv1"):
            sources |= _affine(f"blocks.{i}.{name}", f"{theirs}.{name}", "conv")
        sources[f"blocks.{i}.skip"] = (f"{theirs}.skip.weight", "point")
    made, rows = fill(nnx.eval_shape(lambda: StyleGan2Critic(config)), _gained(tensors, ()), sources)
    return stylegan2_critic_net(made), rows


STYLEGAN2 = Family(
    name="stylegan2-ada",
    title="StyleGAN2-ADA",
    files="one network pickle: `G_ema`, `D`",
    source="https://github.com/NVlabs/stylegan2-ada-pytorch",
    critic_kind="logit",
    generator=_generator,
    critic=_critic,
)
