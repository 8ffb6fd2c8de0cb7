"""Plots as PNG files: a search, a training run, points in the plane."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

__all__ = ["curves_plot", "samples_plot", "scatter_plot", "tuning_plot"]


def tuning_plot(trials: list[dict[str, Any]]) -> bytes:
    """Distance against steps for every run of a search, as a PNG file; one colour per round.

    Turns of contrastive divergence are dashed in latent space and dotted in pixel space.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogFormatter

    figure, axis = plt.subplots(figsize=(7, 4))
    for trial in trials:
        color = f"C{trial['round']}"
        steps = [0, *trial["after"]]
        values = [trial["generator"], *trial["after"].values()]
        axis.plot(steps, values, _line(trial), color=color, linewidth=0.8, marker=".", alpha=0.7)
    for i in sorted({t["round"] for t in trials}):
        first = next(t for t in trials if t["round"] == i)
        name = f"turn {first['turn']}" if "turn" in first else f"round {i + 1}"
        axis.plot([], [], _line(first), color=f"C{i}", label=f"{name}, n = {first['n']}")
    for line, space in {_line(t): t["choice"]["chain"]["space"] for t in trials if "turn" in t}.items():
        axis.plot([], [], line, color="grey", label=f"turns in {space} space")
    floor = min((v for t in trials for v in t["after"].values() if np.isfinite(v)), default=1.0)
    axis.set(xlabel="steps", ylabel="distance to held-out data", yscale="log", ylim=(max(floor, 1e-6) * 0.8, None))
    axis.yaxis.set_major_formatter(LogFormatter())
    axis.yaxis.set_minor_formatter(LogFormatter())
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def _line(trial: dict[str, Any]) -> str:
    if "turn" not in trial:
        return "-"
    return ":" if trial["choice"]["chain"]["space"] == "pixel" else "--"


def curves_plot(history: dict[str, list[float]]) -> bytes:
    """Recorded losses against ``history["step"]``, as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.5))
    for name, values in history.items():
        if name != "step":
            axis.plot(history["step"], np.asarray(values), label=name.replace("_", " "), linewidth=0.8)
    axis.set_xlabel("updates")
    axis.set_ylabel("loss")
    if axis.lines:
        axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def scatter_plot(
    sets: dict[str, np.ndarray], half: float, background: dict[str, np.ndarray] | None = None, size: float = 2.6
) -> bytes:
    """Points in the plane, one panel per set, axes from -half to half, as a PNG file.

    ``background`` maps panel names to square arrays ``(n, n)`` (row = second coordinate, upwards) drawn underneath;
    a set of shape ``(n, points, 2)`` is drawn as lines.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(sets), figsize=(size * len(sets), size + 0.3), squeeze=False)
    for axis, (name, points) in zip(axes[0], sets.items(), strict=True):
        under = (background or {}).get(name)
        if under is not None:
            axis.imshow(under, extent=(-half, half, -half, half), origin="lower", cmap="viridis")
        if points.ndim == 3:
            axis.plot(
                *np.moveaxis(points, 2, 0).swapaxes(1, 2), linewidth=0.8, color="w" if under is not None else None
            )
        else:
            axis.scatter(points[:, 0], points[:, 1], s=1.0, linewidths=0, color="C3" if under is not None else "C0")
        axis.set(title=name, xlim=(-half, half), ylim=(-half, half), xticks=[], yticks=[], aspect="equal")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=90, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def samples_plot(before: np.ndarray, after: np.ndarray, shown: int = 2000, curves: int = 24) -> bytes:
    """Samples that are no images, before and after on common axes, as a PNG file.

    Args:
      before: Samples ``(n, *sample)``. Those of two numbers are drawn as points in the plane; all others as curves over
        their coordinates, flattened.
      after: The same samples after refinement.
      shown: Points drawn at most.
      curves: Curves drawn at most.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    for axis, name, x in zip(axes, ("before", "after"), (before, after), strict=True):
        flat = x.reshape(len(x), -1)
        if flat.shape[1] == 2:
            axis.scatter(flat[:shown, 0], flat[:shown, 1], s=2, linewidths=0)
        else:
            axis.plot(flat[:curves].T, linewidth=0.7)
            axis.set_xlabel("coordinate")
        axis.set_title(name)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()
