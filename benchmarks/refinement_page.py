"""The page of ``benchmark refine``: what was done, what came out in words, tables, and the samples to compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dcd import Result
from pairs import Pair
from pairs.io.html_report import compare_part, details_part, picture_part, table_part, text_part, write_page
from pairs.io.pictures import before_after_grid, grid
from pairs.io.quality_table import figure_text, metric_label

from .further_figures import say_further
from .refinement import as_bytes

__all__ = ["say_what_came_out", "say_what_was_done", "write_refinement_page"]

_WIDTH, _SIDE = 720, 56


def say_what_was_done(report: Mapping[str, Any]) -> str:
    """The run in a sentence or two."""
    chain, n, budget = report["config"], report["n"], report.get("budget", 1.0)
    name = f" ({chain['preset']})" if chain.get("preset") else ""
    if not chain["steps"]:
        left = "left as they are" if budget == 1 else "other samples were selected in their place"
        done = f"{n:,} samples of {report['pair']} were drawn and {left}"
    else:
        steps = "one step" if chain["steps"] == 1 else f"{chain['steps']} steps"
        done = (
            f"{n:,} samples of {report['pair']} were drawn, and each was moved by {steps} of a Langevin chain{name} in "
            f"{chain['space']} space, driven by the critic (step size {chain['step_size']:g}, temperature "
            f"{chain['temperature']:g})"
        )
    if budget < 1:
        done += f"{', from starts selected' if chain['steps'] else ''} at an acceptance of {budget:g}"
    real = report["reference"]
    return (
        f"{done}. Before and after, the samples were compared with {real['n']:,} real images of {report['data']} "
        f"({real['split']} split) in the features of {report['features']['name']}."
    )


def say_what_came_out(report: Mapping[str, Any]) -> list[str]:
    """The verdict, a sentence for each judge, and what else was shown to change."""
    said = [_of_distance(report)]
    if "judge" in report:
        judge = report["judge"]
        first, second = (_sign(r["difference"], "fid") for r in (report, judge))
        agrees = "agrees" if first == second else "does not agree"
        name = judge["features"]["name"]
        said.append(f"The second judge, {name}, {agrees}: {_of_distance(judge, opening=False)}")
    moved = []
    for name in ("precision", "recall", "density", "coverage"):
        sign = _sign(report["difference"], name)
        if sign:
            before, after = (report[side][name] for side in ("before", "after"))
            moved.append(f"{name} {'rose' if sign > 0 else 'fell'} from {before:.2f} to {after:.2f}")
    still = "No change of precision, recall, density or coverage was shown."
    said.append(f"Shown besides: {', '.join(moved)}." if moved else still)
    if report.get("stopped"):
        said.append(f"{report['stopped']:,} samples met NaN or infinity and rest at their last finite state.")
    return said


def _sign(block: Mapping[str, Any], name: str) -> int:
    """1 for a rise that the interval shows, -1 for a fall, 0 where it holds zero."""
    low, high = block.get(f"{name}_ci") or (0.0, 0.0)
    return int(low > 0) - int(high < 0)


def _figure(block: Mapping[str, Any], name: str) -> str:
    low, high = block[f"{name}_ci"]
    return figure_text(block[name], (high - low) / 2)


def _of_distance(report: Mapping[str, Any], opening: bool = True) -> str:
    before, after, change = (_figure(report[side], "fid") for side in ("before", "after", "difference"))
    name, sign = metric_label("fid", {"features": report["features"]}), _sign(report["difference"], "fid")
    ratio = abs(report["difference"]["fid"]) / max(report["before"]["fid"], 1e-12)
    share = f" by {ratio:.0%}".replace("%", " %") if ratio < 10 else ""
    figures = f"{name}: {before} before, {after} after, change {change}"
    words = {
        -1: f"the samples came nearer to the real images{share}",
        1: f"the samples moved away from the real images{share}",
        0: "no change of the distance to the real images was shown",
    }[sign]
    return f"{words[0].upper()}{words[1:]} ({figures})." if opening else f"{words} ({figures})."


def write_refinement_page(
    path: Path, pair: Pair, report: Mapping[str, Any], result: Result, pictures: Mapping[str, bytes]
) -> None:
    """Write the page.

    Args:
      path: The file.
      pair: The pair.
      report: The report, with ``judge`` if there was a second one.
      result: The samples.
      pictures: More pictures, by caption.
    """
    before, after = as_bytes(pair, result)
    zoom = max(1, _SIDE // before.shape[1])
    columns = max(2, min(12, _WIDTH // (before.shape[2] * zoom + 2)))
    shown = slice(0, columns * max(2, min(8, len(before) // columns)))
    sheets = [grid(x[shown], columns, zoom=zoom) for x in (before, after)]
    parts = [text_part(say_what_was_done(report))]
    parts += [text_part(words, "said" if i == 0 else "") for i, words in enumerate(say_what_came_out(report))]
    parts += [text_part(f"Note: {words}", "note") for words in report.get("warnings", ())]
    parts += ["<h2>Figures</h2>", table_part(report)]
    if "further" in report:
        kind = metric_label("fid", {"features": report["features"]})
        parts += [text_part(words) for words in say_further(report["further"], kind)]
    if "judge" in report:
        parts += ["<h2>The second judge</h2>", table_part({"n": report["n"], **report["judge"]})]
    selected = report.get("budget", 1.0) < 1
    heading = "Samples before and after" if selected else "The same latents before and after"
    order = "selected: those after are other samples" if selected else "samples in the order of the draw"
    parts += [f"<h2>{heading}</h2>", compare_part(order, *sheets)]
    change = result.score - result.start_score
    if not selected and np.any(change != 0):
        parts.append("<h2>Changed most, as the critic sees it</h2>")
        order = np.argsort(-change, kind="stable")
        for caption, chosen in (
            ("the score rose most; upper row before, lower row after", order[:columns]),
            ("the score fell most, or rose least; upper row before, lower row after", order[::-1][:columns]),
        ):
            parts.append(picture_part(caption, before_after_grid(before[chosen], after[chosen], columns, 1, zoom=zoom)))
    parts += [
        "<h2>The run, step by step</h2>",
        *(picture_part(caption, picture) for caption, picture in pictures.items()),
    ]
    write_page(path, f"{report['pair']}: quality before and after refinement", [*parts, details_part(report)])
