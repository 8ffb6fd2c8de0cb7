"""What the first path of a pair leaves for the next: the critic for paths, and the judge's real rows.

Each lies in a folder under a name with a digest of everything that decides it, so that nothing stale is taken: another
pair, other architectures or data, another prior, sample range, seed or number of updates have another name.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
from pairs import InputError, Net, Pair
from pairs.io.files import write_bytes

from .data import PathData
from .training import Steering

__all__ = ["Kept", "digest_of", "name_of_critic"]


def digest_of(*parts: Any) -> str:
    """Twelve digits that nets, arrays and plain values decide.

    >>> digest_of(np.zeros(2), "a") == digest_of(np.zeros(2), "a") != digest_of(np.zeros(3), "a")
    True
    """
    made = hashlib.sha256()
    for part in parts:
        for leaf in jax.tree.leaves(part):
            if hasattr(leaf, "shape"):
                array = np.ascontiguousarray(leaf)
                made.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
            else:
                made.update(json.dumps(leaf, default=str).encode())
        made.update(b"\0")
    return made.hexdigest()[:12]


class Kept:
    """The folder; nothing is read or written before it is asked for.

    Args:
      folder: Where the files lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def critic(self, name: str, whole: Pair) -> Steering | None:
        """The critic of that name on the pair ``whole``, with its record; None where none can be read."""
        try:
            stored = checkpoints.load_pair(self.folder / f"critic-{name}")
        except InputError:
            return None
        record = dict(stored.record.get("path_critic") or {})
        pair = whole.replace(critic=stored.critic, critic_kind=stored.critic_kind, calibrated=False)
        return Steering(pair, record)

    def keep_critic(self, name: str, made: Steering) -> None:
        """Store a critic; a pair whose nets cannot be rebuilt from a file is not kept."""
        pair = made.pair.replace(record=made.pair.record.updated(path_critic=made.record))
        nets = (pair.generator, pair.critic)
        if all(net.architecture is not None for net in nets):
            checkpoints.save_pair(self.folder / f"critic-{name}", pair, overwrite=True)

    def rows(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The judge's rows of real and of fresh images, or None."""
        path = self.folder / f"judge-{name}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as held:
            return held["real"], held["fresh"]

    def keep_rows(self, name: str, real: np.ndarray, fresh: np.ndarray) -> None:
        """Store the judge's rows."""
        packed = io.BytesIO()
        np.savez(packed, real=real, fresh=fresh)
        write_bytes(self.folder / f"judge-{name}.npz", packed.getvalue())


def name_of_critic(pair: Pair, data: PathData, updates: int, features: Net | None, seed: int) -> str:
    """The name of the critic that :func:`benchmarks.paths.training.trained_critic` would make."""
    return digest_of(
        pair.generator.params,
        _form(pair.generator),
        pair.prior,
        json.dumps(pair.prior.record(), default=str, sort_keys=True),  # most priors have no leaves
        pair.sample_range,
        pair.classes,
        data.train,
        data.labels,
        updates,
        features and features.params,
        features and _form(features),
        seed,
    )


def _form(net: Net) -> str:
    """What a net does with its parameters; the same in another process only where it has an architecture."""
    if net.architecture is None:
        return repr(net.apply)
    return f"{net.architecture.name} {json.dumps(dict(net.architecture.config), default=str, sort_keys=True)}"
