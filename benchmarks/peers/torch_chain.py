r"""The unadjusted Langevin chain in PyTorch on any device: eager, compiled, and compiled with CUDA graphs.

.. math:: u' = P\left(u + \eta \nabla\log\pi(u) + \sqrt{2\eta}\,\xi\right)

with :math:`\log\pi(z) = D(G(z)) - \lVert z\rVert^2/2` for latents, and :math:`D(x)` with P the cut to the range for
samples. The compiled forms take the whole step, gradient, noise and cut, as one program where PyTorch can compile that,
else the target alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pairs import InputError, Pair

from .torch_modules import torch_nets

__all__ = ["KINDS", "TorchChain", "set_precision"]

KINDS = ("eager", "autocast", "compiled", "CUDA graphs")
"""Ways to run the chain; autocast is eager with float32 weights, cast by PyTorch at every use."""


def set_precision(precision: str) -> None:
    """Allow TF32 or not, for products and convolutions; let cuDNN measure its algorithms."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True


class TorchChain:
    """One pair, one space and one precision on one device.

    Args:
      pair: Of nets that :func:`torch_nets` knows, in float32.
      space: ``latent`` or ``pixel``.
      start: ``(batch, ...)`` latents, or samples with channels last.
      step_size: Eta.
      precision: ``float32``, ``tf32`` or ``bfloat16``.
      threads: Of PyTorch on the CPU.

    Raises:
      InputError: Another prior than the standard normal one, or nets that are not known.
    """

    def __init__(self, pair: Pair, space: str, start: np.ndarray, step_size: float, precision: str, threads: int):
        law = pair.prior.record()
        if space == "latent" and (law["kind"] != "normal" or law.get("scale", 1.0) != 1.0):
            raise InputError("prior", f"is {law['kind']}", "this comparison knows the standard normal prior")
        set_precision(precision)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.space, self.precision, self.step_size = space, precision, step_size
        self.range = None if space == "latent" else pair.sample_range
        nets = torch_nets(pair, threads)
        self.plain = tuple(n.to(self.device, memory_format=torch.channels_last) for n in nets)
        self.nets = self.plain
        self.dtype = torch.float32
        if precision == "bfloat16":
            self.dtype = torch.bfloat16
            self.nets = tuple(copy.deepcopy(n).to(torch.bfloat16) for n in self.plain)
        u = torch.from_numpy(np.array(start, np.float32))
        if space == "pixel" and u.ndim == 4:
            u = u.permute(0, 3, 1, 2)  # channels last in memory already
        self.start = u.to(self.device)
        torch.manual_seed(0)

    def value(self, u: Any) -> Any:
        """Sum of the log densities."""
        return self._value(self.nets, u.to(self.dtype), u)

    def gradient(self) -> np.ndarray:
        """Gradient at the start, channels last."""
        u = self.start.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(self.value(u), u)
        g = g.permute(0, 2, 3, 1) if self.space == "pixel" and g.ndim == 4 else g
        return g.float().cpu().numpy()

    def job(self, kind: str) -> tuple[Callable[[int], None], str]:
        """A function that does so many steps and waits for them, and what is compiled.

        Raises:
          InputError: A way that this device or precision does not have.
        """
        if kind == "eager":
            return self._loop(lambda u: self._halves(self.value, u)), "nothing"
        if kind == "autocast":
            if self.precision != "bfloat16":
                raise InputError("autocast", f"is not for {self.precision}", "use bfloat16")
            return self._loop(self._cast), "nothing"
        if kind == "CUDA graphs" and self.device.type != "cuda":
            raise InputError("CUDA graphs", "need a CUDA device", "use one")
        mode = "reduce-overhead" if kind == "CUDA graphs" else "default"
        # an output of a graph is overwritten by its next run
        kept = (lambda u: u.clone()) if kind == "CUDA graphs" else (lambda u: u)
        try:
            whole = torch.compile(self._step, mode=mode, dynamic=False, fullgraph=True)
            run = self._loop(lambda u: kept(whole(u)), graphs=kind == "CUDA graphs")
            run(2)
            return run, "the step"
        except Exception as error:  # PyTorch's compiler may raise anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        target = torch.compile(self.value, mode=mode, dynamic=False)
        run = self._loop(lambda u: kept(self._halves(target, u)), graphs=kind == "CUDA graphs")
        run(2)
        return run, f"the target ({reason})"

    def generate(self) -> Callable[[], None]:
        """A function that makes one batch of samples without gradients and waits for it."""

        def run() -> None:
            with torch.no_grad():
                self.nets[0](self.start.to(self.dtype))
            self._wait()

        return run

    def _value(self, nets: Any, x: Any, u: Any) -> Any:
        generator, critic = nets
        score = critic(generator(x) if self.space == "latent" else x).reshape(len(u)).float()
        return score.sum() - 0.5 * (u * u).sum() if self.space == "latent" else score.sum()

    def _moved(self, u: Any, gradient: Any) -> Any:
        u = u + self.step_size * gradient + (2 * self.step_size) ** 0.5 * torch.randn_like(u)
        return u if self.range is None else u.clamp(*self.range)

    def _step(self, u: Any) -> Any:
        return self._moved(u, torch.func.grad(self.value)(u))

    def _halves(self, value: Callable[[Any], Any], u: Any) -> Any:
        with torch.enable_grad():
            v = u.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(value(v), v)
        return self._moved(u, gradient)

    def _cast(self, u: Any) -> Any:
        def value(v: Any) -> Any:
            with torch.autocast(self.device.type, torch.bfloat16):
                return self._value(self.plain, v, v)

        return self._halves(value, u)

    def _loop(self, step: Callable[[Any], Any], graphs: bool = False) -> Callable[[int], None]:
        def run(steps: int) -> None:
            u = self.start
            with torch.no_grad():
                for _ in range(steps):
                    if graphs:
                        torch.compiler.cudagraph_mark_step_begin()
                    u = step(u)
            self._wait()

        return run

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
