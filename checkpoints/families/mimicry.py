r"""torch-mimicry's nets at 32, 48, 64 and 128 pixels: one residual generator, and a critic per loss.

SNGAN, WGAN-GP, DCGAN, InfoMax-GAN and SSGAN have the same generator; cGAN-PD and SAGAN have conditional BatchNorm.
The critics of DCGAN and WGAN-GP differ in what no tensor shows (the features are summed, or their mean is taken) and
can have the same names. Image sizes follow from the generator: its first image has :math:`4^2` or :math:`6^2` pixels.

References:
  Lee and Town (2020), arXiv:2005.02494 (torch-mimicry); Miyato et al. (2018), arXiv:1802.05957 (SNGAN).
"""

from __future__ import annotations

import functools
import math
from typing import Any

from pairs import CriticKind

from .family import Family, NetPlan, plan
from .mimicry_blocks import LayerDicts, attention, critic_block, first_critic_block, generator_block
from .names import Names

__all__ = ["MIMICRY"]

_SIZES = {(4, 3): 32, (6, 3): 48, (4, 4): 64, (4, 5): 128}
"""Image side by the side of the first image and the number of blocks."""

_DOWN = {32: (True, False, False), 48: (True,) * 3 + (False,), 64: (True,) * 4, 128: (True,) * 4 + (False,)}
"""Which of the critic's blocks after the first halve the sides."""

_ATTENTION = {32: (3, 2), 128: (4, 2)}
"""The blocks of generator and critic that attention follows."""

_SIGMOID = (
    "ends in tanh; the package's DCGAN-CIFAR has the same names and ends in a sigmoid: --check FILE tells them apart"
)


def _generator(names: Names, conditional: bool, attended: bool) -> NetPlan | None:
    labelled = "block2.b1.embed.weight" in names
    if names.rank("l1.weight") != 2 or names.rank("block2.c1.weight") != 4 or not names.below("block2.b1"):
        return None
    if labelled != conditional or names.below("attn_block") != attended:
        return None
    rows, latent = names["l1.weight"]
    width = names["block2.c1.weight"][1]
    numbers = names.numbers(r"block(\d+)\.")
    bottom = math.isqrt(rows // width)
    size = _SIZES.get((bottom, len(numbers)))
    if size is None or rows != bottom**2 * width or numbers != tuple(range(2, 2 + len(numbers))):
        return None
    classes = names["block2.b1.embed.weight"][0] if labelled else None
    layers: LayerDicts = [
        {"layer": "dense", "out": rows, "name": "l1"},
        {"layer": "unflatten", "shape": [width, bottom, bottom]},
    ]
    for i in numbers:
        layers.append(generator_block(names, f"block{i}", classes))
        if attended and i == _ATTENTION.get(size, (numbers[-1], 0))[0]:
            layers.append(attention(names, "attn_block"))
    end = numbers[-1] + 1
    channels = names[f"c{end}.weight"][0]
    layers += [{"layer": "batch_norm", "name": f"b{end}"}, {"layer": "relu"}]
    layers.append({"layer": "conv", "out": channels, "kernel": 3, "padding": 1, "name": f"c{end}"})
    words = f"{size} x {size} x {channels}, {latent} latents, ngf {width}"
    words += f", {classes} classes" if classes else ""
    notes = (_SIGMOID,) if size == 32 and classes is None else ()
    layers.append({"layer": "tanh"})
    return plan(words, (latent,), (size, size, channels), layers, classes=classes, notes=notes)


def _head(names: Names) -> str | None:
    found = [f"l{i}" for i in (5, 6, 7) if f"l{i}.weight" in names]
    return found[0] if len(found) == 1 else None


def _blocks(names: Names, size: int) -> list[str]:
    """Names of the critic's blocks in order; InfoMax-GAN keeps them in two lists."""
    count = len(_DOWN[size]) + 1
    if names.below("local_feat_blocks"):
        local = names.numbers(r"local_feat_blocks\.(\d+)\.")
        found = [f"local_feat_blocks.{i}" for i in local]
        return found + [f"global_feat_blocks.{i}" for i in range(count - len(local))]
    return [f"block{i}" for i in range(1, count + 1)]


def _critic(names: Names, generator: NetPlan, kind: str) -> NetPlan | None:
    if _kind_of(names, generator) != kind and (kind != "wgan-gp" or _kind_of(names, generator) != "dcgan"):
        return None
    size, _, channels = generator.output_shape
    head = "linear" if kind == "infomax-gan" else _head(names)
    if head is None or (size == 48 and kind in ("dcgan", "wgan-gp") and head != {"dcgan": "l5", "wgan-gp": "l6"}[kind]):
        return None
    first, *rest = _blocks(names, size)
    layers: LayerDicts = [first_critic_block(names, first)]
    for i, (name, down) in enumerate(zip(rest, _DOWN[size], strict=True), 2):
        layers.append(critic_block(names, name, down))
        if kind == "sagan" and i == _ATTENTION.get(size, (0, 2))[1]:
            layers.append(attention(names, "attn_block"))
    layers += [{"layer": "relu"}, {"layer": "global_mean_pool" if kind == "wgan-gp" else "global_sum_pool"}]
    dense: dict[str, Any] = {"layer": "dense", "out": 1, "name": head}
    if kind in ("cgan-pd", "sagan"):
        product = {"layer": "projection", "classes": names["l_y.weight"][0], "name": "l_y"}
        dense = {"layer": "add", "branches": [[dense], [product]]}
    layers += [dense, {"layer": "squeeze"}]
    width = names[f"{head}.weight"][1]
    ignore, notes = _training_only(names, kind)
    return plan(
        f"{size} x {size} x {channels}, ndf {width}",
        generator.output_shape,
        (),
        layers,
        classes=generator.classes if kind in ("cgan-pd", "sagan") else None,
        ignore=ignore,
        notes=notes,
    )


def _kind_of(names: Names, generator: NetPlan) -> str | None:
    """The loss as far as names tell; ``dcgan`` for what could be WGAN-GP too."""
    if names.rank("linear.weight") == 2 and names.below("local_feat_blocks"):
        return "infomax-gan"
    if names.rank("block1.c1.weight") != 4 or names.below("block2.b1"):
        return None
    if names.below("attn_block"):
        return "sagan"
    if names.below("l_y"):
        return "ssgan" if "l_y.bias" in names else "cgan-pd"
    plain = "block1.c1.weight" in names.raw and "block1.c1.sn_u" not in names.raw
    return "dcgan" if plain else "sngan"


def _training_only(names: Names, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if kind == "ssgan":
        return ("l_y",), ("the critic's head for rotations (l_y) is left out",)
    if kind == "infomax-gan":
        return ("local_nrkhs_*", "global_nrkhs_*"), ("the critic's heads for mutual information are left out",)
    return (), ()


def _family(kind: str, title: str, critic_kind: CriticKind) -> Family:
    conditional = kind in ("cgan-pd", "sagan")
    return Family(
        name=f"mimicry-{kind}",
        title=f"torch-mimicry {title}",
        files="netG, netD: `l1`, `blockN.c1`, also below `model_state_dict`",
        source="https://github.com/kwotsin/mimicry",
        critic_kind=critic_kind,
        generator=functools.partial(_generator, conditional=conditional, attended=kind == "sagan"),
        critic=functools.partial(_critic, kind=kind),
    )


MIMICRY = (
    _family("sngan", "SNGAN", "logit"),
    _family("wgan-gp", "WGAN-GP", "wasserstein"),
    _family("dcgan", "DCGAN", "logit"),
    _family("infomax-gan", "InfoMax-GAN", "logit"),
    _family("ssgan", "SSGAN", "logit"),
    _family("cgan-pd", "cGAN-PD", "logit"),
    _family("sagan", "SAGAN", "logit"),
)
