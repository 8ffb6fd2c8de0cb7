"""Nets with everything that makes import hard, written by both exporters of PyTorch, keep values and gradients.

Float32 sums of some thousand terms through a dozen layers in another order differ by a few 1e-6 of the largest number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints.graphs.nets import onnx_critic, onnx_generator
from pairs import Normal

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
torch = pytest.importorskip("torch")
nn, functional, parametrize = torch.nn, torch.nn.functional, torch.nn.utils.parametrize
spectral_norm, weight_norm = torch.nn.utils.parametrizations.spectral_norm, torch.nn.utils.parametrizations.weight_norm

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

_TOLERANCE = 1e-5


class _Attention(nn.Module):
    """Dot products between pixels, added with a learned weight."""

    def __init__(self, channels: int):
        super().__init__()
        self.query, self.key = (spectral_norm(nn.Conv2d(channels, 4, 1)) for _ in range(2))
        self.value, self.gain = spectral_norm(nn.Conv2d(channels, channels, 1)), nn.Parameter(torch.tensor(0.4))

    def forward(self, x: Any) -> Any:
        q, k, v = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        weight = torch.softmax(q.transpose(1, 2) @ k, dim=-1)
        return x + self.gain * (v @ weight.transpose(1, 2)).view(x.shape)


class _Up(nn.Module):
    """Residual block that doubles the size bilinearly."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm, self.main = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.side = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Any) -> Any:
        grow = lambda t: functional.interpolate(t, scale_factor=2, mode="bilinear", align_corners=False)
        return self.main(grow(functional.relu(self.norm(x)))) + self.side(grow(x))


class _Generator(nn.Module):
    """Label embedding, normalised latents, attention, pixel shuffle, PReLU, GroupNorm, reflection padding."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.first = nn.Embedding(7, 5), nn.Linear(17, 16 * 16)
        self.up, self.attend = _Up(16, 16), _Attention(16)
        self.wide, self.shuffle, self.prelu = nn.Conv2d(16, 32, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(8)
        self.groups, self.pad, self.last = nn.GroupNorm(2, 8), nn.ReflectionPad2d(1), nn.Conv2d(8, 3, 3)

    def forward(self, z: Any, y: Any) -> Any:
        z = z * torch.rsqrt(z.pow(2).mean(1, keepdim=True) + 1e-8)
        h = self.first(torch.cat([z, self.table(y)], 1)).view(-1, 16, 4, 4)
        h = self.prelu(self.shuffle(self.wide(self.attend(self.up(h)))))
        return torch.tanh(self.last(self.pad(self.groups(h))))


class _Critic(nn.Module):
    """Spectral and weight norm, residual pooling, InstanceNorm, LayerNorm, minibatch deviation, label projection."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.side = spectral_norm(nn.Conv2d(3, 8, 3, padding=1)), spectral_norm(nn.Conv2d(8, 12, 1))
        self.main, self.instance = spectral_norm(nn.Conv2d(8, 12, 3, padding=1)), nn.InstanceNorm2d(12, affine=True)
        self.down, self.layer = weight_norm(nn.Conv2d(12, 12, 4, 2, 1)), nn.LayerNorm([12, 4, 4])
        self.drop, self.late = nn.Dropout2d(0.3), nn.Conv2d(13, 12, 3, padding=1)
        self.score, self.table = spectral_norm(nn.Linear(12, 1)), nn.Embedding(7, 12)

    def forward(self, x: Any, y: Any) -> Any:
        h = self.start(x)
        h = functional.avg_pool2d(self.main(functional.elu(h)), 2) + self.side(functional.avg_pool2d(h, 2))
        h = functional.silu(self.layer(self.down(functional.leaky_relu(self.instance(h), 0.2))))
        h = self.drop(h)
        spread = h.var(0, unbiased=False).add(1e-8).sqrt().mean().expand(h.shape[0], 1, 4, 4)
        h = functional.gelu(self.late(torch.cat([h, spread], 1))).sum((2, 3))
        return (self.score(h) + (h * self.table(y)).sum(1, keepdim=True)).squeeze(1)


def _export(model: Any, inputs: tuple, path: Path, new: bool) -> Path:
    if new:
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} for _ in inputs)
        torch.onnx.export(model, inputs, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
        return path
    for module in model.modules():  # the older exporter cannot read parametrised weights
        for name in list(getattr(module, "parametrizations", ())):
            parametrize.remove_parametrizations(module, name)
    axes = {n: {0: "batch"} for n in ("main", "labels")}
    torch.onnx.export(model, inputs, path, dynamo=False, input_names=list(axes), dynamic_axes=axes, opset_version=17)
    return path


def _check(net: Any, x: np.ndarray, y: np.ndarray, expected: np.ndarray, way: np.ndarray, slope: np.ndarray) -> None:
    def both(net: Any, x: Any) -> Any:
        value, pull = jax.vjp(lambda v: net(v, jnp.asarray(y)), x)
        return value, pull(jnp.asarray(way))[0]

    value, gradient = jax.jit(both)(net, jnp.asarray(x))
    for found, wanted in ((value, expected), (gradient, slope)):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=0, atol=_TOLERANCE * np.abs(wanted).max())


def _torch_values(model: Any, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = x.clone().requires_grad_(True)
    out = model(x, y)
    way = torch.randn_like(out)
    (out * way).sum().backward()
    return out.detach().numpy(), way.numpy(), x.grad.numpy()


def _settled(model: Any) -> Any:
    """Running statistics that are not those of initialisation."""
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.data.add_(0.2 * torch.rand_like(buffer))
    return model.eval()


@pytest.mark.parametrize("new", [True, False])
def test_a_hard_generator(new: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, z, y = _settled(_Generator()), torch.randn(3, 12), torch.tensor([1, 6, 0])
    made = onnx_generator(_export(model, (z, y), tmp_path / "g.onnx", new), Normal((12,)))
    assert made.face.sample == (16, 16, 3) and made.face.classes == 7 and made.sample_range == (-1.0, 1.0)
    z, y = torch.randn(4, 12), torch.tensor([1, 6, 0, 3])  # another batch than at export
    x, way, slope = _torch_values(model, z, y)
    _check(made.net, z.numpy(), y.numpy(), np.moveaxis(x, 1, -1), np.moveaxis(way, 1, -1), slope)


@pytest.mark.parametrize("new", [True, False])
def test_a_hard_critic(new: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model, x, y = _settled(_Critic()), torch.randn(3, 3, 16, 16), torch.tensor([1, 6, 0])
    made = onnx_critic(_export(model, (x, y), tmp_path / "d.onnx", new), (16, 16, 3), classes=7)
    x, y = torch.randn(4, 3, 16, 16), torch.tensor([1, 6, 0, 3])
    score, way, slope = _torch_values(model, x, y)
    _check(made.net, np.moveaxis(x.numpy(), 1, -1), y.numpy(), score, way, np.moveaxis(slope, 1, -1))
