"""Feature nets on disk: ``weights.npz``, ``reference.npz`` and ``card.json`` in one folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = ["write_folder"]

ROWS = 2000
"""Real feature rows kept for kernel distance, precision and recall."""


def write_folder(
    out: Path, card: Mapping[str, Any], weights: Mapping[str, ArrayLike], rows: np.ndarray, split: str, sha256: str
) -> dict[str, Any]:
    """Write a feature net with the statistics of real rows.

    Args:
      out: a new folder.
      card: what is known about the net; reference, digests and the version of JAX are added.
      weights: arrays that float16 holds without a change.
      rows: feature rows of real images ``(n, d)``.
      split: what the real images are called.
      sha256: digest of the real images.

    Returns:
      The card as written.

    Raises:
      InputError: the folder exists and is not empty.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError("out", f"{out} is not empty", "give a new folder")
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:ROWS])
    statistics = {"n": np.int64(len(rows)), "mu": rows.mean(0), "sigma": np.cov(rows, rowvar=False)}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        halves = {k: np.asarray(v, np.float16) for k, v in weights.items()}
        np.savez_compressed(temporary / "weights.npz", allow_pickle=False, **halves)
        np.savez_compressed(temporary / "reference.npz", rows=rows[chosen].astype(np.float16), **statistics)
        names = ("weights.npz", "reference.npz")
        whole = {
            **card,
            "reference": {"split": split, "n": len(rows), "rows": len(chosen), "sha256": sha256},
            "files": {f: hashlib.sha256((temporary / f).read_bytes()).hexdigest() for f in names},
            "jax": jax.__version__,
        }
        (temporary / "card.json").write_text(json.dumps(whole, indent=2) + "\n")
        os.chmod(temporary, 0o755)
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return whole
