"""A leaderboard as a table on the terminal and as a plot of distance against cost."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pairs.io.quality_table import figure_text

__all__ = ["cost_plot", "print_board", "ranked"]


def ranked(report: Mapping[str, Any], critic: str, budget: float | None) -> list[dict[str, Any]]:
    """Entries on one critic at one budget, the nearest first; None for those that have one price.

    Example:
      >>> entries = [{"critic": "own", "budget": 5.0, "fid": v} for v in (3.0, 2.0)]
      >>> [e["fid"] for e in ranked({"entries": entries}, "own", 5.0)]
      [2.0, 3.0]
    """
    same = [e for e in report["entries"] if e["critic"] == critic and e["budget"] == budget]
    return sorted(same, key=lambda e: e["fid"])


def print_board(report: Mapping[str, Any]) -> None:
    """One table for each critic: distances with half their intervals, the best of a budget and its likes marked."""
    console = Console(markup=False)
    judge, budgets = report["judge"], [*report["budgets"], None]
    for critic in report["critics"]:
        title = f"{report['pair']}, {critic} critic: Frechet distance in {judge['name']}, {report['n']:,} samples"
        table = Table(title=title)
        table.add_column("method")
        for budget in budgets:
            table.add_column("one pass" if budget is None else f"{budget:g} gradients", justify="right")
        cells: dict[str, dict[float | None, str]] = {}
        for budget in budgets:
            for entry in ranked(report, critic, budget):
                low, high = entry["fid_ci"]
                text = figure_text(entry["fid"], (high - low) / 2) + (" *" if entry["like_best"] else "  ")
                cells.setdefault(entry["method"], {})[budget] = text
        for row in report["too_dear"]:
            if row["critic"] == critic:
                words = "impossible" if row["reason"] else f"needs {row['least']:.3g}"
                cells.setdefault(row["method"], {}).setdefault(row["budget"], f"{words}  ")
        for method, own in cells.items():
            table.add_row(method, *(own.get(b, "") for b in budgets))
        console.print(table)
    start, floor = report["generator"], report["floor"]
    low, high = start["fid_ci"]
    console.print(
        f"generator {figure_text(start['fid'], (high - low) / 2)}, {floor['n']:,} real images {floor['fid']:.3g}; "
        "* not told apart from the best of its budget at 95 %",
        soft_wrap=True,
    )
    for words in report["warnings"]:
        console.print(f"warning: {words}", soft_wrap=True)


def cost_plot(report: Mapping[str, Any]) -> bytes:
    """Distance against gradient evaluations spent, one panel for each critic, as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    critics = list(report["critics"])
    figure, axes = plt.subplots(1, len(critics), figsize=(5.6 * len(critics), 5.2), squeeze=False, sharey=True)
    methods = list(dict.fromkeys(e["method"] for e in report["entries"]))
    colors = plt.get_cmap("tab20")
    top = 1.6 * report["generator"]["fid"]
    for axis, critic in zip(axes[0], critics, strict=True):
        for number, method in enumerate(methods):
            mine = [e for e in report["entries"] if e["critic"] == critic and e["method"] == method]
            mine.sort(key=lambda e: e["spent"])
            y = [min(e["fid"], top) for e in mine]
            reach = [[max(0.0, e["fid"] - e["fid_ci"][0]) for e in mine], [e["fid_ci"][1] - e["fid"] for e in mine]]
            marker = "osD^v<>Pph*X"[number % 12]
            line = axis.errorbar([e["spent"] for e in mine], y, reach, label=method, color=colors(number % 20))
            line.lines[0].set(marker=marker, markersize=5, linewidth=1.0)
        axis.axhline(report["generator"]["fid"], color="0.3", linestyle="--", linewidth=1.0, label="generator")
        axis.axhline(report["floor"]["fid"], color="0.3", linestyle=":", linewidth=1.0, label="real images")
        axis.set(xscale="log", yscale="log", xlabel="gradient evaluations per sample", title=f"{critic} critic")
        axis.set_ylim(top=top)
    axes[0][0].set_ylabel(f"Frechet distance, {report['judge']['name']}")
    axes[0][-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()
