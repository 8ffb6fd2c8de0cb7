"""Quality before and after as a table on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ..errors import InputError

__all__ = ["DIRECTION", "figure_text", "metric_label", "print_report", "protocol_line", "quality_rows", "quality_table"]

DIRECTION = {
    "fid": "lower is better",
    "kid": "lower is better",
    "precision": "higher is better",
    "recall": "higher is better",
    "density": "about 1",
    "coverage": "higher is better",
    "critic_mean": "higher is better",
}


def figure_text(value: Any, half: float = 0.0) -> str:
    """A figure with no more digits than half the width of its interval allows.

    Example:
      >>> figure_text(27.634, 1.93), figure_text(0.28341, 0.0487), figure_text(-0.2, 11.0), figure_text(0.5)
      ('27.6 ± 1.9', '0.283 ± 0.049', '0 ± 11', '0.5')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not (0 < half < math.inf and math.isfinite(value)):
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(half))
    shown = lambda v: f"{round(v, places) + 0.0:.{max(0, places)}f}"  # no minus before a zero
    return f"{shown(value)} ± {shown(half)}"


def quality_rows(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Metric and one cell for each column, with half the width of the interval."""
    columns = [c for c in ("before", "after", "difference", "metrics") if c in report]
    names = [k for k in {k: 0 for c in columns for k in report[c]} if not k.endswith("_ci")]
    rows = []
    for name in names:
        cells = []
        for column in columns:
            block = report[column]
            low, high = block.get(f"{name}_ci") or (0.0, 0.0)
            cells.append("" if block.get(name) is None else figure_text(block[name], (high - low) / 2))
        rows.append((name, cells))
    return rows


def metric_label(name: str, report: Mapping[str, Any]) -> str:
    """``fid`` is named by its features: only Inception features make it the FID."""
    if name == "fid":
        net = report["features"]["name"].lower()
        kinds = {"inception": "FID (Inception)", "random-fourier": "FD (Fourier features)"}
        return next((label for kind, label in kinds.items() if kind in net), "FD (classifier features)")
    return {"kid": "KD"}.get(name, name.replace("_", " "))


def protocol_line(report: Mapping[str, Any]) -> str:
    """What a figure means: features, n, reference."""
    f, r = report["features"], report["reference"]
    n = f"{report['n']} samples, " if "n" in report else ""
    if f is None:
        return f"{n}no feature net: distances are not measured"
    real = f"statistics '{r['split']}'" if r["n"] is None else f"{r['split']} split of {r['n']}"
    return f"{n}features {f['name']} ({f['dim']}-d), reference {real}, 95 % intervals"


def quality_table(report: Mapping[str, Any]) -> Table:
    """Before and after as a :class:`rich.table.Table`."""
    for field in ("features", "reference"):
        if field not in report:
            raise InputError("report", f"has no '{field}'", "a figure without its protocol is not printed")
    table = Table(title=protocol_line(report), title_justify="left")
    table.add_column("metric", no_wrap=True)
    for column in (c for c in ("before", "after", "difference", "metrics") if c in report):
        table.add_column("value" if column == "metrics" else column, justify="right")
    table.add_column("")
    for name, cells in quality_rows(report):
        table.add_row(metric_label(name, report), *cells, DIRECTION.get(name, ""))
    return table


def print_report(report: Mapping[str, Any], console: Console | None = None) -> None:
    """:func:`quality_table` on standard output, with the report's warnings."""
    console = console or Console(markup=False)
    console.print(quality_table(report))
    for words in report.get("warnings", ()):
        console.print(f"note: {words}")
