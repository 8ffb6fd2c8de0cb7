"""``report.json``: plain JSON, with the versions and the hardware that made it."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .files import write_bytes

__all__ = ["hardware", "to_json", "versions", "write_json"]


def versions() -> dict[str, str]:
    """Versions of Python, of this project and of what it computes with."""
    found = {"python": platform.python_version()}
    for name in ("ganrefine", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """CPU model, cores this process may use, JAX backend and devices."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices = jax.devices()
    found = {"cpu": model, "cores": cores, "system": f"{platform.system()} {platform.machine()}"}
    return {**found, "backend": jax.default_backend(), "device": devices[0].device_kind, "devices": len(devices)}


def _plain(value: Any) -> Any:
    """JSON values; NaN and infinity become null, which every JSON reader takes."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return _plain(np.asarray(value).tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def to_json(report: Mapping[str, Any]) -> str:
    """The report as text, keys in order."""
    return json.dumps(_plain(report), indent=2, allow_nan=False) + "\n"


def write_json(path: str | Path, report: Mapping[str, Any]) -> None:
    """Write the report, whole or not at all.

    Raises:
      InputError: the folder cannot be written.
    """
    write_bytes(path, to_json(report).encode())
