r"""The progressive GAN of pytorch_GAN_zoo: both nets in one file, equalised learning rates, pixel norm.

A scale doubles the sides by repeating pixels, then has two convolutions of kernel 3, each followed by a leaky ReLU
and pixel norm (in the critic without norm, then average pooling). Only the last scale's ``toRGB`` and ``fromRGB``
count once a scale has been faded in, which is taken as done. An equalised layer multiplies kernel and bias by
:math:`\sqrt{2/n}`.

References:
  Karras et al. (2018), arXiv:1710.10196.
"""

from __future__ import annotations

from typing import Any

from pairs import InputError

from .family import Family, NetPlan, plan
from .names import Names

__all__ = ["PROGRESSIVE"]

_SLOPE = {"layer": "leaky_relu", "slope": 0.2}
_EQUAL = {"equalized": True, "equalized_bias": True}


def _suffix(names: Names, module: str) -> str:
    """Some versions put the word ``module`` between a layer and its tensors."""
    return ".module" if f"{module}.module.weight" in names else ""


def _conv(names: Names, module: str) -> dict[str, Any]:
    name = module + _suffix(names, module)
    out, _, kernel, _ = names[f"{name}.weight"]
    return {"layer": "conv", "out": out, "kernel": kernel, "padding": kernel // 2, "name": name, **_EQUAL}


def _generator(names: Names) -> NetPlan | None:
    first = f"formatLayer{_suffix(names, 'formatLayer')}.weight"
    if names.rank(first) != 2 or not names.below("groupScale0.0"):
        return None
    rows, latent = names[first]
    norm = {"layer": "pixel_norm"}
    dense = {"layer": "dense", "out": rows, "name": first.removesuffix(".weight"), **_EQUAL}
    layers: list[dict[str, Any]] = [norm, dense, _SLOPE, {"layer": "unflatten", "shape": [rows // 16, 4, 4]}, norm]
    layers += [_conv(names, "groupScale0.0"), _SLOPE, norm]
    scales = names.numbers(r"scaleLayers\.(\d+)\.")
    for scale in scales:
        layers.append({"layer": "upsample", "factor": 2})
        for i in (0, 1):
            layers += [_conv(names, f"scaleLayers.{scale}.{i}"), _SLOPE, norm]
    last, size = len(scales), 4 * 2 ** len(scales)
    layers.append(_conv(names, f"toRGBLayers.{last}"))
    channels = layers[-1]["out"]
    notes = (
        "all scales are taken as faded in (alpha 0)",
        "samples are clipped to [-1, 1], as they are when they are stored as pictures",
    )
    words = f"{size} x {size} x {channels}, {latent} latents, {rows // 16} channels at 4 x 4"
    clip = {"layer": "clip", "low": -1.0, "high": 1.0}
    ignore = tuple(f"toRGBLayers.{i}" for i in range(last))
    return plan(words, (latent,), (size, size, channels), [*layers, clip], ignore=ignore, notes=notes)


def _critic(names: Names, generator: NetPlan) -> NetPlan | None:
    last = f"decisionLayer{_suffix(names, 'decisionLayer')}.weight"
    if names.rank(last) != 2 or not names.below("groupScaleZero.0"):
        return None
    size, _, channels = generator.output_shape
    scales = names.numbers(r"scaleLayers\.(\d+)\.")
    if size != 4 * 2 ** len(scales):
        problem = f"has {len(scales)} scales above 4 x 4, the generator makes {size} x {size}"
        raise InputError("critic", problem, "give both nets of one file")
    if names[last][0] != 1:
        problem = f"decides on {names[last][0]} numbers, so that it was trained to name classes too"
        raise InputError("critic", problem, "give the generator alone, and make a critic with 'ganrefine adapt'")
    layers: list[dict[str, Any]] = [_conv(names, f"fromRGBLayers.{len(scales)}"), _SLOPE]
    for scale in reversed(scales):
        for i in (0, 1):
            layers += [_conv(names, f"scaleLayers.{scale}.{i}"), _SLOPE]
        layers.append({"layer": "avg_pool", "kernel": 2})
    notes: tuple[str, ...] = ()
    entry, width = _conv(names, "groupScaleZero.0"), layers[-1].get("out", layers[0]["out"])
    width = names[f"{_conv(names, f'scaleLayers.{scales[0]}.1')['name']}.weight"][0] if scales else width
    if names[f"{entry['name']}.weight"][1] == width + 1:
        layers.append({"layer": "minibatch_stddev"})
        notes = ("the standard deviation over the batch mixes samples: its channel is held at 0",)
    dense = f"groupScaleZero.1{_suffix(names, 'groupScaleZero.1')}"
    layers += [entry, _SLOPE, {"layer": "flatten"}]
    layers += [{"layer": "dense", "out": names[f"{dense}.weight"][0], "name": dense, **_EQUAL}, _SLOPE]
    layers += [{"layer": "dense", "out": 1, "name": last.removesuffix(".weight"), **_EQUAL}, {"layer": "squeeze"}]
    ignore = tuple(f"fromRGBLayers.{i}" for i in range(len(scales)))
    words = f"{size} x {size} x {channels}, {entry['out']} channels at 4 x 4"
    return plan(words, (size, size, channels), (), layers, ignore=ignore, notes=notes)


PROGRESSIVE = Family(
    name="pgan-zoo",
    title="pytorch_GAN_zoo progressive GAN",
    files="one file: `netG`, `netD`, `avgG`",
    source="https://github.com/facebookresearch/pytorch_GAN_zoo",
    critic_kind="wasserstein",
    generator=_generator,
    critic=_critic,
)
