"""Grids of images as PNG files, written whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from pairs import InputError

__all__ = [
    "grid",
    "before_after_grid",
    "side_by_side",
    "save_grid",
    "png_bytes",
    "write_bytes",
    "tuning_plot",
    "curves_plot",
    "scatter_plot",
]


def _check(images: ArrayLike) -> np.ndarray:
    x = np.asarray(images)
    if x.dtype != np.uint8 or x.ndim != 4 or len(x) == 0 or x.shape[-1] not in (1, 3):
        raise InputError("images", f"are {x.dtype} {x.shape}", "give uint8 (n, H, W, 1 or 3)")
    return x


def grid(images: ArrayLike, columns: int = 8, pad: int = 2, background: int = 255, zoom: int = 1) -> np.ndarray:
    """One picture ``(H', W', C)`` of uint8 NHWC images, row by row, ``pad`` pixels around each.

    >>> grid(np.zeros((3, 4, 4, 1), np.uint8), columns=2, pad=1).shape
    (11, 11, 1)
    """
    x = np.repeat(np.repeat(_check(images), zoom, axis=1), zoom, axis=2)
    n, height, width, channels = x.shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    sheet = np.full((rows * (height + pad) + pad, columns * (width + pad) + pad, channels), background, np.uint8)
    for i, image in enumerate(x):
        top, left = pad + (i // columns) * (height + pad), pad + (i % columns) * (width + pad)
        sheet[top : top + height, left : left + width] = image
    return sheet


def before_after_grid(
    before: ArrayLike, after: ArrayLike, columns: int = 16, rows: int = 4, pad: int = 2, zoom: int = 2
) -> np.ndarray:
    """Pairs of rows: the upper row before, the lower row after, the same latents one above the other."""
    x, y = _check(before), _check(after)
    if x.shape != y.shape:
        raise InputError("images", f"before {x.shape}, after {y.shape}", "give the same samples before and after")
    columns = min(columns, len(x))
    bands = []
    for start in range(0, min(len(x), rows * columns), columns):
        pair = [part[start : start + columns] for part in (x, y)]
        missing = columns - len(pair[0])
        blank = np.full((missing, *x.shape[1:]), 255, np.uint8)
        bands.append(grid(np.concatenate([np.concatenate([p, blank]) for p in pair]), columns, pad, zoom=zoom))
        bands.append(np.full((3 * pad, *bands[-1].shape[1:]), 255, np.uint8))
    return np.concatenate(bands[:-1])


def side_by_side(before: ArrayLike, after: ArrayLike, columns: int = 8, rows: int = 8, zoom: int = 2) -> np.ndarray:
    """One picture: a grid of ``before`` on the left, the same samples ``after`` at the same places on the right."""
    x, y = _check(before), _check(after)
    if x.shape != y.shape:
        raise InputError("images", f"before {x.shape}, after {y.shape}", "give the same samples before and after")
    left, right = (
        _captioned(grid(v[: columns * rows], columns, zoom=zoom), t) for v, t in ((x, "before"), (y, "after"))
    )
    gap = np.full((left.shape[0], 8 * zoom, left.shape[2]), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def _captioned(picture: np.ndarray, text: str, height: int = 18) -> np.ndarray:
    strip = Image.new("L", (picture.shape[1], height), 255)
    ImageDraw.Draw(strip).text((4, 3), text, fill=0)
    band = np.repeat(np.asarray(strip)[..., None], picture.shape[2], axis=2)
    return np.concatenate([band, picture])


def png_bytes(picture: np.ndarray) -> bytes:
    """PNG file of one uint8 picture ``(H, W, 1 or 3)``."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write beside, then rename: the file is there whole or not at all. Folders are made."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError("out", f"{path} cannot be written ({error.strerror})", "choose another folder") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise InputError("out", f"{path} cannot be written ({error.strerror})", "choose another folder") from None
    except BaseException:
        os.unlink(temporary)
        raise


def save_grid(path: str | Path, images: ArrayLike, columns: int = 8, pad: int = 2, zoom: int = 1) -> None:
    """:func:`grid` to a PNG file."""
    write_bytes(path, png_bytes(grid(images, columns, pad, zoom=zoom)))


def tuning_plot(trials: list[dict[str, Any]]) -> bytes:
    """Distance against steps for every run of a search, one colour per round, as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4))
    for trial in trials:
        color = f"C{trial['round']}"
        steps = [0, *trial["after"]]
        values = [trial["generator"], *trial["after"].values()]
        axis.plot(steps, values, color=color, linewidth=0.8, marker=".", alpha=0.7)
    for i in sorted({t["round"] for t in trials}):
        axis.plot([], [], color=f"C{i}", label=f"round {i + 1}, n = {next(t['n'] for t in trials if t['round'] == i)}")
    floor = min((v for t in trials for v in t["after"].values() if np.isfinite(v)), default=1.0)
    axis.set(xlabel="steps", ylabel="distance to held-out data", yscale="log", ylim=(max(floor, 1e-6) * 0.8, None))
    axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


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
