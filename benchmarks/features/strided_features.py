"""Features of the strided net, which takes images of any size and knows no classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from pairs import InputError, Net
from pairs.feature_nets.strided import StridedApply, strided_net

from .feature_net import Features

__all__ = ["StridedFeatures"]


@dataclasses.dataclass(frozen=True, eq=False)
class StridedFeatures(Features):
    """:class:`Features` of this net. There are no class logits: the inception score has nothing to go by."""

    def logits(self, x: ArrayLike) -> np.ndarray:
        """Refused: the net knows no classes."""
        raise InputError("features", f"{self.name} knows no classes", "take a classifier for an inception score")

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return StridedApply((0.0, 255.0), "features")

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """The features as a differentiable net on floats in ``sample_range``."""
        if output != "features":
            raise InputError("output", f"is {output!r}, and {self.name} knows no classes", "ask for features")
        return strided_net(self.params, self.input_shape, sample_range)

    def maps_net(self, sample_range: tuple[float, float]) -> Net:
        """The last maps beside the features."""
        return strided_net(self.params, self.input_shape, sample_range, "layers")
