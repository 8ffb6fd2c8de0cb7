"""Time and memory that loading weights takes, against ``numpy.load`` on the same numbers.

A file of 400 MB (float32 tensors of 4 MB) is written in each format and read in a process of its own:
by this package, and by ``numpy.load`` from an uncompressed ``.npz`` (which compares checksums, as the
readers here do) and from one ``.npy``. Times are the best of five after one that fills the page
cache; the peak of memory is that of the process above what it had before reading, divided by the
size of the file.

``python -m benchmarks.studies.load_cost --out FILE``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.reports import hardware, versions, write_json

from .sound_formats import safetensors_bytes, torch_legacy_bytes, torch_zip_bytes

__all__ = ["measure", "write_files"]


def write_files(folder: Path, megabytes: int) -> dict[str, Path]:
    """The same tensors in every format; paths by format.

    Args:
      folder: where they go.
      megabytes: size of each file.
    """
    draw = np.random.default_rng(0)
    arrays = {f"{i}.weight": draw.normal(size=(1024, 1024)).astype(np.float32) for i in range(megabytes // 4)}
    makers: dict[str, Callable[[], bytes]] = {
        "torch-zip.pth": lambda: torch_zip_bytes(arrays),
        "torch-legacy.pth": lambda: torch_legacy_bytes(arrays),
        "safetensors.safetensors": lambda: safetensors_bytes(arrays),
    }
    for name, make in makers.items():
        (folder / name).write_bytes(make())
    save: Any = np.savez
    save(folder / "npz.npz", **arrays)
    np.save(folder / "npy.npy", np.stack(list(arrays.values())))
    return {name: folder / name for name in (*makers, "npz.npz", "npy.npy")}


def measure(path: str, reader: str) -> dict[str, float]:
    """Seconds and peak memory of reading one file in this process.

    Args:
      path: the file.
      reader: ``numpy`` or ``ganrefine``.
    """
    from checkpoints.foreign.tensors import read_foreign

    def numpy() -> Any:
        found = np.load(path)
        return found if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}

    read = numpy if reader == "numpy" else lambda: read_foreign(path).tensors
    before = _peak()
    held = read()
    size = Path(path).stat().st_size
    peak = (_peak() - before) / size
    seconds = []
    for _ in range(5):
        held.clear() if isinstance(held, dict) else None
        began = time.perf_counter()
        held = read()
        seconds.append(time.perf_counter() - began)
    return {"seconds": round(min(seconds), 4), "peak_over_file": round(peak, 3), "megabytes": round(size / 1e6, 1)}


def _peak() -> int:
    # getrusage would give the peak of the process that started this one, if that was higher
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.load_cost", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "READER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(*args.one)))
        return 0
    if args.out is None:
        parser.error("--out is required")
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), args.megabytes)
        jobs = [(name, path, "ganrefine") for name, path in files.items() if name != "npy.npy"]
        jobs += [(name, files[name], "numpy") for name in ("npz.npz", "npy.npy")]
        for name, path, reader in jobs:
            command = [sys.executable, "-m", "benchmarks.studies.load_cost", "--one", str(path), reader]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows[f"{reader} {name.split('.')[0]}"] = json.loads(found)
    base = rows["numpy npz"]["seconds"]
    for row in rows.values():
        row["times_numpy_npz"] = round(row["seconds"] / base, 2)
    write_json(args.out, {"megabytes": args.megabytes, "rows": rows, "versions": versions(), "hardware": hardware()})
    print(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
