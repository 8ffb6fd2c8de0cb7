"""GANs given by layer lists, trained in PyTorch for a few hundred steps: weights that an import has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pairs.sequential.spec import infer_shapes

__all__ = ["train_gan"]

_SHORT = {"dense": "fc", "conv": "conv", "conv_transpose": "deconv", "batch_norm": "bn", "instance_norm": "norm"}


def _module(spec: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
    kind, inputs, get = spec["layer"], shape[-1], spec.get
    flat, line = len(shape) == 1, len(shape) == 2
    if kind == "dense":
        return nn.Linear(inputs, spec["out"], get("bias", True))
    if kind in ("conv", "conv_transpose"):
        sides = [spec["out"], spec["kernel"], spec["stride"], spec["padding"]]
        if kind == "conv":
            return (nn.Conv1d if line else nn.Conv2d)(inputs, *sides, bias=get("bias", True))
        make = nn.ConvTranspose1d if line else nn.ConvTranspose2d
        return make(inputs, *sides, output_padding=get("output_padding", 0), bias=get("bias", True))
    if kind == "batch_norm":
        return (nn.BatchNorm1d if flat or line else nn.BatchNorm2d)(inputs, eps=get("eps", 1e-5))
    makers = {
        "instance_norm": lambda: nn.InstanceNorm2d(inputs, affine=True),
        "relu": nn.ReLU,
        "elu": nn.ELU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "leaky_relu": lambda: nn.LeakyReLU(get("slope", 0.01)),
        "flatten": nn.Flatten,
        "unflatten": lambda: nn.Unflatten(1, spec["shape"]),
        "upsample": lambda: nn.Upsample(scale_factor=2, mode=get("mode", "nearest")),
    }
    return makers[kind]()


class _Named(nn.Module):
    """Modules with tensors as attributes; the others stand in ``forward``."""

    def __init__(self, specs: Sequence[Mapping[str, Any]], modules: Sequence[Any]):
        super().__init__()
        self.steps, seen = [], {}
        for spec, module in zip(specs, modules, strict=True):
            short = _SHORT.get(spec["layer"])
            if short is None:
                self.steps.append(module)
                continue
            seen[short] = seen.get(short, 0) + 1
            setattr(self, f"{short}{seen[short]}", module)
            self.steps.append(f"{short}{seen[short]}")

    def forward(self, x: Any) -> Any:
        for step in self.steps:
            x = getattr(self, step)(x) if isinstance(step, str) else step(x)
        return x


def _net(specs: Sequence[Mapping[str, Any]], shape: tuple[int, ...], named: bool) -> Any:
    shapes = infer_shapes(list(specs), shape)
    modules = [_module(spec, before) for spec, before in zip(specs, shapes, strict=False)]
    for module in modules:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.05)
    return _Named(specs, modules) if named else nn.ModuleDict({"main": nn.Sequential(*modules)})["main"]


def _loss(kind: str, real: Any, fake: Any) -> Any:
    if kind == "logit":
        return functional.softplus(-real).mean() + functional.softplus(fake).mean()
    if kind == "least_squares":
        return ((real - 1) ** 2).mean() + (fake**2).mean()
    return fake.mean() - real.mean()


def _slope(critic: Any, x: Any, y: Any) -> Any:
    """Gradient penalty between both sets."""
    share = torch.rand(len(x), *(1,) * (x.ndim - 1))
    at = (share * x + (1 - share) * y).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def train_gan(
    generator: Sequence[Mapping[str, Any]],
    critic: Sequence[Mapping[str, Any]],
    prior: tuple[str, int],
    data: np.ndarray,
    kind: str,
    *,
    named: bool = False,
    steps: int = 300,
    rate: float = 2e-4,
    batch: int = 64,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """Train both nets, and store what they compute.

    Args:
      generator: Layers of the generator.
      critic: Layers of the critic.
      prior: ``normal`` or ``uniform`` on [-1, 1], and the number of latents.
      data: Real samples in PyTorch's order and in the range of the samples.
      kind: What the critic is trained for.
      named: Modules are attributes, not members of a ``Sequential``.
      steps: Updates of the generator; a Wasserstein critic has three for each.
      rate: Learning rate of Adam.
      batch: Rows of an update.
      seed: Of weights and draws.

    Returns:
      State dicts of both, and the arrays of a golden file.
    """
    torch.manual_seed(seed)
    x = torch.from_numpy(np.ascontiguousarray(data, np.float32))
    sample = (*x.shape[2:], x.shape[1])
    g, d = _net(generator, (prior[1],), named), _net(critic, sample, named)
    g_step = torch.optim.Adam(g.parameters(), rate, (0.5, 0.999))
    d_step = torch.optim.Adam(d.parameters(), rate, (0.5, 0.999))
    latents = lambda n: torch.randn(n, prior[1]) if prior[0] == "normal" else 2 * torch.rand(n, prior[1]) - 1
    for _ in range(steps):
        for _ in range(3 if kind == "wasserstein" else 1):
            real, fake = x[torch.randint(len(x), (batch,))], g(latents(batch)).detach()
            loss = _loss(kind, d(real), d(fake))
            if kind == "wasserstein":
                loss = loss + 10 * _slope(d, real, fake)
            d_step.zero_grad(), loss.backward(), d_step.step()
        score = d(g(latents(batch)))
        aim = {"logit": lambda s: functional.softplus(-s), "least_squares": lambda s: (s - 1) ** 2}
        loss = aim.get(kind, lambda s: -s)(score).mean()
        g_step.zero_grad(), loss.backward(), g_step.step()
    with torch.no_grad():
        z = latents(8)
        made = g.eval()(z)
        golden = {"z": z.numpy(), "x": made.numpy(), "score": d.eval()(made).numpy().reshape(-1)}
    return g.state_dict(), d.state_dict(), golden
