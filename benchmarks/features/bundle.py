"""Feature nets by name or folder: weights checked by sha256, with the statistics of their data's test split."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pairs import InputError
from pairs.arrays import on_device
from pairs.feature_nets.classifier import DIMENSIONS
from pairs.feature_nets.classifier import init as init_classifier
from pairs.feature_nets.strided import DIM
from pairs.feature_nets.strided import init as init_strided

from .feature_net import Features, Reference, features_from
from .inception import load_inception
from .strided_features import StridedFeatures

__all__ = ["bundled_features", "default_features", "load_features"]

_BUNDLED = Path(__file__).parent / "bundled"


def bundled_features() -> tuple[str, ...]:
    """Names that :func:`load_features` knows without a path."""
    return tuple(sorted(p.parent.name for p in _BUNDLED.glob("*/card.json")))


def load_features(name: str | Path) -> Features:
    """A feature net by name or by path.

    Args:
      name: The name of a bundled net, the folder of one that ``ganrefine benchmark train-features`` made, or the
        ``.pth`` file of the FID's Inception weights.

    Raises:
      InputError: unknown name, missing or damaged files (sha256), weights of another architecture.
    """
    if Path(name).suffix in (".pth", ".pt"):
        return load_inception(name)
    folder = _BUNDLED / str(name) if str(name) in bundled_features() else Path(name)
    if not (folder / "card.json").is_file():
        known = ", ".join(bundled_features())
        raise InputError("features", f"'{name}' is neither bundled nor a folder with card.json", f"bundled are {known}")
    try:
        card = json.loads((folder / "card.json").read_text())
        arch, shape = card["arch"], tuple(card["input_shape"])
        outputs = card["head"] if arch == "strided" else card["classes"]
        digests = card["files"]["weights.npz"], card["files"]["reference.npz"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("features", f"{folder}/card.json cannot be used ({error!r})", "train the net again") from None
    if arch not in (*DIMENSIONS, "strided"):
        raise InputError(
            "features", f"{folder} has architecture {arch!r}", f"known are {', '.join(DIMENSIONS)}, strided"
        )
    weights = _checked(folder / "weights.npz", digests[0])
    template = _template(arch, shape, outputs)
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in template.items()}:
        raise InputError("features", f"{folder} holds weights of another architecture", "train the net again")
    params = {k: on_device(v.astype(np.float32)) for k, v in weights.items()}
    held = _checked(folder / "reference.npz", digests[1])
    reference = Reference(
        card["reference"]["split"], int(held["n"]), held["mu"], held["sigma"], held["rows"].astype(np.float32)
    )
    if arch == "strided":
        return StridedFeatures(card["name"], DIM, digests[0], shape, arch, params, card, (reference,))
    return features_from(card["name"], params, arch, shape, digests[0], card=card, references=(reference,))


def _template(arch: str, shape: tuple[int, int, int], outputs: int) -> dict[str, Any]:
    """Shapes of the parameters of an architecture."""
    if arch == "strided":
        return jax.eval_shape(lambda k: init_strided(k, shape, outputs), jax.random.key(0))
    return jax.eval_shape(lambda k: init_classifier(k, arch, shape, outputs), jax.random.key(0))


def _checked(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Arrays of an NPZ file whose bytes match ``sha256``."""
    if not path.is_file():
        raise InputError("features", f"{path} is missing", "copy the whole folder again")
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise InputError("features", f"{path} does not match its sha256", "copy the folder again, it is damaged")
    with np.load(io.BytesIO(raw), allow_pickle=False) as data:
        return {k: data[k] for k in data.files}


def default_features(sample_shape: tuple[int, ...], data_name: str | None = None, judge: bool = False) -> Features:
    """The bundled net for images of this shape and name; ``judge`` takes the second architecture.

    Args:
      sample_shape: Shape ``(H, W, C)``.
      data_name: Name of a data set or pair that contains the name of a net's data; of several the longest wins.
      judge: Whether the net is to judge what another one chose.

    Raises:
      InputError: No net takes such images, or ``data_name`` names the data of none.
    """
    wanted = "b" if judge else "a"
    fitting = {}
    for name in bundled_features():
        card = json.loads((_BUNDLED / name / "card.json").read_text())
        if tuple(card["input_shape"]) == tuple(sample_shape) and card["arch"] == wanted:
            fitting[card["data"]["name"]] = name
    if not fitting:
        remedy = "train one with ganrefine benchmark train-features, and give its folder"
        raise InputError("features", f"no bundled net takes images of shape {tuple(sample_shape)}", remedy)
    named = [d for d in fitting if data_name and d in data_name.lower()]
    if not named:
        held = " or ".join(fitting.values())
        problem = f"the name {data_name!r} tells of no bundled net for images of {tuple(sample_shape)}"
        raise InputError("features", problem, f"choose {held} if one is of your data, or give real images")
    return load_features(fitting[max(named, key=len)])
