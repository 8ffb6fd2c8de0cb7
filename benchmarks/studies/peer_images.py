"""Images beside other tools: one writer's PNG files, Inception features on drawn weights, a command from end to end.

Part of :mod:`benchmarks.studies.peer_metrics`, which writes the report.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.files import write_bytes
from pairs.io.images import read_images
from pairs.io.pictures import png_bytes

from ..features.inception import InceptionFeatures, load_inception
from ..features.statistics_file import read_statistics, write_statistics
from ..metrics import frechet_distance, inception_score, kernel_distance_subsets, moments, precision_recall

__all__ = ["image_parts"]

FOLDERS = {"grey 28 x 28": (12, 28, 28, 1), "colour 32 x 40": (12, 32, 40, 3), "colour 400 x 350": (4, 400, 350, 3)}
SUBSETS, SIZE = 10, 10
"""Of the kernel distance from end to end."""


def _pictures(rng: np.random.Generator, shape: tuple[int, ...], shift: float = 0.0) -> np.ndarray:
    """Smooth waves with noise on them: every byte occurs, and neither resize is trivial."""
    n, h, w, c = shape
    rows, columns = np.mgrid[:h, :w]
    freedom = rng.uniform(0.05, 0.6, (n, 1, 1, c, 2))
    waves = np.sin(freedom[..., 0] * rows[None, :, :, None] + shift) * np.cos(freedom[..., 1] * columns[..., None])
    return np.clip(128 + 100 * waves + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)


def _write(folder: Path, images: np.ndarray) -> str:
    """Write PNG files and return the digest of their bytes."""
    files = [png_bytes(x) for x in images]
    for i, content in enumerate(files):
        write_bytes(folder / f"{i:05d}.png", content)
    return hashlib.sha256(b"".join(files)).hexdigest()


def _apart(theirs: np.ndarray, ours: np.ndarray) -> dict[str, float]:
    """Largest difference over the largest value, and the norm of the difference over that of the values."""
    difference = np.abs(theirs.astype(np.float64) - ours)
    return {
        "largest": float(difference.max() / np.abs(ours).max()),
        "norm": float(np.linalg.norm(difference) / np.linalg.norm(ours)),
    }


def image_parts(seed: int, report: dict[str, Any]) -> None:
    """Fill a report: ``read``, ``features``, ``other_resize``, ``statistics`` and ``end_to_end``.

    Args:
      seed: Of images and weights.
      report: What was measured stays in it where a later part fails.
    """
    from ..peers.inception_tools import READERS, save_weights, tool_features
    from ..peers.inception_weights import drawn_inception

    rng = np.random.default_rng(seed)
    report |= {"seed": seed, "weights": f"drawn, seed {seed}", "read": {}, "features": {}}
    with tempfile.TemporaryDirectory() as place:
        root, weights = Path(place), Path(place, "weights.pth")
        save_weights(weights, drawn_inception(seed))
        net = load_inception(weights, hashlib.sha256(weights.read_bytes()).hexdigest())
        net = dataclasses.replace(net, batch=4)
        tools, own = tool_features(weights), {}
        for number, (name, shape) in enumerate(FOLDERS.items()):
            folder, images = root / str(number), _pictures(rng, shape)
            digest = _write(folder, images)
            read = read_images(folder).x
            kept = bool(np.array_equal(read, images))
            entry: dict[str, Any] = {"images": shape[0], "sha256": digest, "ours_as_written": kept}
            for tool, reader in READERS.items():
                pixels = reader(folder)
                entry[tool] = float(np.abs(pixels - np.broadcast_to(read, pixels.shape)).max())
            report["read"][name] = entry
            if shape[-1] == 1:  # grey counts as colour from here on
                continue
            own[name] = {tool: net.resized_as(tool)(read) for tool in tools}
            report["features"][name] = {tool: _apart(way(folder), own[name][tool]) for tool, way in tools.items()}
        report["other_resize"] = {
            name: {tool: _apart(rows[tool], rows["torch-fidelity"]) for tool in tools if tool != "torch-fidelity"}
            for name, rows in own.items()
        }
        report["statistics"] = _statistics(root, weights, net, own["colour 32 x 40"]["pytorch-fid"])
        _write(root / "fakes", _pictures(rng, FOLDERS["colour 32 x 40"], 0.5))
        report["end_to_end"] = _end_to_end(root / "1", root / "fakes", weights, net)


def _statistics(root: Path, weights: Path, net: InceptionFeatures, rows: np.ndarray) -> dict[str, Any]:
    """Statistics that pytorch-fid writes and we read, and the other way round."""
    from ..evaluation import reference_from
    from ..peers.inception_tools import statistics_as_read, written_statistics

    written_statistics(weights, root / "1", root / "theirs.npz")
    theirs, own = read_statistics(root / "theirs.npz").reference, moments(rows)
    net = net.resized_as("pytorch-fid")
    ours = reference_from(net, read_images(root / "1"))
    write_statistics(root / "ours.npz", net, ours)
    mu, sigma = statistics_as_read(root / "ours.npz")
    return {
        "read_from_pytorch_fid": {"mu": _apart(theirs.mu, own.mean), "sigma": _apart(theirs.sigma, own.covariance)},
        "read_by_pytorch_fid_as_written": bool(np.array_equal(mu, ours.mu) and np.array_equal(sigma, ours.sigma)),
    }


def _end_to_end(reals: Path, fakes: Path, weights: Path, net: InceptionFeatures) -> dict[str, Any]:
    """torch-fidelity's own command on two folders, beside the same from our readers, net and metrics."""
    from ..peers.inception_tools import command_metrics

    chosen = {"isc_splits": 2, "kid_subsets": SUBSETS, "kid_subset_size": SIZE}
    found = command_metrics(fakes, reals, weights, **chosen)
    x, y = (net(read_images(folder).x).astype(np.float64) for folder in (fakes, reals))
    a, b = moments(x), moments(y)
    near = precision_recall(y, x)
    ours = {
        "frechet_inception_distance": frechet_distance(a.mean, a.covariance, b.mean, b.covariance),
        "kernel_inception_distance_mean": kernel_distance_subsets(x, y, SUBSETS, SIZE)[0],
        "inception_score_mean": inception_score(net.logits_of(x, np.zeros(0)), 2)[0],
        "precision": near.precision,
        "recall": near.recall,
    }
    theirs = {name: float(found[name]) for name in ours}
    apart = {name: abs(theirs[name] - value) / max(abs(value), 1e-300) for name, value in ours.items()}
    return {"images": len(x), "resize": "torch-fidelity", "ours": ours, "theirs": theirs, "relative_difference": apart}
