"""A feature net on bytes, and the statistics of real images in its features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from pairs import InputError, Net
from pairs.feature_nets.classifier import DIMENSIONS, Arch, ClassifierApply, classifier_net

__all__ = ["Features", "Reference", "features_from"]

_apply = jax.jit(lambda apply, params, x: apply(params, x.astype(jnp.float32)), static_argnums=0)


class Reference(NamedTuple):
    """Real features: mean and covariance of ``n`` images in float64, and some of the rows (float32).

    Statistics from a file may lack rows, ``(0, dim)``, and the number of images, ``None``.
    """

    split: str
    n: int | None
    mu: np.ndarray
    sigma: np.ndarray
    rows: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """A feature net on bytes: ``features(x)`` maps uint8 ``(n, H, W, C)`` to float32 ``(n, dim)``."""

    name: str
    dim: int
    sha256: str
    input_shape: tuple[int, ...]
    arch: str
    params: dict[str, Array]
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    batch: int = 250

    @property
    def label(self) -> str:
        """Name for tables: ``fashion-mnist-classifier-a (128-d)``."""
        return f"{self.name} ({self.dim}-d)"

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Features of uint8 images, in batches of one size (one compilation).

        Raises:
          InputError: not uint8, or another image shape than the net was trained on.
        """
        return self._run(x, "features")

    def logits(self, x: ArrayLike) -> np.ndarray:
        """Class logits ``(n, classes)``, for the inception score."""
        return self._run(x, "logits")

    def logits_of(self, rows: np.ndarray, x: ArrayLike) -> np.ndarray:
        """:meth:`logits` of images whose features are at hand, for nets that can take them from there."""
        return self.logits(x)

    def _run(self, x: ArrayLike, output: Any) -> np.ndarray:
        x = np.asarray(x)
        if x.dtype != np.uint8:
            raise InputError("images", f"are {x.dtype}", "convert them with pairs.io.pixels.to_uint8")
        self._check(x)
        apply, parts = self._apply_for(output), []
        for i in range(0, len(x), self.batch):
            part = x[i : i + self.batch]
            padded = np.concatenate([part, np.zeros((self.batch - len(part), *x.shape[1:]), np.uint8)])
            parts.append(np.asarray(_apply(apply, self.params, padded))[: len(part)])
        return np.concatenate(parts)

    def _check(self, x: np.ndarray) -> None:
        if x.shape[1:] != self.input_shape or len(x) == 0:
            remedy = f"{self.name} takes (n, {', '.join(map(str, self.input_shape))})"
            raise InputError("images", f"have shape {x.shape}", remedy)

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return ClassifierApply(self.arch, (0.0, 255.0), output)

    def reference(self, split: str = "test") -> Reference:
        """Statistics of the data the net was trained for."""
        for reference in self.references:
            if reference.split == split:
                return reference
        held = ", ".join(r.split for r in self.references) or "none"
        raise InputError("reference", f"{self.name} has no '{split}' statistics", f"held: {held}; or give real images")

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """The same features, or class logits, as a differentiable :class:`pairs.Net` on floats in ``sample_range``."""
        return classifier_net(self.params, self.arch, self.input_shape, sample_range, output)

    def maps_net(self, sample_range: tuple[float, float]) -> Net | None:
        """The last maps beside the features, which see more of an image than a class needs; None without maps."""
        return classifier_net(self.params, self.arch, self.input_shape, sample_range, "layers")


def features_from(
    name: str, params: dict[str, Array], arch: Arch, input_shape: tuple[int, ...], sha256: str, **more: Any
) -> Features:
    """:class:`Features` from parameters in memory."""
    rows, columns, channels = input_shape
    return Features(name, DIMENSIONS[arch], sha256, (rows, columns, channels), arch, params, **more)
