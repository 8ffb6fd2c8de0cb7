"""SHA-256 of trees of arrays and of pairs: what tells two runs apart."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jax
import numpy as np
from jax import Array

from .architecture_digest import architecture_digest
from .protocol import Net, Pair
from .record import Record

__all__ = ["key_record", "net_digest", "pair_digest", "tree_digest", "whole_digest"]

_NETS = ("generator", "critic", "encoder", "features", "classifier")


def key_record(key: Array) -> dict[str, Any]:
    """A typed key as JSON."""
    return {"impl": str(jax.random.key_impl(key)), "data": np.asarray(jax.random.key_data(key)).tolist()}


def pair_digest(pair: Pair) -> str:
    """SHA-256 over what a chain uses of a pair: both nets, prior, range, shape and classes."""
    about = [Record(pair.prior.record()).to_dict(), pair.sample_shape, pair.sample_range, pair.classes]
    about += [architecture_digest(net) for net in (pair.generator, pair.critic)]
    return tree_digest(about, (pair.generator.params, pair.critic.params, pair.prior))


def whole_digest(pair: Pair) -> str:
    """SHA-256 over everything of a pair: all of its nets, what its critic means, and its record."""
    nets = {name: getattr(pair, name) for name in _NETS}
    about = [pair_digest(pair), pair.critic_kind, pair.calibrated, pair.record.to_dict()]
    return tree_digest([*about, *(None if net is None else net_digest(net) for net in nets.values())], ())


def net_digest(net: Net) -> str:
    """SHA-256 over the architecture and the weights of a net."""
    return tree_digest(architecture_digest(net), net.params)


def tree_digest(about: Any, tree: Any) -> str:
    """SHA-256 over JSON values and the paths, types, shapes and bytes of a tree's arrays.

    Example:
      >>> tree_digest("a", np.zeros(2)) == tree_digest("a", np.zeros(2)) != tree_digest("b", np.zeros(2))
      True
    """
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        a = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {a.dtype.name} {a.shape}\0".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()
