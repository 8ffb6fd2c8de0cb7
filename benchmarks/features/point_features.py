r"""Features of points, series and other vectors, without training: random Fourier features.

.. math:: \phi_k(x) = \sqrt{2/K}\,\cos(w_k^\top \bar x + b_k), \qquad w_k = g_k / \ell_k,\; g_k \sim N(0, I),\;
   b_k \sim U(0, 2\pi)

of the standardised sample :math:`\bar x`, with lengths :math:`\ell_k` spread evenly in logarithm from a twentieth of
the median distance of two real samples to the whole of it. The means of the features are samples of the law's
characteristic function (arXiv 1506.04725), in which two laws that differ, differ almost surely; a Frechet distance of
the features, unlike one of the coordinates, sees more than two moments.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError, Net

from ..metrics import moments
from .feature_net import Features, Reference

__all__ = ["PointFeatures", "point_features"]

COUNT = 64
"""Features; a verdict needs twice as many samples as there are."""
SHORTEST = 0.05
_PAIRS, _KEPT = 2000, 2000


@dataclasses.dataclass(frozen=True, eq=False)
class PointFeatures(Features):
    """:class:`Features` of float samples ``(n, *sample)``; ``input_shape`` is the shape of one."""

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Features ``(n, dim)`` of samples.

        Raises:
          InputError: Samples of another shape.
        """
        rows = np.asarray(x, np.float64)
        if rows.shape[1:] != self.input_shape or not len(rows):
            remedy = f"give (n, {', '.join(map(str, self.input_shape))})"
            raise InputError("samples", f"have shape {rows.shape}", remedy)
        p: dict[str, Any] = self.params
        flat = (rows.reshape(len(rows), -1) - p["center"]) / p["spread"]
        return np.sqrt(2 / self.dim) * np.cos(flat @ p["frequencies"] + p["phases"])

    def logits(self, x: ArrayLike) -> np.ndarray:
        """Refused: the features know no classes."""
        raise InputError("features", f"{self.name} knows no classes", "take a classifier for an inception score")

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """Refused: a critic of points sees the points themselves."""
        raise InputError("features", f"{self.name} serves to measure", "recover the critic on the samples")

    def maps_net(self, sample_range: tuple[float, float]) -> None:
        """None: points have no maps."""


def point_features(x: ArrayLike, name: str = "data", seed: int = 0) -> PointFeatures:
    """Features that fit real samples, with their statistics as reference.

    Args:
      x: Real samples, floats ``(n, *sample)``, n at least 16.
      name: Name of the data, for reports.
      seed: Seed of the frequencies. A net that judges what another one chose takes another seed.

    Returns:
      The features.

    Raises:
      InputError: Too few samples, or all are equal.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> net = point_features(rng.standard_normal((200, 2)))
      >>> net(np.zeros((3, 2))).shape
      (3, 64)
    """
    real = np.asarray(x, np.float64)
    if real.ndim < 2 or len(real) < 16:
        raise InputError("data", f"have shape {real.shape}", "give at least 16 samples (n, *sample)")
    flat = real.reshape(len(real), -1)
    center, spread = flat.mean(0), flat.std(0)
    if not spread.max() > 0:
        raise InputError("data", "are all equal", "give samples that differ")
    # a coordinate that is constant in the data must not be magnified
    spread = np.maximum(spread, 1e-3 * spread.max())
    unit = (flat - center) / spread
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, len(unit), (2, _PAIRS))
    distances = np.linalg.norm(unit[first] - unit[second], axis=1)
    apart = distances[distances > 0]
    if 2 * len(apart) < _PAIRS:
        raise InputError("data", "are equal in more than half of the pairs of samples", "give samples that differ")
    typical = float(np.median(apart))
    lengths = typical * np.geomspace(SHORTEST, 1.0, COUNT)
    params: dict[str, Any] = {
        "center": center,
        "spread": spread,
        "frequencies": rng.standard_normal((flat.shape[1], COUNT)) / lengths,
        "phases": rng.uniform(0, 2 * np.pi, COUNT),
    }
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(v).tobytes() for v in params.values())).hexdigest()
    card = {"data": {"name": name}}
    net = PointFeatures(f"random-fourier-{seed}", COUNT, digest, real.shape[1:], "fourier", params, card)
    rows = net(real)
    kept = rows[np.sort(rng.permutation(len(rows))[:_KEPT])].astype(np.float32)
    found = moments(rows)
    return dataclasses.replace(net, references=(Reference("given", found.n, found.mean, found.covariance, kept),))
