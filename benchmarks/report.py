"""Reports: ``report.json``, a single-file ``report.html``, tables on the terminal, and where they were made."""

from __future__ import annotations

import base64
import html
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
from rich.console import Console
from rich.table import Table

from pairs import InputError

from .pictures import png_bytes, write_bytes

__all__ = [
    "versions",
    "hardware",
    "to_json",
    "write_json",
    "write_html",
    "print_report",
    "protocol_line",
    "quality_table",
]

_DIRECTION = {
    "fid": "lower is better",
    "kid": "lower is better",
    "precision": "higher is better",
    "recall": "higher is better",
    "density": "about 1",
    "coverage": "higher is better",
    "critic_mean": "higher is better",
}


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


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _rows(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Metric and one cell for each column, with half the width of the interval."""
    columns = [c for c in ("before", "after", "difference", "metrics") if c in report]
    names = [k for k in {k: 0 for c in columns for k in report[c]} if not k.endswith("_ci")]
    rows = []
    for name in names:
        cells = []
        for column in columns:
            block = report[column]
            cell = _number(block[name]) if block.get(name) is not None else ""
            if block.get(f"{name}_ci"):
                low, high = block[f"{name}_ci"]
                cell += f" ± {(high - low) / 2:.2g}"
            cells.append(cell)
        rows.append((name, cells))
    return rows


def _label(name: str, report: Mapping[str, Any]) -> str:
    """``fid`` is named by its features: only Inception features make it the FID."""
    if name == "fid":
        return "FID (Inception)" if "inception" in report["features"]["name"].lower() else "FD (classifier features)"
    return {"kid": "KD"}.get(name, name.replace("_", " "))


def protocol_line(report: Mapping[str, Any]) -> str:
    """What a figure means: features, n, reference."""
    f, r = report["features"], report["reference"]
    n = f"{report['n']} samples, " if "n" in report else ""
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
    for name, cells in _rows(report):
        table.add_row(_label(name, report), *cells, _DIRECTION.get(name, ""))
    return table


def print_report(report: Mapping[str, Any], console: Console | None = None) -> None:
    """:func:`quality_table` on standard output."""
    (console or Console()).print(quality_table(report))


def write_html(
    path: str | Path,
    report: Mapping[str, Any],
    pictures: Mapping[str, np.ndarray | bytes] | None = None,
    title: str = "",
) -> None:
    """One file without references: title, table, pictures (captions to uint8 arrays or PNG bytes), the full report."""
    title = title or f"{report.get('pair', 'samples')}: quality"
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if "features" in report and "reference" in report:
        table = quality_table(report)
        head = "".join(f"<th>{html.escape(str(c.header))}</th>" for c in table.columns)
        body = "".join(
            f"<tr><td>{html.escape(_label(n, report))}</td>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
            + f"<td>{_DIRECTION.get(n, '')}</td></tr>"
            for n, cells in _rows(report)
        )  # fmt: skip
        parts.append(f"<p>{html.escape(protocol_line(report))}</p><table><tr>{head}</tr>{body}</table>")
    for caption, picture in (pictures or {}).items():
        raw = picture if isinstance(picture, bytes) else png_bytes(picture)
        source = base64.b64encode(raw).decode()
        caption = html.escape(caption)
        image = f'<img alt="{caption}" src="data:image/png;base64,{source}">'
        parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    parts.append(f"<details><summary>report.json</summary><pre>{html.escape(to_json(report))}</pre></details>")
    style = "body{font:16px sans-serif;max-width:60em;margin:2em auto}td,th{padding:.2em .8em;text-align:right}"
    style += "td:first-child{text-align:left}img{max-width:100%;image-rendering:pixelated}figure{margin:1em 0}"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    page += f"<style>{style}</style>"
    write_bytes(path, (page + "\n".join(parts) + "</html>\n").encode())
