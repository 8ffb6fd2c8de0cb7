"""What names a run: settings, key, sizes, and a digest of the pair's nets."""

from __future__ import annotations

from typing import Any

from jax import Array

from pairs import Pair
from pairs.digests import key_record, pair_digest

from ..langevin.settings import Langevin

__all__ = ["name_run"]

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
        "key": key_record(key),
        "pair": {"name": pair.name, "digest": pair_digest(pair)},
    }
