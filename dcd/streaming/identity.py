"""What names a run: settings, key, sizes, and a digest of the pair's nets."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import Pair, Record
from pairs.architecture_digest import architecture_digest

from ..langevin.settings import Langevin

__all__ = ["name_run", "pair_digest", "tree_digest"]

FORMAT = 3
"""Of the shards; those of format 1 were not sealed, and the digest of format 2 left out the pair's architectures."""


def name_run(pair: Pair, config: Langevin, key: Array, **more: Any) -> dict[str, Any]:
    """Everything that decides the bytes of a run's shards, as JSON.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key.
      **more: Numbers, text and truth values.

    Returns:
      A dictionary.
    """
    return {
        "format": FORMAT,
        **more,
        "config": config.to_dict(),
        "key": {"impl": str(jax.random.key_impl(key)), "data": np.asarray(jax.random.key_data(key)).tolist()},
        "pair": {"name": pair.name, "digest": pair_digest(pair)},
    }


def pair_digest(pair: Pair) -> str:
    """SHA-256 over what a chain uses of a pair: both nets, prior, range, shape and classes."""
    about = [Record(pair.prior.record()).to_dict(), pair.sample_shape, pair.sample_range, pair.classes]
    about += [architecture_digest(net) for net in (pair.generator, pair.critic)]
    return tree_digest(about, (pair.generator.params, pair.critic.params, pair.prior))


def tree_digest(about: Any, tree: Any) -> str:
    """SHA-256 over JSON values and the paths, types, shapes and bytes of a tree's arrays."""
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        a = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {a.dtype.name} {a.shape}\0".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()
