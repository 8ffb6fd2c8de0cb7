"""Latent Langevin as a plain PyTorch loop on the same weights: what a user would write by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs import InputError, Net, Pair

__all__ = ["TorchJob", "import_torch"]


def import_torch() -> Any:
    """PyTorch, or an error that says how to get it."""
    try:
        import torch
    except ImportError:
        raise InputError("torch", "is not installed", "pip install 'ganrefine[peers]', or leave out --torch") from None
    return torch


class TorchJob:
    """Generator and critic in PyTorch (NCHW), and one gradient or Langevin step on them."""

    def __init__(self, pair: Pair, threads: int):
        self.torch = import_torch()
        self.torch.set_num_threads(threads)
        # tiny numbers in saturated units cost PyTorch a factor of ten on CPU: the fair baseline flushes them
        self.torch.set_flush_denormal(True)
        self.generator, self.critic = (
            self._module(net).eval().requires_grad_(False) for net in (pair.generator, pair.critic)
        )

    def gradient(self, z: Any, space: str) -> tuple[Any, Any]:
        """Score and gradient of the latent target with prior, or of the critic alone in pixel space."""
        u = z.detach().requires_grad_(True)
        score = self.critic(self.generator(u) if space == "latent" else u).reshape(len(u))
        target = score - 0.5 * (u * u).sum(1) if space == "latent" else score
        (grad,) = self.torch.autograd.grad(target.sum(), u)
        return score.detach(), grad

    def step(self, u: Any, space: str, eta: float) -> Any:
        """One unadjusted Langevin step at temperature 1."""
        _, grad = self.gradient(u, space)
        return u + eta * grad + (2 * eta) ** 0.5 * self.torch.randn_like(u)

    def _module(self, net: Net) -> Any:
        if net.architecture is None:
            raise InputError("pair", "has a net without a stored architecture", "give a bundled or imported pair")
        name, config = net.architecture.name, net.architecture.config
        if name == "sequential":
            return self._sequential(config["layers"], net.params)
        if name in ("wgan-gp/generator", "wgan-gp/critic"):
            return self._wgan_gp(name, config.to_dict(), net.params)
        raise InputError("pair", f"has a '{name}' net", "this comparison knows sequential and wgan-gp nets")

    def _tensor(self, value: Any) -> Any:
        return self.torch.from_numpy(np.array(value, np.float32))

    def _load(self, module: Any, **arrays: Any) -> Any:
        module.load_state_dict({k: self._tensor(v) for k, v in arrays.items()}, strict=False)
        return module

    def _conv(self, w: Any, b: Any, stride: int, padding: int) -> Any:
        w = np.asarray(w).transpose(3, 2, 0, 1)
        layer = self.torch.nn.Conv2d(w.shape[1], w.shape[0], w.shape[2], stride, padding, bias=b is not None)
        return self._load(layer, weight=w, **({} if b is None else {"bias": b}))

    def _conv_transpose(self, w: Any, b: Any, stride: int, padding: int, extra: int = 0) -> Any:
        w = np.asarray(w).transpose(2, 3, 0, 1)
        nn = self.torch.nn
        layer = nn.ConvTranspose2d(w.shape[0], w.shape[1], w.shape[2], stride, padding, extra, bias=b is not None)
        return self._load(layer, weight=w, **({} if b is None else {"bias": b}))

    def _dense(self, w: Any, b: Any) -> Any:
        w = np.asarray(w).T
        layer = self.torch.nn.Linear(w.shape[1], w.shape[0], bias=b is not None)
        return self._load(layer, weight=w, **({} if b is None else {"bias": b}))

    def _norm(self, p: dict[str, Any], eps: float) -> Any:
        layer = self.torch.nn.BatchNorm2d(len(np.asarray(p["mean"])), eps)
        return self._load(layer, weight=p["scale"], bias=p["bias"], running_mean=p["mean"], running_var=p["var"])

    def _sequential(self, specs: list[dict[str, Any]], params: Any) -> Any:
        nn, layers = self.torch.nn, []
        for spec, p in zip(specs, params, strict=True):
            kind = spec["layer"]
            stride, padding = spec.get("stride", 1), spec.get("padding", 0)
            if kind == "dense":
                layers.append(self._dense(p["kernel"], p.get("bias")))
            elif kind == "conv":
                layers.append(self._conv(p["kernel"], p.get("bias"), stride, padding))
            elif kind == "conv_transpose":
                layers.append(
                    self._conv_transpose(p["kernel"], p.get("bias"), stride, padding, spec.get("output_padding", 0))
                )
            elif kind == "batch_norm":
                layers.append(self._norm(p, spec.get("eps", 1e-5)))
            elif kind in ("relu", "tanh", "silu"):
                layers.append({"relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}[kind]())
            elif kind == "leaky_relu":
                layers.append(nn.LeakyReLU(spec.get("slope", 0.01)))
            elif kind == "flatten":
                layers.append(nn.Flatten())
            elif kind in ("unflatten", "reshape"):
                layers.append(nn.Unflatten(1, tuple(spec["shape"])))
            elif kind == "squeeze":
                layers.append(nn.Flatten(0))
            else:
                raise InputError("pair", f"has a '{kind}' layer", "this comparison does not know it")
        return nn.Sequential(*layers)

    def _wgan_gp(self, name: str, config: dict[str, Any], params: Any) -> Any:
        torch, p = self.torch, params
        nn, base, width = torch.nn, config["size"] // 4, config["width"]
        if name.endswith("generator"):
            dense = np.asarray(p["dense"]["kernel"]).reshape(-1, base, base, 2 * width).transpose(0, 3, 1, 2)
            return nn.Sequential(
                self._dense(dense.reshape(len(dense), -1), None),
                nn.Unflatten(1, (2 * width, base, base)),
                self._norm(p["norm1"], 1e-5),
                nn.ReLU(),
                self._conv_transpose(p["up1"]["kernel"], p["up1"]["bias"], 2, 1),
                self._norm(p["norm2"], 1e-5),
                nn.ReLU(),
                self._conv_transpose(p["up2"]["kernel"], p["up2"]["bias"], 2, 1),
                nn.Tanh(),
            )
        head = np.asarray(p["dense"]["kernel"]).reshape(base, base, 2 * width, 1).transpose(2, 0, 1, 3).reshape(-1, 1)
        return nn.Sequential(
            self._conv(p["down1"]["kernel"], p["down1"]["bias"], 2, 1),
            nn.LeakyReLU(0.2),
            self._conv(p["down2"]["kernel"], p["down2"]["bias"], 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            self._dense(head, p["dense"]["bias"]),
            nn.Flatten(0),
        )
