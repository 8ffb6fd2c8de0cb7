r"""A billion refined samples, extrapolated from measured costs, and what breaks on the way there.

A device whose matrix products reach the rate R runs a chain at the share s of R that was measured on a GPU
(``benchmarks/results/device_speed.json``) for two nets, a small one and a large one; between their operations per
gradient, :math:`F_0` and :math:`F_1`, the share is interpolated,

.. math:: s(F) = s_0 + (s_1 - s_0)\,\frac{\log F - \log F_0}{\log F_1 - \log F_0},

and held at the ends. A sample of W operations and B bytes, by XLA's count on a CPU, takes

.. math:: \max\left(\frac{W}{s\,R},\; \frac{B}{M}\right)

seconds on one device with memory bandwidth M; chains need nothing of each other, so that a pod of devices is taken to
be as many times faster. The bytes are those of CPU programs, which fuse less: the second term is an upper estimate.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from dcd.selection.candidates import MOST_OUTPUTS
from dcd.streaming.shard_index import index_text

from ..commands.options import SAMPLES

__all__ = ["MACHINES", "RESULTS", "at_scale", "index_bytes", "share_of_peak"]

RESULTS = Path(__file__).resolve().parents[1] / "results"
BILLION = 10**9
SHARD = 1024
"""Samples of a shard by default."""
FEATURES = 128
"""Numbers that a bundled feature net gives for an image."""
MACHINES: dict[str, dict[str, Any]] = {
    "one H200": {
        "devices": 1,
        "precision": "tf32",
        "peak": None,
        "bandwidth": 4.8e12,
        "source": "rate of a matrix product as measured on the card; bandwidth as published for the SXM card",
    },
    "TPU v5e pod": {
        "devices": 256,
        "precision": "bfloat16",
        "peak": 197e12,
        "bandwidth": 819e9,
        "source": "peak, bandwidth and number of chips as published; the share of the peak is the GPU's, not a TPU's",
    },
}
"""Published peaks, operations and bytes per second and device; the peak None is that of ``device_speed.json``."""


def _stored(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def _measured_shares(precision: str) -> tuple[float, list[tuple[float, float]]]:
    """Rate of a matrix product, and (operations per gradient and sample, share of that rate) of two nets."""
    report = _stored("device_speed")
    parts = {p["part"]: p for p in report["parts"]}
    rate = parts["matrix peak"]["peak"][precision]["flop_per_s"]["median"]
    found = []
    for name in ("fashion-mnist-wgan-gp", "random-sngan"):
        part = parts[f"{name}, latent, {precision}, batch 256"]
        each = part["flops_per_gradient"]["as written"] / part["batch"]
        found.append((each, part["flop_per_s"]["as written"] / rate))
    return rate, found


def share_of_peak(operations: float, known: list[tuple[float, float]]) -> float:
    """The share s(F) of a gradient of so many operations.

    Example:
      >>> round(share_of_peak(1e8, [(1e7, 0.1), (1e9, 0.5)]), 6)
      0.3
    """
    (low, first), (high, last) = known
    where = (math.log(operations) - math.log(low)) / (math.log(high) - math.log(low))
    return first + (last - first) * min(1.0, max(0.0, where))


def index_bytes(shards: int) -> int:
    """Bytes of the index of so many shards, from one of a thousand rows.

    Example:
      >>> index_bytes(2000) > 1.9 * index_bytes(1000)
      True
    """
    paths, run = [Path(f"shard-{i:07d}.npz") for i in range(1000)], {"n": 1000 * SHARD, "shard": SHARD}
    return int(len(index_text(run, paths, ["0" * 64] * 1000)) * shards / 1000)


def at_scale(report: dict[str, Any], n: int = BILLION) -> dict[str, Any]:
    """Time, disk, memory and judging of n refined samples.

    Args:
      report: Measured part of the report of :mod:`benchmarks.studies.cost`.
      n: Samples.

    Returns:
      Per machine and pair the seconds of a sample of each preset and the days of all; sizes on disk; and what breaks,
      in the order of the number of samples at which it does.
    """
    machines: dict[str, Any] = {}
    for name, machine in MACHINES.items():
        rate, known = _measured_shares(machine["precision"])
        peak = machine["peak"] or rate
        rows: dict[str, Any] = {}
        for pair, cost in report["pairs"].items():
            share = share_of_peak(cost["operations"]["gradient"], known)
            rows[pair] = {"share": share, "presets": {}}
            for preset, figures in cost["presets"].items():
                if "operations" not in figures:
                    continue
                by_work = figures["operations"] / (share * peak)
                by_bytes = figures["compiled"]["bytes"] / machine["bandwidth"]
                days = n * max(by_work, by_bytes) / machine["devices"] / 86400
                times = {"by_operations": by_work, "by_bytes": by_bytes, "days": days}
                rows[pair]["presets"][preset] = times
        machines[name] = machine | {"peak": peak, "shares": known, "pairs": rows}
    disk = {}
    for pair, cost in report["pairs"].items():
        sample = 2 * math.prod(cost["sample"]) * (1 if len(cost["sample"]) == 3 else 4) + 16
        rows_kept = 2 * 4 * FEATURES
        disk[pair] = {"sample": sample, "features": rows_kept, "all": n * (sample + rows_kept)}
    return {"n": n, "machines": machines, "disk": disk, "breaks": _breaks(n, disk)}


def _breaks(n: int, disk: dict[str, Any]) -> dict[str, Any]:
    flat, tuned = _stored("flat_memory"), _stored("refine-bundled-tuned")
    judged = tuned["seconds"]["features"] / tuned["n"]
    sampled = tuned["seconds"]["sample"] / tuned["n"]
    largest = max(entry["sample"] + entry["features"] for entry in disk.values())
    least = min(entry["sample"] + entry["features"] for entry in disk.values())
    return {
        "selection": {"most": MOST_OUTPUTS, "what": "samples of OBRS, DRS, MH-GAN, i-SIR and Ex2 in one run"},
        "disk": {"terabyte_holds": [int(1e12 / largest), int(1e12 / least)]},
        "count": {"most": SAMPLES.high, "noise": 2**31 - 1},
        "index": {"shards": -(-n // SHARD), "bytes": index_bytes(-(-n // SHARD))},
        "memory": {"sizes": [[row["n"], row["peak_mib"]] for row in flat["sizes"]]},
        "judging": {
            "pair": tuned["pair"],
            "seconds_per_sample": judged,
            "seconds_of_refining": sampled,
            "days": n * judged / 86400,
            "cpu": tuned["hardware"]["cpu"],
            "cores": tuned["hardware"]["cores"],
        },
    }
