r"""Digests: what makes a stored net the same net.

With :math:`h` = SHA-256 and leaves in the order of their names,

.. math:: d_i = h(\text{dtype}_i, \text{shape}_i, \text{bytes}_i), \qquad
          d = h(\text{JSON of } \{\text{name}_i : (\text{shape}_i, \text{dtype}_i, d_i)\})

Bytes are little-endian, row-major. The tree digest :math:`d` does not depend on
how or where arrays are stored, so two files hold the same net if and only if it agrees.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pairs import InputError
from pairs.io.files import open_regular

__all__ = ["array_digest", "canonical", "file_digest", "leaf_table", "named_leaves", "seal", "sealed", "table_digest"]


def canonical(value: Any) -> str:
    """JSON text that equal values share: sorted keys, no spaces, no NaN.

    >>> canonical({"b": 1, "a": [1.5, None]})
    '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of dtype, shape and bytes."""
    head = canonical([array.dtype.name, list(array.shape)]).encode()
    body = np.ascontiguousarray(array)
    if body.dtype.byteorder == ">":
        body = body.astype(body.dtype.newbyteorder("<"))
    made = hashlib.sha256(head + b"\0")
    made.update(body.reshape(-1).view(np.uint8).data if body.size else b"")
    return made.hexdigest()


def leaf_table(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """``name -> {shape, dtype, sha256}``."""
    return {
        name: {"shape": list(a.shape), "dtype": a.dtype.name, "sha256": array_digest(a)} for name, a in arrays.items()
    }


def table_digest(table: Mapping[str, Mapping[str, Any]]) -> str:
    """One digest for all leaves of a :func:`leaf_table`."""
    return hashlib.sha256(canonical(table).encode()).hexdigest()


def seal(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """``metadata`` with a ``digest`` entry over everything else in it."""
    return {**metadata, "digest": hashlib.sha256(canonical(metadata).encode()).hexdigest()}


def sealed(metadata: Any) -> bool:
    """Whether a mapping still is what :func:`seal` made.

    >>> box = seal({"a": 1})
    >>> sealed(box), sealed({**box, "a": 2}), sealed({"a": 1})
    (True, False, False)
    """
    if not isinstance(metadata, Mapping) or "digest" not in metadata:
        return False
    inner = {k: v for k, v in metadata.items() if k != "digest"}
    try:
        return seal(inner)["digest"] == metadata["digest"]
    except (TypeError, ValueError):
        return False


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    made = hashlib.sha256()
    with open_regular(path) as file:
        while part := file.read(2**20):
            made.update(part)
    return made.hexdigest()


def named_leaves(tree: Any, field: str) -> dict[str, Any]:
    """Leaves by dotted path, ``params.0.kernel``.

    Raises:
      InputError: two leaves share a name (a key with a dot in it that spells another's path).
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") or "value" for path, _ in leaves]
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise InputError(field, f"has two leaves called '{twice}'", "rename one of the keys")
    return dict(zip(names, (leaf for _, leaf in leaves), strict=True))
