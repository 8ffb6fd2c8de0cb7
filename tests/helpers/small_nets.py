"""Feature nets for small images, with random weights: as good as trained ones where only the way to them is tested."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from benchmarks.features.classifier_training import TrainConfig, Trained, save
from pairs.feature_nets.classifier import Arch, init
from pairs.io.images import Images

__all__ = ["write_net"]


def write_net(folder: Path, arch: Arch = "a", size: int = 8, channels: int = 1, classes: int = 10) -> str:
    """Store a net of an architecture, with its statistics of 500 images of noise.

    Returns:
      The folder, as ``--features`` and ``--judge`` take it.
    """
    x = np.random.default_rng(1).integers(0, 256, (500, size, size, channels), np.uint8)
    noise = Images(x, np.arange(len(x)) % classes, "noise", "test")
    params = init(jax.random.key(0), arch, (size, size, channels), classes)
    save(folder, folder.name, Trained(params, 1 / classes, 0.0), TrainConfig(arch), noise, noise, "none", "none")
    return str(folder)
