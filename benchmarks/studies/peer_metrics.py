r"""Distances and scores beside torch-fidelity, clean-fid, pytorch-fid and prdc: values, time, memory, images.

``python -m benchmarks.studies.peer_metrics --out benchmarks/results/peer_metrics.json``

*Rows*: every tool gets the same rows of features; those of the last metric serve as logits. Values are compared on
rows in double precision, :math:`|\text{theirs} / \text{ours} - 1|`, and once more on the same rows in single
precision, which is what nets give. Time is taken on the latter, the tools in turn, another first each time; ratios are
medians over turns. *Memory*: precision and recall in a process of their own, by how much its resident memory rises.
*Images*: one writer's PNG files, read by each tool; Inception features on drawn weights, and the metrics of
torch-fidelity's own command. Needs the tools, and ``torch torchvision scikit-learn``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from .distance_cost import feature_rows
from .peer_images import image_parts

__all__ = ["main"]

OURS = "ganrefine"


def rows_of(seed: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and fake rows in single precision."""
    rng = np.random.default_rng(seed)
    mix = (rng.standard_normal((d, d), np.float32) * np.exp(-6 * np.arange(d) / d)[:, None] / d**0.5).astype(np.float32)
    # scaled so that neighbourhoods and classes are neither all alike nor all apart
    return feature_rows(rng, n, d, mix, 0.3) * 2, feature_rows(rng, n, d, mix, 0.35) * 2


def deviation(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """How far apart two tools' values of one name are, relative to ours."""
    return {name: abs(value / ours[name] - 1) for name, value in theirs.items()}


def _metric(tools: dict[str, Any], real: np.ndarray, fake: np.ndarray, turns: int) -> dict[str, Any]:
    double = {tool: way(real.astype(np.float64), fake.astype(np.float64)) for tool, way in tools.items()}
    single: dict[str, dict[str, float]] = {}
    seconds: dict[str, list[float]] = {tool: [] for tool in tools}
    names = list(tools)
    for turn in range(turns):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = time.perf_counter()
            single[name] = tools[name](real, fake)
            seconds[name].append(time.perf_counter() - began)
    ratios = {n: (np.array(v) / np.array(seconds[OURS])).tolist() for n, v in seconds.items() if n != OURS}
    return {
        "values": double,
        "relative_difference": {n: deviation(double[OURS], v) for n, v in double.items() if n != OURS},
        "relative_difference_single": {n: deviation(single[OURS], v) for n, v in single.items() if n != OURS},
        "seconds": seconds,
        "ratios": ratios,
        "ratio": {name: float(np.median(values)) for name, values in ratios.items()},
    }


def _memory(tool: str, args: argparse.Namespace) -> dict[str, Any]:
    """Peak of resident memory of a fresh process above what it held before, in bytes."""
    call = ["--memory-of", tool, "--rows", str(args.neighbours), "--dimensions", str(args.neighbour_dimensions)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.peer_metrics", "--seed", str(args.seed), *call],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(field)))


def _measure_memory(tool: str, seed: int, n: int, d: int) -> dict[str, Any]:
    from ..peers.metric_tools import MEMORY

    rng = np.random.default_rng(seed)
    real, fake = (rng.standard_normal((n, d), np.float32) for _ in range(2))
    MEMORY[tool](real[:50], fake[:50])  # threads and libraries take their memory here
    held = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    began = time.perf_counter()
    values = MEMORY[tool](real, fake)
    seconds = time.perf_counter() - began
    return {"peak_bytes": _resident("VmHWM") - held, "seconds": seconds, "values": values}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.peer_metrics", description="Beside others.")
    parser.add_argument("--size", action="append", metavar="NxD", help="rows and dimensions (10000x64 and 5000x2048)")
    parser.add_argument("--turns", type=int, default=5, help="paired runs (default 5)")
    parser.add_argument("--neighbours", type=int, default=10_000, help="rows where memory is measured")
    parser.add_argument("--neighbour-dimensions", type=int, default=256, help="their dimensions")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--part", action="append", choices=("rows", "memory", "images"), help="default: all")
    parser.add_argument("--metric", action="append", help="default: all; others stay as they are in the file")
    parser.add_argument("--out", type=Path, help="JSON file; parts that are not asked for stay as they are there")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--dimensions", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.memory_of:
        print(json.dumps(_measure_memory(args.memory_of, args.seed, args.rows, args.dimensions)))
        return 0
    from ..peers.metric_tools import MEMORY, METRICS, tool_versions

    parts = args.part or ["rows", "memory", "images"]
    report: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    report |= {"seed": args.seed, "versions": versions() | tool_versions(), "hardware": hardware()}
    if "rows" in parts:
        held = {(e["rows"], e["dimensions"]): e for e in report.get("rows", [])}
        for size in args.size or ["10000x64", "5000x2048"]:
            n, d = map(int, size.split("x"))
            real, fake = rows_of(args.seed, n, d)
            entry = held.setdefault((n, d), {"rows": n, "dimensions": d, "turns": args.turns, "metrics": {}})
            report["rows"] = list(held.values())
            for metric, tools in METRICS.items():
                if args.metric and metric not in args.metric:
                    continue
                entry["metrics"][metric] = found = _metric(tools, real, fake, args.turns)
                found["load"] = os.getloadavg()[0]  # how many processes wanted the cores meanwhile
                print(size, metric, found["relative_difference"], found["ratio"], file=sys.stderr, flush=True)
                write_json(args.out, report)
    if "memory" in parts:
        found = {tool: _memory(tool, args) for tool in MEMORY}
        report["memory"] = {"rows": args.neighbours, "dimensions": args.neighbour_dimensions, "tools": found}
        write_json(args.out, report)
    if "images" in parts:
        report["images"] = {}
        try:
            image_parts(args.seed, report["images"])
        finally:
            write_json(args.out, report)
        print(json.dumps(report["images"], indent=1), file=sys.stderr)
    write_json(args.out, report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
