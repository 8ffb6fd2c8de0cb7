"""Keras models: whole HDF5 files (``model.save("m.h5")``) and Keras 3 archives (``.keras``).

Both hold the list of layers as JSON and the arrays as HDF5. Nothing is built by Keras: the list is
translated (:mod:`~checkpoints.foreign.keras_layers`), and layers with code in them are refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.archives import ArchiveError

from .hdf5_trial import try_out
from .keras_files import gather
from .keras_layers import translate
from .limits import Refused, refusal

__all__ = ["read_keras"]

Read = tuple[dict[str, np.ndarray], tuple[dict[str, Any], ...], dict[str, Any]]


def read_keras(path: str | os.PathLike[str]) -> Read:
    """Tensors in PyTorch's layouts, the layer list in the manifest's terms, and facts about the file.

    Args:
      path: the file.

    Returns:
      Arrays by name, ``dense_1.weight``; layers that name them; ``{"input_shape": ..., "keras": ...}``.

    Raises:
      InputError: h5py is absent; damaged; weights without the model; or a layer that cannot be translated.
    """
    path = Path(path)
    try:
        try_out(path)
        found = gather(path)
        tensors, layers, shape = translate(*found[:2])
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "check the path") from None
    except (Refused, ArchiveError) as error:
        raise refusal(path, f"is refused: {error}", _remedy(str(error))) from None
    return tensors, tuple(layers), {"input_shape": list(shape), "keras": found[2]}


def _remedy(problem: str) -> str:
    if "damaged" in problem or "JSON" in problem:
        return "download or copy it again"
    if "without the model" in problem:
        return "save the whole model, model.save('model.h5')"
    return "export the model to ONNX, or write its layers as a manifest with its arrays in an npz file"
