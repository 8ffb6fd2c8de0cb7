r"""Whitened pixels and classifier representations as one vector, so that plain distance means what training meant.

.. math::
   F(x) = \left(\frac{x}{\sigma_0},\; \sqrt{w}\,\frac{d_1(x)}{\sigma_1},\; \dots,\;
   \sqrt{w}\,\frac{d_L(x)}{\sigma_L}\right)

with one learned :math:`\sigma` per unit and w the weight of the representations in the objective of
arXiv 1602.03220. Seen as a Gaussian over all these terms, a decoder g has the Fisher metric
:math:`J_{F\circ g}^\top J_{F\circ g}`, and for it the KL between two codes is exactly
:math:`\tfrac12 \lVert F(g(z)) - F(g(z'))\rVert^2`: the feature metric of :mod:`interp` with this net.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from .classifier import ConvClassifier

__all__ = ["FeatureMap", "feature_net"]


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """``(params, x) -> (batch, features)``; ``params = {"classifier", "pixel", "layers"}``, the last two log sigmas."""

    classifier: ConvClassifier
    weight: float = 1.0
    pixels: bool = True

    def __call__(self, params: Any, x: Array, labels: Any = None) -> Array:
        """``(batch, *sample) -> (batch, features)``."""
        flat = lambda v: v.reshape(x.shape[0], -1)
        parts = [flat(x * jnp.exp(-params["pixel"]))] if self.pixels else []
        found = self.classifier.representations(params["classifier"], x)
        for d, log_sigma in zip(found, params["layers"], strict=True):
            parts.append(math.sqrt(self.weight) * flat(d * jnp.exp(-log_sigma)))
        return jnp.concatenate(parts, axis=1)

    def template(self) -> Any:
        """Shapes of the parameters."""
        shape = lambda s: jax.ShapeDtypeStruct(s, jnp.float32)
        return {
            "classifier": jax.eval_shape(self.classifier.init, jax.random.key(0)),
            "pixel": shape(self.classifier.input_shape),
            "layers": [shape(s) for s in self.classifier.shapes()],
        }


def feature_net(
    classifier: ConvClassifier, params: Any, pixel: Array, layers: list[Array], weight: float = 1.0, pixels: bool = True
) -> Net:
    """The map as a feature net that checkpoints can rebuild; ``pixel`` and ``layers`` are log standard deviations.

    Zeros there give the unwhitened map; standard deviations of residuals or of data serve where none were learned.
    """
    config = {**dataclasses.asdict(classifier), "weight": weight, "pixels": pixels}
    values = {"classifier": params, "pixel": pixel, "layers": list(layers)}
    return Net(values, FeatureMap(classifier, weight, pixels), Architecture("vae/feature-map", Record(config)))


@register("vae/feature-map")
def _build(config: Record) -> tuple[FeatureMap, Any]:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.to_dict().items()}
    weight, pixels = values.pop("weight"), values.pop("pixels")
    net = FeatureMap(ConvClassifier(**values), weight, pixels)
    return net, net.template()
