"""Pictures of paths: strips of all methods one under another, critic and speed along them, 2-D landscapes."""

from __future__ import annotations

import io
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pairs import Pair
from pairs.batches import generate
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .comparison import METHODS, Comparison

__all__ = ["path_figure", "frames_of", "TITLES"]

TITLES = {
    "linear": "linear",
    "slerp": "slerp",
    "matched": "matched line",
    "plain": "geodesic, no critic",
    "geodesic": "geodesic, critic",
    "given": "pictures given",
    "cross-fade": "pixel cross-fade",
}
"""What a picture calls every method."""

_COLOURS = {
    "linear": "#888888",
    "slerp": "#4477aa",
    "matched": "#66ccee",
    "plain": "#ccbb44",
    "geodesic": "#aa3377",
    "cross-fade": "#bbbbbb",
}


def frames_of(pair: Pair, found: Comparison, row: int) -> dict[str, np.ndarray]:
    """Samples ``(points, *sample)`` of one pair of ends per method, in the order in which they are shown."""
    frames = {m: np.asarray(generate(pair, found.paths[m][row])) for m in METHODS if m in found.paths}
    frames["cross-fade"] = np.asarray(found.cross_fade[row])
    return frames


def _strip(images: np.ndarray, count: int) -> np.ndarray:
    pick = np.round(np.linspace(0, len(images) - 1, count)).astype(int)
    row = np.concatenate([np.pad(images[i], ((1, 1), (1, 1), (0, 0)), constant_values=255) for i in pick], axis=1)
    return row if row.shape[-1] == 3 else np.repeat(row, 3, axis=-1)


def _figure() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def path_figure(
    pair: Pair, found: Comparison, row: int = 0, shown: int = 12, originals: tuple[Any, Any] = (None, None)
) -> bytes:
    """A PNG: strips (images), paths among samples (points) or curves (series), then critic and speed along every path.

    Args:
      pair: The pair.
      found: Paths of every method.
      row: Which pair of ends.
      shown: Images per strip.
      originals: The user's pictures that the ends were inverted from, or None; they have a row of their own on top.

    Returns:
      The bytes of the file.
    """
    plt = _figure()
    frames = frames_of(pair, found, row)
    if any(x is not None for x in originals) and is_image(pair):
        assert pair.sample_range is not None
        blank = np.full((shown, *pair.sample_shape), pair.sample_range[1], np.float32)
        for i, x in zip((0, -1), originals, strict=True):
            blank[i] = blank[i] if x is None else x
        frames = {"given": blank} | frames
    planar = pair.prior.size == 2
    images = is_image(pair)
    count = len(frames)
    strip = 9.3 * pair.sample_shape[0] / (shown * pair.sample_shape[1]) if images else 3.0
    heights = ([strip] * count if images else [strip]) + [2.2] + ([3.6] if planar else [])
    figure = plt.figure(figsize=(11, sum(heights) + 1.2), layout="constrained")
    figure.get_layout_engine().set(hspace=0.0, h_pad=0.03)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    if images:
        for i, (name, x) in enumerate(frames.items()):
            axes = figure.add_subplot(grid[i, :])
            axes.imshow(_strip(to_uint8(x, image_range(pair)), shown), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_frame_on(False)
            axes.set_ylabel(TITLES[name], rotation=0, ha="right", va="center", fontsize=9)
    else:
        if math.prod(pair.sample_shape) > 2:
            panels = grid[0, :].subgridspec(1, count)
            _series([figure.add_subplot(panels[i]) for i in range(count)], frames, shown)
        else:
            _among_samples(figure.add_subplot(grid[0, :]), pair, frames)
    below = count if images else 1
    critic, speed = figure.add_subplot(grid[below, 0]), figure.add_subplot(grid[below, 1])
    _critic_curves(critic, found, row)
    _speed_curves(speed, found, row)
    # one legend for everything below the strips
    figure.legend(*critic.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    if planar:
        _landscape(figure.add_subplot(grid[below + 1, 0]), pair, found, row)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=130)
    plt.close(figure)
    return out.getvalue()


def _style(name: str) -> str:
    return ":" if name == "cross-fade" else "-"


def _critic_curves(axes: Any, found: Comparison, row: int) -> None:
    lines = {name: np.asarray(d.critic[row]) for name, d in found.diagnostics.items()}
    lines["cross-fade"] = np.asarray(found.cross_fade_critic[row])
    for name in [n for n in TITLES if n in lines]:
        t = np.linspace(0, 1, len(lines[name]))
        axes.plot(t, lines[name], _style(name), color=_COLOURS[name], label=TITLES[name])
    every = np.concatenate(list(lines.values()))
    # far below the curves the floor would only flatten them
    if found.path_weight is not None and found.path_weight.floor > every.min() - 0.5 * np.ptp(every):
        axes.axhline(found.path_weight.floor, color="black", lw=0.7, ls="--", label="5 % of samples lie below")
    axes.set(xlabel="path, by feature length", ylabel="critic (higher = more real)")


def _speed_curves(axes: Any, found: Comparison, row: int) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    for name, path in found.paths.items():
        z = np.asarray(path[row]).reshape(path.shape[1], -1)
        latent = np.linalg.norm(np.diff(z, axis=0), axis=1)
        t = (np.arange(len(latent)) + 0.5) / len(latent)
        axes.plot(t, 1 / np.maximum(latent / max(latent.mean(), 1e-30), 1e-3), color=_COLOURS[name])
    axes.set_yscale("log", base=2)
    low, high = axes.get_ylim()
    if high < 4 * low:  # too few powers of 2 to read a value by
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="path, by feature length", ylabel="feature speed (mean 1)")


def _among_samples(axes: Any, pair: Pair, frames: dict[str, np.ndarray]) -> None:
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(0), 2000))).reshape(2000, -1)
    if x.shape[1] < 2:
        x = np.concatenate([x, np.zeros_like(x)], axis=1)
    axes.scatter(x[:, 0], x[:, 1], s=2, color="#dddddd")
    for name, points in frames.items():
        flat = points.reshape(len(points), -1)
        heights = flat[:, 1] if flat.shape[1] > 1 else 0 * flat[:, 0]
        axes.plot(flat[:, 0], heights, _style(name), color=_COLOURS[name], label=TITLES[name])
    axes.set_aspect("equal")
    axes.legend(fontsize=7)


def _series(panels: list[Any], frames: dict[str, np.ndarray], count: int) -> None:
    """One panel per method: frames as curves over their coordinates, from light (the first end) to dark (the last)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    every = np.concatenate([x.ravel() for x in frames.values()])
    for axes, (name, x) in zip(panels, frames.items(), strict=True):
        rows = x.reshape(len(x), -1)
        for i in np.round(np.linspace(0, len(rows) - 1, min(count, len(rows)))).astype(int):
            axes.plot(rows[i], color=plt.get_cmap("viridis_r")(0.1 + 0.9 * i / max(1, len(rows) - 1)), lw=0.9)
        axes.set_title(TITLES[name], fontsize=8)
        axes.set_ylim(every.min(), every.max())
        axes.tick_params(labelsize=6, labelleft=axes is panels[0])
    panels[0].set_xlabel("coordinate", fontsize=7)


def _landscape(axes: Any, pair: Pair, found: Comparison, row: int) -> None:
    """Critic over 2-D latents with the paths on it."""
    every = np.concatenate([np.asarray(p[row]).reshape(-1, 2) for p in found.paths.values()])
    centre, half = (every.min(0) + every.max(0)) / 2, np.ptp(every, axis=0).max() / 2 + 0.5
    low, high = centre - half, centre + half
    u, v = (np.linspace(low[i], high[i], 100) for i in range(2))
    z = np.stack(np.meshgrid(u, v), -1).reshape(-1, *pair.prior.shape)
    score = np.asarray(jax.jit(lambda p, z: p.score(p.generate(z)))(pair, jnp.asarray(z, jnp.float32))).reshape(
        100, 100
    )
    bounds = np.quantile(score, [0.02, 0.98])
    shown = axes.pcolormesh(u, v, np.clip(score, *bounds), cmap="Greys_r", shading="auto")
    axes.figure.colorbar(shown, ax=axes, label="critic")
    for name, path in found.paths.items():
        flat = np.asarray(path[row]).reshape(-1, 2)
        axes.plot(flat[:, 0], flat[:, 1], color=_COLOURS[name], lw=2, label=TITLES[name])
    axes.set(xlabel="z[0]", ylabel="z[1]")
    axes.set_aspect("equal")
