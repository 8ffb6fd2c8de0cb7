"""Quality before and after as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ..errors import InputError

__all__ = ["DIRECTION", "metric_label", "print_report", "protocol_line", "quality_rows", "quality_table"]

DIRECTION = {
    "fid": "lower is better",
    "kid": "lower is better",
    "precision": "higher is better",
    "recall": "higher is better",
    "density": "about 1",
    "coverage": "higher is better",
    "critic_mean": "higher is better",
}


def _number_text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def quality_rows(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Metric and one cell for each column, with half the width of the interval."""
    columns = [c for c in ("before", "after", "difference", "metrics") if c in report]
    names = [k for k in {k: 0 for c in columns for k in report[c]} if not k.endswith("_ci")]
    rows = []
    for name in names:
        cells = []
        for column in columns:
            block = report[column]
            cell = _number_text(block[name]) if block.get(name) is not None else ""
            if block.get(f"{name}_ci"):
                low, high = block[f"{name}_ci"]
                cell += f" ± {(high - low) / 2:.2g}"
            cells.append(cell)
        rows.append((name, cells))
    return rows


def metric_label(name: str, report: Mapping[str, Any]) -> str:
    """``fid`` is named by its features: only Inception features make it the FID."""
    if name == "fid":
        return "FID (Inception)" if "inception" in report["features"]["name"].lower() else "FD (classifier features)"
    return {"kid": "KD"}.get(name, name.replace("_", " "))


def protocol_line(report: Mapping[str, Any]) -> str:
    """What a figure means: features, n, reference."""
    f, r = report["features"], report["reference"]
    n = f"{report['n']} samples, " if "n" in report else ""
    if f is None:
        return f"{n}no feature net: distances are not measured"
    return f"{n}features {f['name']} ({f['dim']}-d), reference {r['split']} split of {r['n']}, 95 % intervals"


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
    console = console or Console()
    console.print(quality_table(report))
    for words in report.get("warnings", ()):
        console.print(f"note: {words}")
