"""Pictures of paths: strips of all methods one under another, critic and speed along them, a GIF, 2-D landscapes."""

from __future__ import annotations

import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from pairs import Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .comparison import METHODS, Comparison

__all__ = ["path_figure", "path_gif", "TITLES"]

TITLES = {
    "linear": "linear",
    "slerp": "slerp",
    "matched": "matched line",
    "plain": "geodesic, no critic",
    "geodesic": "geodesic, critic",
    "given": "pictures given",
    "cross-fade": "pixel cross-fade",
}
_COLOURS = {
    "linear": "#888888",
    "slerp": "#4477aa",
    "matched": "#66ccee",
    "plain": "#ccbb44",
    "geodesic": "#aa3377",
    "cross-fade": "#bbbbbb",
}


def _frames(pair: Pair, found: Comparison, row: int) -> dict[str, np.ndarray]:
    """Samples ``(points, *sample)`` per method, in display order."""
    generate = jax.jit(lambda p, z: p.generate(z))
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
    """PNG bytes: strips (images) or paths among samples (vectors), then critic and speed along every path.

    ``originals`` are the user's own pictures that the ends were inverted from; they get a row above.
    """
    plt = _figure()
    frames = _frames(pair, found, row)
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


def _critic_curves(axes: Any, found: Comparison, row: int) -> None:
    lines = {name: np.asarray(d.critic[row]) for name, d in found.diagnostics.items()}
    lines["cross-fade"] = np.asarray(found.cross_fade_critic[row])
    for name in [n for n in TITLES if n in lines]:
        style = ":" if name == "cross-fade" else "-"
        axes.plot(np.linspace(0, 1, len(lines[name])), lines[name], style, color=_COLOURS[name], label=TITLES[name])
    every = np.concatenate(list(lines.values()))
    # far below the curves the floor would only flatten them
    if found.calibration is not None and found.calibration.floor > every.min() - 0.5 * np.ptp(every):
        axes.axhline(found.calibration.floor, color="black", lw=0.7, ls="--", label="5 % of samples lie below")
    axes.set(xlabel="path, by feature length", ylabel="critic (higher = more real)")


def _speed_curves(axes: Any, found: Comparison, row: int) -> None:
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    for name, path in found.paths.items():
        z = np.asarray(path[row]).reshape(path.shape[1], -1)
        latent = np.linalg.norm(np.diff(z, axis=0), axis=1)
        t = (np.arange(len(latent)) + 0.5) / len(latent)
        axes.plot(t, 1 / np.maximum(latent / max(latent.mean(), 1e-30), 1e-3), color=_COLOURS[name])
    axes.set_yscale("log", base=2)
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
        axes.plot(
            flat[:, 0], flat[:, 1] if flat.shape[1] > 1 else 0 * flat[:, 0], color=_COLOURS[name], label=TITLES[name]
        )
    axes.set_aspect("equal")
    axes.legend(fontsize=7)


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


def path_gif(pair: Pair, found: Comparison, row: int = 0, side: int = 140, seconds: float = 4.0) -> bytes:
    """GIF bytes: linear, slerp and geodesic side by side, there and back."""
    frames = _frames(pair, found, row)
    names = [n for n in ("linear", "slerp", "geodesic") if n in frames]
    if is_image(pair):
        panels = {n: to_uint8(frames[n], image_range(pair)) for n in names}
    else:
        panels = _moving_points(pair, frames, names)
    count = len(panels[names[0]])
    pictures = [_labelled(_beside([panels[n][i] for n in names], side), names) for i in range(count)]
    pictures = pictures + pictures[-2:0:-1]
    out = io.BytesIO()
    pictures[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        duration=max(20, int(1000 * seconds / len(pictures))),
    )
    return out.getvalue()


def _labelled(tiles: np.ndarray, names: list[str], margin: int = 18) -> Image.Image:
    """The tiles with their methods' names above."""
    picture = Image.new("RGB", (tiles.shape[1], tiles.shape[0] + margin), "white")
    picture.paste(Image.fromarray(tiles), (0, margin))
    pen, width = ImageDraw.Draw(picture), tiles.shape[1] // len(names)
    for i, name in enumerate(names):
        pen.text((i * width + 6, 4), TITLES[name], fill="black")
    return picture


def _beside(tiles: list[np.ndarray], side: int) -> np.ndarray:
    shown = []
    for tile in tiles:
        tile = np.repeat(tile, 3, axis=-1) if tile.shape[-1] == 1 else tile
        scale = max(1, side // tile.shape[0])
        tile = np.repeat(np.repeat(tile, scale, axis=0), scale, axis=1)
        shown.append(np.pad(tile, ((4, 4), (4, 4), (0, 0)), constant_values=255))
    return np.concatenate(shown, axis=1)


def _moving_points(pair: Pair, frames: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """Vectors: a dot that moves among samples, drawn as a small picture."""
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(0), 2000))).reshape(2000, -1)[:, :2]
    low, high = x.min(0), x.max(0)
    place = lambda p: np.clip((p - low) / np.maximum(high - low, 1e-12) * 131 + 4, 0, 139).astype(int)
    ground = np.full((140, 140, 1), 255, np.uint8)
    at = place(x)
    ground[139 - at[:, -1], at[:, 0]] = 190
    out = {}
    for name in names:
        stack = []
        for point in place(frames[name].reshape(len(frames[name]), -1)[:, :2]):
            picture = ground.copy()
            picture[max(0, 136 - point[-1]) : 142 - point[-1], max(0, point[0] - 3) : point[0] + 3] = 0
            stack.append(picture)
        out[name] = np.stack(stack)
    return out
