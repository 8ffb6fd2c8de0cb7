"""``report.html``: one file without references to others."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .files import write_bytes
from .pictures import png_bytes
from .quality_table import DIRECTION, metric_label, protocol_line, quality_rows, quality_table
from .reports import to_json

__all__ = ["write_html"]


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
            f"<tr><td>{html.escape(metric_label(n, report))}</td>"
            + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
            + f"<td>{DIRECTION.get(n, '')}</td></tr>"
            for n, cells in quality_rows(report)
        )
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
