"""The page of ``benchmark interpolate``: what was done, what came out in words, a table, curves, and paths."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from interp.sheets import sheet
from pairs import Pair
from pairs.batches import apply_in_batches
from pairs.checks import image_range
from pairs.io.html_report import cells_part, details_part, picture_part, text_part, write_page
from pairs.io.pixels import to_uint8
from pairs.io.quality_table import figure_text

__all__ = ["METHODS", "say_paths_drawn", "say_which_is_nearest", "write_interpolation_page"]

METHODS = {
    "linear": "line",
    "slerp": "slerp",
    "matched": "matched line",
    "plain": "geodesic (no critic)",
    "weighted": "geodesic (own critic)",
    "weighted-adapted": "geodesic (adapted critic)",
}
"""What the page calls each method."""
CURVES, SHOWN = 200, 4
"""Pairs of ends behind the curves, and pairs that are shown of each kind."""
_COLOURS = ("#888888", "#4477aa", "#66ccee", "#228833", "#ee6677", "#aa3377")


def say_paths_drawn(report: Mapping[str, Any]) -> str:
    """The run in a sentence or two."""
    inside, judge = report["points"] - 2, report["judge"]
    distance = {"features": f"the features of {report['features']['name']}", "critic": "the critic's last features"}
    return (
        f"{report['pairs']:,} pairs of random latents of {report['pair']} were joined by {len(report['methods'])} "
        f"methods. The {inside} frames inside each path, at equal distances in "
        f"{distance.get(report['metric'], 'pixels')}, were compared with {judge['reference']:,} real images in the "
        f"features of {judge['name']}, which took no part in finding the paths."
    )


def say_which_is_nearest(report: Mapping[str, Any]) -> list[str]:
    """For each weighted geodesic, which methods it is shown to beat or to lose against; and the nearest of all."""
    said = []
    for name, entry in report["methods"].items():
        told: dict[str, list[str]] = {"nearer": [], "further": [], "alike": []}
        for rival, change in entry.get("change", {}).items():
            low, high = change["ci"]
            kind = "nearer" if high < 0 else "further" if low > 0 else "alike"
            told[kind].append(f"{METHODS[rival]} ({figure_text(change['difference'], (high - low) / 2)})")
        words = {
            "nearer": "nearer to real images than those of",
            "further": "further from real images than those of",
            "alike": "not shown to be nearer or further than those of",
        }
        parts = [f"{words[kind]} {', '.join(rivals)}" for kind, rivals in told.items() if rivals]
        if parts:
            said.append(f"Frames of the {METHODS[name]} are {'; '.join(parts)}: differences of Frechet distances.")
    best = report["lowest"]
    value, samples = _distance(report["methods"][best]), report["samples_frechet"]
    line = f"The lowest distance is that of the {METHODS[best]}: {value}. As many samples of the generator have"
    return [*said, f"{line} {figure_text(samples)}."]


def write_interpolation_page(
    path: Path, pair: Pair, report: Mapping[str, Any], paths: Mapping[str, np.ndarray]
) -> None:
    """Write the page.

    Args:
      path: The file.
      pair: The pair, whose own critic scores the frames that are shown.
      report: The report.
      paths: Latents ``(n, points, *latent)`` of every method, for the same ends.
    """
    parts = [text_part(say_paths_drawn(report))]
    parts += [text_part(words, "said" if i == 0 else "") for i, words in enumerate(say_which_is_nearest(report))]
    parts += [text_part(f"Note: {words}", "note") for words in report.get("warnings", ())]
    parts += ["<h2>Figures</h2>", _table(report), text_part(_MEANING)]
    scores = {name: _scores(pair, z[:CURVES]) for name, z in paths.items()}
    main = next(name for name in ("weighted-adapted", "weighted", "plain") if name in paths)
    rise = scores[main].min(1) - scores["slerp"].min(1)
    order = np.argsort(-rise, kind="stable")
    count = min(SHOWN, len(order))
    told = f"the pair's own critic along the paths: mean over {len(rise):,} pairs of ends"
    parts += ["<h2>The critic along the paths</h2>", picture_part(told, _curves(scores))]
    parts.append("<h2>Paths, the ends in the order of the draw</h2>")
    parts.append(text_part(f"Rows from above: {', '.join(METHODS[name] for name in paths)}."))
    parts += [_shown(pair, paths, i, "") for i in range(count)]
    against = f"the lowest score along the {METHODS[main]} against that along slerp"
    for title, rows in ((f"Best: {against}", order[:count]), (f"Worst: {against}", order[::-1][:count])):
        parts.append(f"<h2>{title}</h2>")
        parts += [_shown(pair, paths, i, f"lowest score {rise[i]:+.3g} against slerp; ") for i in rows]
    title = f"{report['pair']}: paths between samples, method by method"
    write_page(path, title, [*parts, details_part(report)])


_MEANING = (
    "Distance: Frechet distance of the frames inside the paths to real images, with 95 % intervals; lower is better. "
    "Score, lowest: mean and lowest score of the pair's own critic on the frames of a path, averaged over the paths. "
    "Length: in the distance that the geodesics measure, without a critic, over that of the geodesic without a critic. "
    "Perceptual: perceptual length, the mean squared step in the judge's features per squared step of the path."
)


def _table(report: Mapping[str, Any]) -> str:
    plain = report["methods"]["plain"]["plain_length"]
    head = ["method", "distance", "score", "lowest", "length", "perceptual", "seconds"]
    rows = [
        [
            METHODS[name],
            _distance(entry),
            f"{entry['critic_mean']:.3g}",
            f"{entry['critic_min']:.3g}",
            f"{entry['plain_length'] / max(plain, 1e-12):.2f}",
            f"{entry['perceptual_path_length']:.3g}",
            f"{entry['seconds']:.3g}",
        ]
        for name, entry in report["methods"].items()
    ]
    return cells_part(head, rows)


def _distance(entry: Mapping[str, Any]) -> str:
    low, high = entry["frechet_ci"]
    return figure_text(entry["frechet"], (high - low) / 2)


def _scores(pair: Pair, z: np.ndarray) -> np.ndarray:
    """The critic's scores ``(n, points)`` of the frames of paths."""
    flat = z.reshape(-1, *pair.prior.shape)
    return apply_in_batches(pair.critic, apply_in_batches(pair.generator, flat)).reshape(z.shape[:2])


def _curves(scores: Mapping[str, np.ndarray]) -> bytes:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.5))
    for (name, values), colour in zip(scores.items(), _COLOURS, strict=False):
        axis.plot(np.linspace(0, 1, values.shape[1]), values.mean(0), color=colour, label=METHODS[name])
    axis.set(xlabel="share of the path's length", ylabel="score (higher = more real)")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, fontsize=8, frameon=False)
    out = io.BytesIO()
    figure.savefig(out, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return out.getvalue()


def _shown(pair: Pair, paths: Mapping[str, np.ndarray], i: int, words: str) -> str:
    span = image_range(pair)
    rows = {METHODS[n]: to_uint8(apply_in_batches(pair.generator, z[i]), span) for n, z in paths.items()}
    return picture_part(f"{words}pair {i + 1}, one row for each method", sheet(rows))
