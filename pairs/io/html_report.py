"""``report.html``: one file without references to others, readable on a phone, in the dark, and on paper."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import write_bytes
from .pictures import png_bytes
from .quality_table import DIRECTION, metric_label, protocol_line, quality_rows, quality_table
from .reports import to_json

__all__ = [
    "cells_part",
    "compare_part",
    "details_part",
    "picture_part",
    "table_part",
    "text_part",
    "write_html",
    "write_page",
]

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:54em;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
.said{font-size:1.1em;border-left:.25em solid #4a7fb5;padding-left:1em}
.note{border-left:.25em solid #c08a2b;padding-left:1em}
.scroll{overflow-x:auto}
table{border-collapse:collapse}
td,th{padding:.25em .8em;text-align:right;white-space:nowrap;border-bottom:1px solid #8885}
td:first-child,th:first-child{text-align:left}
tr>th[scope=row]{font-weight:normal}
figure{margin:1em 0}img{max-width:100%;background:#fff}
.pixels{image-rendering:pixelated}.stack img{display:block}
figcaption{font-size:.9em;opacity:.85}
.stack{position:relative;display:inline-block;--cut:50%}
.stack .over{position:absolute;left:0;top:0;height:100%;width:100%;max-width:none}
.stack .over{clip-path:inset(0 calc(100% - var(--cut)) 0 0)}
.stack:after{content:"";position:absolute;top:0;bottom:0;left:var(--cut);border-left:2px solid #d33}
input[type=range]{width:100%;max-width:45em}
pre{overflow-x:auto;font-size:.8em}
@media print{body{font-size:12px;margin:0}td,th{padding:.2em .5em}.scroll{overflow:visible}h2{break-after:avoid}
.stack{display:flex;flex-direction:column;width:60%}
.stack .over{position:static;clip-path:none;order:-1;margin-bottom:1em}
.stack:after,input[type=range],details{display:none}figure,table{break-inside:avoid}}
"""


def text_part(words: str, kind: str = "") -> str:
    """A paragraph; ``kind`` is ``said`` for what came out and ``note`` for a warning."""
    return f'<p class="{kind}">{html.escape(words)}</p>' if kind else f"<p>{html.escape(words)}</p>"


def table_part(report: Mapping[str, Any]) -> str:
    """The table of a report, with its protocol."""
    head = [str(column.header) for column in quality_table(report).columns]
    rows = [[metric_label(n, report), *cells, DIRECTION.get(n, "")] for n, cells in quality_rows(report)]
    return text_part(protocol_line(report)) + cells_part(head, rows)


def cells_part(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, the first cell of each row being its name.

    Example:
      >>> part = cells_part(["net", "score"], [["a < b", "1"]])
      >>> "a &lt; b</th><td>1</td>" in part
      True
    """
    columns = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{html.escape(first)}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    )
    return f'<div class="scroll"><table><tr>{columns}</tr>{body}</table></div>'


def _source(picture: np.ndarray | bytes) -> str:
    raw = picture if isinstance(picture, bytes) else png_bytes(picture)
    return f"data:image/png;base64,{base64.b64encode(raw).decode()}"


def picture_part(caption: str, picture: np.ndarray | bytes) -> str:
    """A picture (uint8 array or PNG bytes) with its caption, which is also its text for readers that see none."""
    caption = html.escape(caption)
    kind = "plot" if isinstance(picture, bytes) else "pixels"
    image = f'<img class="{kind}" alt="{caption}" src="{_source(picture)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def compare_part(caption: str, before: np.ndarray, after: np.ndarray) -> str:
    """Two pictures of one size, one over the other, with a slider between them; both are printed."""
    words = html.escape(caption)
    over = f'<img class="over pixels" alt="before: {words}" src="{_source(before)}">'
    both = "left of the line before, right of it after (on paper: above and below)"
    label = "how much of the picture shows the samples before"
    slide = "this.previousElementSibling.style.setProperty('--cut',this.value+'%')"
    return (
        f'<figure><div class="stack"><img class="pixels" alt="after: {words}" src="{_source(after)}">{over}</div>'
        f'<input type="range" value="50" aria-label="{label}" oninput="{slide}">'
        f"<figcaption>{words}: {both}.</figcaption></figure>"
    )


def details_part(report: Mapping[str, Any]) -> str:
    """The whole report, folded."""
    return f"<details><summary>report.json</summary><pre>{html.escape(to_json(report))}</pre></details>"


def write_page(path: str | Path, title: str, parts: Sequence[str]) -> None:
    """One file of parts, whole or not at all."""
    title = html.escape(title)
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    page += f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style><h1>{title}</h1>'
    write_bytes(path, (page + "\n".join(parts) + "</html>\n").encode())


def write_html(
    path: str | Path,
    report: Mapping[str, Any],
    pictures: Mapping[str, np.ndarray | bytes] | None = None,
    title: str = "",
) -> None:
    """A page of a report: title, table, pictures (captions to uint8 arrays or PNG bytes), the full report."""
    parts = [table_part(report)] if "features" in report and "reference" in report else []
    parts += [picture_part(caption, picture) for caption, picture in (pictures or {}).items()]
    write_page(path, title or f"{report.get('pair', 'samples')}: quality", [*parts, details_part(report)])
