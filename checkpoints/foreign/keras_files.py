"""The list of layers and the arrays in a Keras file, as they stand there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.archives import archive_faults, open_zip
from pairs.io.files import open_regular

from .hdf5 import child, open_hdf5, parse_json, read_array, read_text, read_texts
from .keras_layers import flat_layers
from .limits import Refused, shown

__all__ = ["gather"]

_BASE = 2**26
_ORDER = ("kernel", "gamma", "bias", "beta", "moving_mean", "moving_variance")
_LISTS = ("layers", "_layer_checkpoint_dependencies")


def gather(path: Path) -> tuple[list[dict[str, Any]], dict[str, list[np.ndarray]], str]:
    """The layers as the file has them, their arrays by layer, and Keras's version.

    Args:
      path: the file; one that damage may have made dangerous goes through a trial first.

    Raises:
      Refused: damaged, or of another kind.
      OSError: it cannot be read.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        packed = file.read(4) == b"PK\x03\x04"
        return _read_archive(file, size) if packed else _read_file(path, size)


def _read_file(path: Path, size: int) -> tuple[list[Any], dict[str, list[np.ndarray]], str]:
    with open_hdf5(path) as file:
        text = read_text(file, "model_config")
        if text is None:
            raise Refused("it holds weights without the model")
        layers, weights = flat_layers(parse_json(text)), child(file, "model_weights")
        if weights is None:
            raise Refused("it holds no weights")
        ids = {(layer["within"][0], layer["within"][-1]): layer["id"] for layer in layers}
        held: dict[str, dict[str, np.ndarray]] = {}
        left = _BASE + 2 * size
        for name in _outer_names(file, weights):
            group = child(weights, name)
            for full in read_texts(group, "weight_names") if group is not None else []:
                array = read_array(group, full, left)
                left -= array.nbytes
                # a layer of a nested model is named by the part before the last slash
                inner = full.split("/")[-2] if "/" in full else name
                held.setdefault(ids.get((name, inner), inner), {})[f"{name}/{full}"] = array
        arrays = {name: _in_order(group) for name, group in held.items()}
        return layers, arrays, read_text(file, "keras_version") or "unknown"


def _in_order(group: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Arrays in the order in which Keras makes them, whatever order the file has; as they come where names are new."""
    names = {full: full.rpartition("/")[2].partition(":")[0] for full in group}
    if len(set(names.values())) < len(group) or not set(names.values()) <= set(_ORDER):
        return list(group.values())
    return [group[full] for full in sorted(group, key=lambda full: _ORDER.index(names[full]))]


def _outer_names(file: Any, weights: Any) -> list[str]:
    return read_texts(weights, "layer_names") or read_texts(file, "layer_names")


def _read_archive(file: Any, size: int) -> tuple[list[Any], dict[str, list[np.ndarray]], str]:
    archive, members = open_zip(file, _BASE, 2.0)
    if "config.json" not in members or "model.weights.h5" not in members:
        raise Refused("it is a zip archive, but none that Keras writes")
    if members["config.json"].file_size > 2**22:
        raise Refused("its description of the model is too long")
    with archive_faults():
        layers = flat_layers(parse_json(archive.read("config.json")))
        packed = archive.read("model.weights.h5")
        about = parse_json(archive.read("metadata.json")) if "metadata.json" in members else {}
    arrays: dict[str, list[np.ndarray]] = {}
    with open_hdf5(io.BytesIO(packed)) as weights:
        inner = next((name for name in _LISTS if child(weights, name) is not None), None)
        if inner is None:
            raise Refused("it holds no weights")
        left = _BASE + 2 * size
        for layer in layers:
            group = child(weights, "/".join(f"{inner}/{name}" for name in layer["place"]) + "/vars")
            count = 0 if group is None else len(group)
            if count > 64:
                raise Refused(f"layer '{shown(layer['config'].get('name'))}' has {count} arrays")
            for i in range(count):
                array = read_array(group, str(i), left)
                left -= array.nbytes
                arrays.setdefault(layer["id"], []).append(array)
    version = about.get("keras_version") if isinstance(about, dict) else None
    return layers, arrays, version if isinstance(version, str) else "unknown"
