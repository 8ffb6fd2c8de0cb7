"""How near an imported pair is to its own framework, how long the import takes, and what memory it needs.

Two sorts of rows. Pairs of strangers, one for each folder below ``DATA/pairs``: samples and scores against the outputs
stored in ``golden.npz`` (where there are none, against PyTorch on the same layers), the critic's input gradient against
PyTorch on the same layers. Published families: random weights saved by reference modules in PyTorch
(:mod:`benchmarks.peers`), and samples, scores and gradient against those modules. A deviation is the largest
difference over the largest number. Each is given twice: the pair computed in float32, as it is used, and computed in
float64, where little but a fault of the import remains (and the rounding of stored outputs, which are float32;
reference modules compute in float64). Each row runs in a process of its own; seconds are those of the import without
compilation, memory is the peak above what the process had before, over the size of the files.

``python -m benchmarks.studies.import_parity DATA [--manifests DIR] --out benchmarks/results/import_parity.json``
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pairs import InputError
from pairs.io.reports import hardware, versions, write_json

from .parity_families import family_job, family_names
from .parity_jobs import Job, Nets, Wanted
from .parity_strangers import stranger_job, stranger_names

__all__ = ["main", "row"]

_PARTS = ("samples", "scores", "gradient")


@jax.jit
def _outputs(generator: Any, critic: Any, z: Any, x: Any, *labels: Any) -> Any:
    if critic is None:
        return generator(z, *labels), None, None
    gradient = jax.grad(lambda v: critic(v, *labels).sum())(x)
    return generator(z, *labels), critic(x, *labels), gradient


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _off(ours: Any, theirs: np.ndarray | None) -> float | None:
    if ours is None or theirs is None:
        return None
    return float(np.abs(np.asarray(ours, np.float64) - theirs).max() / np.abs(theirs).max())


def _compared(made: Nets, wanted: Wanted, dtype: Any) -> dict[str, float | None]:
    inputs = (wanted.z.astype(dtype), wanted.x.astype(dtype), *wanted.labels)
    found = _outputs(made.generator, made.critic, *inputs)
    theirs = (wanted.x, wanted.score, wanted.gradient)
    return {n: _off(a, b) for n, a, b in zip(_PARTS, found, theirs, strict=True)}


def row(job: Job) -> dict[str, Any]:
    """Import the files of a job and compare.

    Args:
      job: The files, how to import them, and what to compare with.
    """
    before, began = _peak(), time.perf_counter()
    made = job.load()
    seconds, peak = time.perf_counter() - began, _peak() - before
    wanted = job.wanted(made)
    off = {"float32": _compared(made, wanted, np.float32)}
    with jax.enable_x64(True):
        off["float64"] = _compared(jax.tree.map(lambda v: np.asarray(v, np.float64), made), wanted, np.float64)
    megabytes = sum(path.stat().st_size for path in job.files) / 1e6
    return {
        "pair": job.name,
        "family": job.family,
        "format": job.format,
        "against": job.against,
        "gradient_against": None if wanted.gradient is None else "PyTorch",
        "rows": len(wanted.z),
        "parameters": made.generator.size + (made.critic.size if made.critic is not None else 0),
        **off,
        "seconds": round(seconds, 3),
        "megabytes": round(megabytes, 3),
        "peak_megabytes": round(peak / 1e6, 1),
    }


def _one(what: str, name: str, data: str, manifests: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        make: Callable[[], Job] = (
            (lambda: family_job(name, Path(folder)))
            if what == "family"
            else (lambda: stranger_job(name, Path(data), Path(manifests) if manifests else None))
        )
        return row(make())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.import_parity", description=__doc__)
    parser.add_argument("data", metavar="DATA", help="folder with pairs/NAME/golden.npz")
    parser.add_argument("--manifests", metavar="DIR", help="folder of NAME.toml for pairs that have none of their own")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows to measure anew; the others of --out stay")
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "NAME"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(_one(args.one[0], args.one[1], args.data, args.manifests)))
        return 0
    if args.out is None:
        parser.error("--out is required")
    jobs = [("stranger", n) for n in stranger_names(Path(args.data))] + [("family", n) for n in family_names()]
    kept = json.loads(args.out.read_text())["rows"] if args.only and args.out.exists() else []
    rows = {r["pair"]: r for r in kept}
    for what, name in jobs:
        if args.only and name not in args.only:
            continue
        command = [sys.executable, "-m", "benchmarks.studies.import_parity", args.data, "--one", what, name]
        more = ["--manifests", args.manifests] if args.manifests else []
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(name, "failed: " + (done.stderr.strip().splitlines() or ["?"])[-1], "run it with --one")
        rows[name] = json.loads(done.stdout)
        print(json.dumps(rows[name]), file=sys.stderr, flush=True)
    ordered = [rows[name] for _, name in jobs if name in rows]
    report = {
        "rows": ordered,
        "worst": {
            kind: {n: max(r[kind][n] for r in ordered if r[kind][n] is not None) for n in _PARTS}
            for kind in ("float32", "float64")
        },
        "seed": 0,
        "versions": {**versions(), "torch": importlib.metadata.version("torch")},
        "hardware": hardware(),
    }
    write_json(args.out, report)
    print(json.dumps(report["worst"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
