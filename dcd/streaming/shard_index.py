"""``index.json``: the shards of a finished run, so that others can check them and join them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["INDEX_FILE", "index_text"]

INDEX_FILE = "index.json"


def index_text(run: dict[str, Any], paths: list[Path], digests: list[str]) -> bytes:
    """The index of a run.

    Args:
      run: What names the run.
      paths: All of its shards, in order.
      digests: SHA-256 of each file.
    """
    n, shard = run["n"], run["shard"]
    rows = [
        {"file": path.name, "first": i * shard, "count": min(shard, n - i * shard), "sha256": digest}
        for i, (path, digest) in enumerate(zip(paths, digests, strict=True))
    ]
    return (json.dumps({"run": run, "shards": rows}, indent=1, sort_keys=True) + "\n").encode()
