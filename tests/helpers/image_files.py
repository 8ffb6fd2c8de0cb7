"""Folders of small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def folder_of_pictures(folder: Path, pixels: np.ndarray, suffix: str = "png") -> Path:
    folder.mkdir(exist_ok=True)
    for i, x in enumerate(pixels):
        Image.fromarray(x).save(folder / f"{i}.{suffix}")
    return folder
