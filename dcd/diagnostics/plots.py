"""The diagnosis of a run as one picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pairs import InputError
from pairs.io.files import write_whole

from ..langevin.result import Result

__all__ = ["plot_diagnostics"]

_COLOURS = {"before": "tab:gray", "after": "tab:blue", "real": "tab:green"}


def plot_diagnostics(path: str | os.PathLike[str], result: Result, diagnosis: dict[str, Any]) -> Path:
    """Draw six panels as a PNG: score, energy, moves, scores against real data, latent norms, classes.

    Args:
      path: File to write, whose name ends in .png.
      result: The run.
      diagnosis: A report of :func:`dcd.diagnose` on the same run.

    Returns:
      The file's absolute path.

    Raises:
      InputError: A path that does not end in .png, or a folder that does not exist.
    """
    target = Path(path)
    if target.suffix.lower() != ".png" or not target.absolute().parent.is_dir():
        raise InputError("path", f"is '{target}'", "give a .png file in a folder that exists")
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    curves, steps = diagnosis["curves"], np.arange(1, diagnosis["steps"] + 1)
    _score(axes[0, 0], steps, curves["score"], diagnosis["critic"])
    _line(axes[0, 1], steps, curves["energy"], "mean energy")
    _moves(axes[0, 2], steps, curves)
    _histogram(axes[1, 0], diagnosis["critic"])
    _norms(axes[1, 1], result)
    _classes(axes[1, 2], diagnosis["diversity"])
    figure.suptitle(f"{result.config.name}: {diagnosis['n']} samples, {diagnosis['steps']} steps")
    write_whole(target, canvas.print_png)
    return target.absolute()


def _line(axis: Axes, steps: np.ndarray, values: Any, title: str) -> None:
    axis.plot(steps, np.array(values, dtype=float))
    axis.set(title=title, xlabel="step")


def _score(axis: Axes, steps: np.ndarray, score: dict[str, Any], critic: dict[str, Any]) -> None:
    _line(axis, steps, score["mean"], "critic score, mean and 5 to 95 %")
    axis.fill_between(steps, np.array(score["p5"], float), np.array(score["p95"], float), alpha=0.2)
    if critic["real_p95"] is not None:
        axis.axhline(critic["real_p95"], color=_COLOURS["real"], linestyle="--", label="95 % of real data")
        axis.legend(fontsize=8)


def _moves(axis: Axes, steps: np.ndarray, curves: dict[str, Any]) -> None:
    for name in ("displacement", "acceptance", "gradient_to_noise"):
        if curves[name] is not None:
            axis.plot(steps, np.array(curves[name], dtype=float), label=name.replace("_", " "))
    axis.set(title="per step", xlabel="step")
    if len(steps) and np.nanmax(np.array(curves["displacement"], float)) > 0:
        axis.set_yscale("log")
    axis.legend(fontsize=8)


def _histogram(axis: Axes, critic: dict[str, Any]) -> None:
    edges = np.array(critic["histogram"]["edges"], float)
    for name, colour in _COLOURS.items():
        if name in critic["histogram"]:
            counts = np.array(critic["histogram"][name], float)
            axis.stairs(counts / max(counts.sum(), 1.0), edges, label=name, color=colour)
    axis.set(title="critic score", ylabel="share")
    axis.legend(fontsize=8)


def _norms(axis: Axes, result: Result) -> None:
    flat = {"before": result.latents, "after": result.positions}
    what = "norm of the latents"
    if result.config.space != "latent":
        flat, what = {"before": result.before, "after": result.after}, "norm of the samples"
    norms = {k: np.linalg.norm(np.asarray(v).reshape(len(v), -1), axis=1) for k, v in flat.items()}
    for name, values in norms.items():
        axis.hist(values[np.isfinite(values)], bins=40, alpha=0.5, label=name, color=_COLOURS[name])
    axis.set(title=what)
    axis.legend(fontsize=8)


def _classes(axis: Axes, diversity: dict[str, Any] | None) -> None:
    if diversity is None or diversity["classes"] is None:
        axis.set_axis_off()
        distances = {} if diversity is None else diversity["pairwise_distance"]
        lines = [f"mean pairwise distance, {k}: {v:.4g}" for k, v in distances.items()]
        axis.text(0.0, 0.9, "\n".join(lines), va="top", transform=axis.transAxes)
        return
    for i, (name, counts) in enumerate(diversity["classes"]["histograms"].items()):
        share = np.array(counts, float) / max(1, sum(counts))
        axis.bar(np.arange(len(share)) + 0.28 * (i - 1), share, 0.28, label=name, color=_COLOURS[name])
    axis.set(title="classes", ylabel="share", ylim=(0, 1.25 * axis.get_ylim()[1]))  # room for the legend
    axis.legend(fontsize=8, ncols=3, loc="upper center")
