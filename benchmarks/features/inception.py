r"""Inception-v3 as the Frechet inception distance uses it (arXiv 1706.08500), with weights the user supplies.

The net of the 2015 TensorFlow release: BatchNorm with epsilon 1e-3, mean pools that do
not count padding, a max pool in the last block, 1008 classes. Images are resized to 299 x 299 and scaled by one of
three published protocols (:mod:`benchmarks.features.resizing`); the net's name says which. The default is the way of
TensorFlow 1, which torch-fidelity keeps. Features are the 2048 spatial means before the classifier.
The weights (``pt_inception-2015-12-05-6726825d.pth``, a plain state dict, also published with
torch-fidelity) are not shipped; their sha256 is checked. Everything else about resizing or
scaling changes the number.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import ArrayLike

from pairs import InputError, Net
from pairs.arrays import on_device

from .feature_net import Features
from .resizing import RESIZES, Resize, resized

__all__ = ["InceptionFeatures", "InceptionApply", "load_inception", "SHA256"]

_NAME = "inception-2015-12-05"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

# name:HxWxOUT, "/2" stride 2 without padding, "!" no padding, "a&b" two layers on one input side by side
_STEM = (
    "Conv2d_1a_3x3:3x3x32/2 Conv2d_2a_3x3:3x3x32! Conv2d_2b_3x3:3x3x64 max",
    "Conv2d_3b_1x1:1x1x80 Conv2d_4a_3x3:3x3x192! max",
)
_DBL = "branch3x3dbl_1:1x1x64 branch3x3dbl_2:3x3x96 branch3x3dbl_3:3x3x96"


def _a(pool: int) -> tuple[str, ...]:
    return "branch1x1:1x1x64", "branch5x5_1:1x1x48 branch5x5_2:5x5x64", _DBL, f"mean branch_pool:1x1x{pool}"


def _c(c: int) -> tuple[str, ...]:
    double = f"branch7x7dbl_1:1x1x{c} branch7x7dbl_2:7x1x{c} branch7x7dbl_3:1x7x{c} branch7x7dbl_4:7x1x{c}"
    single = f"branch7x7_1:1x1x{c} branch7x7_2:1x7x{c} branch7x7_3:7x1x192"
    return "branch1x1:1x1x192", single, f"{double} branch7x7dbl_5:1x7x192", "mean branch_pool:1x1x192"


def _e(pool: str) -> tuple[str, ...]:
    return (
        "branch1x1:1x1x320",
        "branch3x3_1:1x1x384 branch3x3_2a:1x3x384&branch3x3_2b:3x1x384",
        "branch3x3dbl_1:1x1x448 branch3x3dbl_2:3x3x384 branch3x3dbl_3a:1x3x384&branch3x3dbl_3b:3x1x384",
        f"{pool} branch_pool:1x1x192",
    )


_BLOCKS: dict[str, tuple[str, ...]] = {
    "Mixed_5b": _a(32),
    "Mixed_5c": _a(64),
    "Mixed_5d": _a(64),
    "Mixed_6a": ("branch3x3:3x3x384/2", f"{_DBL}/2", "max"),
    "Mixed_6b": _c(128),
    "Mixed_6c": _c(160),
    "Mixed_6d": _c(160),
    "Mixed_6e": _c(192),
    "Mixed_7a": (
        "branch3x3_1:1x1x192 branch3x3_2:3x3x320/2",
        "branch7x7x3_1:1x1x192 branch7x7x3_2:1x7x192 branch7x7x3_3:7x1x192 branch7x7x3_4:3x3x192/2",
        "max",
    ),
    "Mixed_7b": _e("mean"),
    "Mixed_7c": _e("max_same"),
}

Layer = Callable[[str, tuple[int, int, int], int, bool, Array], Array]
"""``(name, (height, width, outputs), stride, padded, x) -> y``."""


def _chain(spec: str, prefix: str, x: Array, layer: Layer) -> Array:
    for token in spec.split():
        if ":" in token:
            x = jnp.concatenate([_conv(part, prefix, x, layer) for part in token.split("&")], axis=-1)
        elif token == "mean":
            ones = jnp.ones((1, *x.shape[1:3], 1), x.dtype)
            add = lambda v: lax.reduce_window(v, 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")
            x = add(x) / add(ones)
        else:
            stride, padding = (1, "SAME") if token == "max_same" else (2, "VALID")
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, stride, stride, 1), padding)
    return x


def _conv(token: str, prefix: str, x: Array, layer: Layer) -> Array:
    name, size = token.rstrip("!").removesuffix("/2").split(":")
    height, width, outputs = map(int, size.split("x"))
    plain = not token.endswith(("/2", "!"))
    return layer(prefix + name, (height, width, outputs), 2 if token.endswith("/2") else 1, plain, x)


def _walk(x: Array, layer: Layer) -> Array:
    """``(B, 299, 299, 3) -> (B, 2048)``."""
    for spec in _STEM:
        x = _chain(spec, "", x, layer)
    for block, branches in _BLOCKS.items():
        x = jnp.concatenate([_chain(branch, f"{block}.", x, layer) for branch in branches], axis=-1)
    return jnp.mean(x, axis=(1, 2))


def kernel_shapes() -> dict[str, tuple[int, ...]]:
    """Shape ``(height, width, in, out)`` of every convolution by its published name."""
    found: dict[str, tuple[int, ...]] = {}

    def layer(name: str, size: tuple[int, int, int], stride: int, padded: bool, x: Array) -> Array:
        found[name] = (*size[:2], x.shape[-1], size[2])
        return _convolve(x, jnp.zeros(found[name]), stride, padded)

    jax.eval_shape(lambda x: _walk(x, layer), jax.ShapeDtypeStruct((1, 299, 299, 3), jnp.float32))
    return found


def _convolve(x: Array, kernel: Array, stride: int, padded: bool) -> Array:
    padding = [(k // 2, k // 2) if padded else (0, 0) for k in kernel.shape[:2]]
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


@dataclasses.dataclass(frozen=True)
class InceptionApply:
    """``(params, x) -> (batch, 2048)``, or logits without bias ``(batch, 1008)``; grey counts as colour."""

    sample_range: tuple[float, float] = (0.0, 255.0)
    output: Literal["features", "logits"] = "features"
    resize: Resize = "torch-fidelity"

    def __call__(self, params: Any, x: Array) -> Array:
        """Features ``(batch, 2048)`` of images."""
        low, high = self.sample_range
        x = resized(jnp.broadcast_to((x - low) * (255 / (high - low)), (*x.shape[:3], 3)), self.resize)

        def layer(name: str, size: tuple[int, int, int], stride: int, padded: bool, x: Array) -> Array:
            y = _convolve(x, params[f"{name}.kernel"], stride, padded)
            return jax.nn.relu(y + params[f"{name}.bias"])

        h = _walk(x, layer)
        return h if self.output == "features" else h @ params["fc.kernel"]


@dataclasses.dataclass(frozen=True, eq=False)
class InceptionFeatures(Features):
    """:class:`Features` of any image size, grey or colour. No reference comes with it: give real images."""

    resize: Resize = "torch-fidelity"

    def resized_as(self, resize: str) -> InceptionFeatures:
        """The same weights with another protocol of resizing, which the name tells.

        Raises:
          InputError: An unknown protocol.
        """
        if resize not in RESIZES:
            raise InputError("resize", f"is {resize!r}", f"give {', '.join(RESIZES)}")
        return dataclasses.replace(self, name=f"{_NAME}-{resize}", resize=cast(Resize, resize))

    def logits_of(self, rows: np.ndarray, x: ArrayLike) -> np.ndarray:
        """Class logits of features that were already computed: they are linear in these."""
        return rows @ np.asarray(self.params["fc.kernel"], rows.dtype)

    def _check(self, x: np.ndarray) -> None:
        if x.ndim != 4 or x.shape[-1] not in (1, 3) or len(x) == 0:
            raise InputError("images", f"have shape {x.shape}", "give (n, H, W, 1 or 3)")

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return InceptionApply((0.0, 255.0), output, self.resize)

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """The net on samples of a range, differentiable."""
        return Net(self.params, InceptionApply(sample_range, output, self.resize))

    def maps_net(self, sample_range: tuple[float, float]) -> None:
        """None: critics stand on the features."""


def load_inception(path: str | Path, sha256: str = SHA256, resize: Resize = "torch-fidelity") -> InceptionFeatures:
    """Read the published weights; BatchNorm is folded into the kernels.

    Args:
      path: The file.
      sha256: Its digest.
      resize: How images are resized.

    Raises:
      InputError: missing file, another sha256 than expected, tensors of another net.
    """
    from checkpoints import read_tensors

    path = Path(path)
    if not path.is_file():
        remedy = "give the path of pt_inception-2015-12-05-6726825d.pth"
        raise InputError("features", f"{path} does not exist", remedy)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise InputError("features", f"{path} has sha256 {found[:16]}..., not {sha256[:16]}...", "fetch it again")
    tensors, params = read_tensors(path), {}
    for name, shape in kernel_shapes().items():
        try:
            kernel = np.asarray(tensors[f"{name}.conv.weight"], np.float64).transpose(2, 3, 1, 0)
            gain, offset, mean, variance = (
                np.asarray(tensors[f"{name}.bn.{part}"], np.float64)
                for part in ("weight", "bias", "running_mean", "running_var")
            )
        except KeyError as error:
            raise InputError("features", f"{path} has no tensor {error}", "give the FID Inception weights") from None
        if kernel.shape != shape:
            raise InputError("features", f"{name} has shape {kernel.shape}", "give the FID Inception weights")
        scale = gain / np.sqrt(variance + 1e-3)
        params[f"{name}.kernel"] = on_device((kernel * scale).astype(np.float32))
        params[f"{name}.bias"] = on_device((offset - mean * scale).astype(np.float32))
    params["fc.kernel"] = on_device(np.asarray(tensors["fc.weight"], np.float32).T)
    card = {"classes": 1008}
    net = InceptionFeatures(_NAME, 2048, found, (299, 299, 3), "inception", params, card, batch=25)
    return net.resized_as(resize)
