"""The report of ``ganrefine path``, and its table."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from interp.comparison import Comparison
from interp.metric.path_weight import PathWeight
from interp.settings import GeodesicSettings
from pairs import Pair
from pairs.io.reports import hardware, versions

from .realism import Judge
from .stops import Stops

__all__ = ["path_report", "print_table"]

_FIGURES = (
    "energy",
    "length",
    "plain_length",
    "pixel_length",
    "critic_min",
    "critic_mean",
    "critic_low",
    "below_floor",
    "speed_ratio",
    "radius_min",
    "detour",
    "curvature",
)
_ORDER = ("linear", "slerp", "matched", "plain", "geodesic", "cross_fade")


def _named(stop: int | Path) -> int | str:
    return stop if isinstance(stop, int) else str(stop)


def path_report(
    args: argparse.Namespace,
    pair: Pair,
    settings: GeodesicSettings,
    found: Comparison,
    weight: PathWeight | None,
    stops: Stops,
    decided: dict[str, dict[str, Any]],
    answer: str,
    judge: Judge | None,
    figures: dict[str, dict[str, np.ndarray]] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """The report as JSON values; every method has an entry of its own."""
    legs = len(stops.z) - 1
    frames = found.cross_fade.shape[1]
    report: dict[str, Any] = {
        "pair": pair.name,
        "data": None if args.data is None else str(args.data),
        "seed": args.seed,
        "from": _named(args.start),
        "via": [_named(stop) for stop in args.via or ()],
        "to": _named(args.end),
        "loop": args.loop,
        "label": args.label,
        "to_label": args.to_label,
        "answer": answer,
        "decided": decided,
        "metric": decided["metric"]["choice"],
        "through": None if args.through is None else _named(args.through),
        "classifier": args.classifier,
        "judge": None if judge is None else judge.record(),
        "calibration": None if weight is None else {**weight.statistics, "floor": weight.floor},
        "config": settings.to_dict(),
        "legs": legs,
        "frames": frames,
    }
    if stops.inversions:
        report["inversion"] = stops.inversions
    for name, d in found.diagnostics.items():
        report[name] = {key: float(getattr(d, key)[0]) for key in _FIGURES} | _solved(found, name)
    fade = np.asarray(found.cross_fade_critic[0])
    report["cross_fade"] = {"critic_min": float(fade.min()), "critic_mean": float(fade.mean())}
    for name, values in (figures or {}).items():
        report[name] |= {key: value[0].item() for key, value in values.items()}
    _against_plain(report)
    report["protocol"] = f"{_steps(settings, frames, legs)}; energy and length in mode '{settings.mode}'"
    if judge is not None:
        report["protocol"] += f"; realism in {judge.choice.features.label}, against {len(judge.near.real)} real images"
    report["seconds"] = seconds
    report["versions"], report["hardware"] = versions(), hardware()
    return report


def _steps(settings: GeodesicSettings, frames: int, legs: int) -> str:
    """How frames are placed; those of several legs are placed anew along the whole."""
    if settings.resample == "none" and legs == 1:
        return (
            f"{frames} frames, of geodesics at equal steps of the curve's parameter, "
            "of other methods at equal distance in the metric"
        )
    return f"{frames} frames at equal distance in the metric for every method"


def _solved(found: Comparison, name: str) -> dict[str, Any]:
    """What the solver says of all legs of a path."""
    result = found.results.get(name)
    if result is None:
        return {"evaluations": 0, "converged": True}
    return {
        "evaluations": int(np.sum(result.evaluations)),
        "converged": bool(np.all(result.flags.converged)),
        "outcome": " ".join(dict.fromkeys(result.messages())),
        "flags": {k: bool(np.any(v)) for k, v in result.flags._asdict().items()},
    }


def _against_plain(report: dict[str, Any]) -> None:
    """Lengths over that of the plain geodesic, in the features of the metric."""
    base = report.get("plain", {}).get("plain_length")
    for name in _ORDER:
        length = report.get(name, {}).get("plain_length")
        if base and length is not None:
            report[name]["length_over_plain"] = length / base


def print_table(report: dict[str, Any]) -> None:
    """The table of the report, with what was decided."""
    from rich.console import Console
    from rich.table import Table

    if report["judge"] is None:
        columns = {
            "length": "length",
            "plain_length": "plain\nlength",
            "critic_min": "critic\nmin",
            "critic_mean": "critic\nmean",
            "speed_ratio": "speed\nratio",
            "radius_min": "radius\nmin, %",
            "evaluations": "calls",
        }
    else:
        columns = {
            "length_over_plain": "length\n/ plain",
            "critic_mean": "critic\nmean",
            "distance": "from real\nmean",
            "worst": "from real\nworst",
            "off_data": "off\ndata",
            "jump": "jump",
        }
        if "confidence" in report["slerp"]:
            columns["least_confidence"] = "least\nsure"
    console = Console(markup=False)  # names may hold brackets
    title = f"{report['pair']}: {report['protocol']}"
    table = Table("method", *columns.values(), title=title, title_justify="left")
    for name in (n for n in _ORDER if n in report):
        row = report[name]
        table.add_row(name.replace("_", "-"), *(_cell(row.get(c)) for c in columns))
    for name, record in report.get("inversion", {}).items():
        print(f"{name} {record['file']}: found to {record['error']:.3g} root mean square, in the pair's range")
    console.print(table)
    for what, entry in report["decided"].items():
        if what == "answer":
            continue
        console.print(f"{what}: {entry['choice'] or 'none'} ({entry['why']})", highlight=False)
    if report["judge"] is not None:
        console.print(f"judge: {report['judge']['why']}", highlight=False)
    why = report["decided"]["answer"]["why"]
    console.print(f"the answer is {report['answer']}: {why}", highlight=False)


def _cell(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else f"{value:.4g}"
