r"""The DCGAN of PyTorch's examples: five transposed convolutions, and five convolutions, of kernel 4.

Tensors are named ``main.N``; the widths are :math:`8, 4, 2, 1` times ``ngf`` and :math:`1, 2, 4, 8` times ``ndf``.
The critic's final sigmoid is left out, so that its score is the logit.

References:
  Radford et al. (2016), arXiv:1511.06434.
"""

from __future__ import annotations

from typing import Any

from .family import Family, NetPlan, plan
from .names import Names

__all__ = ["DCGAN"]


def _generator(names: Names) -> NetPlan | None:
    first, last = "main.0.weight", "main.12.weight"
    wanted = [f"main.{i}.weight" for i in (0, 1, 3, 4, 6, 7, 9, 10, 12)]
    present = sum(name in names for name in wanted)
    if present < 8 or names.rank(first) != 4 or "main.1.running_mean" not in names:
        return None
    latent, top, *taps = names[first]
    width, channels = names[last][:2]
    if taps != [4, 4] or top != 8 * width or names["main.1.weight"] != (top,):
        return None
    layers: list[dict[str, Any]] = [{"layer": "unflatten", "shape": [latent, 1, 1]}]
    for i, out in enumerate((8 * width, 4 * width, 2 * width, width, channels)):
        placed = {"stride": 1, "padding": 0} if i == 0 else {"stride": 2, "padding": 1}
        one = {"layer": "conv_transpose", "out": out, "kernel": 4, "bias": False, "name": f"main.{3 * i}"}
        layers.append({**one, **placed})
        layers += [{"layer": "batch_norm", "name": f"main.{3 * i + 1}"}, {"layer": "relu"}] if i < 4 else []
    words = f"64 x 64 x {channels}, {latent} latents, ngf {width}"
    return plan(words, (latent,), (64, 64, channels), [*layers, {"layer": "tanh"}])


def _critic(names: Names, generator: NetPlan) -> NetPlan | None:
    wanted = [f"main.{i}.weight" for i in (0, 2, 3, 5, 6, 8, 9, 11)]
    present = sum(name in names for name in wanted)
    if present < 7 or "main.3.running_mean" not in names or names.rank("main.0.weight") != 4:
        return None
    width, channels, *taps = names["main.0.weight"]
    if taps != [4, 4] or names["main.2.weight"] != (2 * width, width, 4, 4):
        return None
    layers: list[dict[str, Any]] = []
    for i, out in enumerate((width, 2 * width, 4 * width, 8 * width, 1)):
        placed = {"stride": 1, "padding": 0} if i == 4 else {"stride": 2, "padding": 1}
        name = f"main.{max(3 * i - 1, 0)}"
        layers.append({"layer": "conv", "out": out, "kernel": 4, "bias": False, "name": name, **placed})
        layers += [{"layer": "batch_norm", "name": f"main.{3 * i}"}] if 0 < i < 4 else []
        layers += [{"layer": "leaky_relu", "slope": 0.2}] if i < 4 else []
    words = f"64 x 64 x {channels}, ndf {width}"
    note = "the critic's final sigmoid is left out: its score is the logit"
    return plan(words, (64, 64, channels), (), [*layers, {"layer": "squeeze"}], notes=(note,))


DCGAN = Family(
    name="pytorch-dcgan",
    title="PyTorch examples' DCGAN",
    files="netG, netD: `main.N`",
    source="https://github.com/pytorch/examples (dcgan)",
    critic_kind="logit",
    generator=_generator,
    critic=_critic,
)
