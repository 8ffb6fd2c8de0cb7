"""Points, series and other vectors from disk: NPZ, NPY or CSV, as float32 ``(n, *sample)``."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ..errors import InputError
from .archives import ArchiveError
from .files import open_regular
from .folder_files import data_files
from .images import Images
from .labels import whole_labels
from .npz import open_npz, read_npy
from .paths import as_path
from .splits import choose_split, split_of

__all__ = ["read_points"]

_ARRAYS = ("x", "samples", "data", "arr_0", "after")
_LABELS = ("y", "labels")
_KINDS = (".npz", ".npy", ".csv")
_FACTOR, _BASE = 20.0, 2**26  # bytes that an archive may unpack to: per byte of it, and in any case


def read_points(
    path: str | Path,
    split: str | None = None,
    limit: int | None = None,
    expect: tuple[int, ...] | None = None,
    array: str | None = None,
    seed: int = 0,
) -> Images:
    """Read samples that are no images from a file, or from the files of one kind in a folder.

    Args:
      path: An NPZ, NPY or CSV file (numbers separated by commas, one sample a row), or a folder of such files.
      split: ``"train"``, ``"test"`` or ``"validation"``, told by file or folder names, as for images.
      limit: How many samples to draw, without replacement and in the order of the source.
      expect: Shape of one sample that is required; rows of as many numbers are brought to it.
      array: Name of the array in an NPZ file; by default the first of x, samples, data, arr_0, after.
      seed: Seed of that draw.

    Returns:
      The samples as float32 ``(n, *sample)``, with integer labels where an NPZ file holds ``y`` or ``labels``.

    Raises:
      InputError: Nothing there, unreadable files, values that are not finite numbers, or another shape.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     np.save(Path(folder, "ring.npy"), np.zeros((5, 2)))
      ...     read_points(folder, expect=(2,)).shape
      (2,)
    """
    path = as_path("data", path)
    root, files = data_files(path, limit, "an NPZ, NPY or CSV file, or a folder of such files")
    group = [f for f in files if f.suffix.lower() in _KINDS]
    kinds = sorted({f.suffix.lower() for f in group})
    if len(kinds) != 1:
        held = "holds " + (" and ".join(kinds) + " files" if kinds else "no NPZ, NPY or CSV file")
        raise InputError("data", f"{path} {held}", "give the path of one such file, or a folder of one kind")
    chosen, found = choose_split(group, root, split) if path.is_dir() else (group, split_of(path, root))
    parts = [_read(file, array, expect) for file in chosen]
    shapes = {x.shape[1:] for x, _ in parts}
    if len(shapes) > 1:
        raise InputError("data", f"{path} holds samples of shapes {sorted(shapes)}", "give samples of one shape")
    x = np.concatenate([x for x, _ in parts])
    labels = None if any(y is None for _, y in parts) else np.concatenate([y for _, y in parts if y is not None])
    if limit is not None and limit < len(x):
        rows = np.sort(np.random.default_rng(seed).choice(len(x), limit, replace=False))
        x, labels = x[rows], None if labels is None else labels[rows]
    return Images(x, labels, path.resolve().name if path.is_dir() else path.stem, found)


def _read(file: Path, array: str | None, expect: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray | None]:
    labels = None
    try:
        if file.suffix.lower() == ".npz":
            x, labels = _read_npz(file, array)
        elif file.suffix.lower() == ".npy":
            x = read_npy(file)
        else:
            x = _read_csv(file)
        if x.dtype.kind in "iuf":
            with np.errstate(over="ignore"):  # what is too large becomes infinity, which is refused below
                x = x.astype(np.float32)
    except (OSError, ArchiveError, MemoryError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError("data", f"{file} cannot be read ({why})", "store plain numbers with numpy.savez") from None
    if x.dtype.kind not in "iuf" or x.ndim < 2 or not x.size:
        problem = f"{file} holds {x.dtype} of shape {x.shape}"
        raise InputError("data", problem, "give numbers of shape (n, *sample)")
    if expect is not None and x.shape[1:] != tuple(expect):
        if x.shape[1:] != (int(np.prod(expect)),):
            problem = f"{file} holds samples of shape {x.shape[1:]}, expected {tuple(expect)}"
            raise InputError("data", problem, "give samples of the shape that the pair draws")
        x = x.reshape(-1, *expect)
    if not np.isfinite(x).all():
        raise InputError("data", f"{file} holds NaN or infinity", "leave those samples out")
    return x, labels


def _read_csv(file: Path) -> np.ndarray:
    with open_regular(file) as stream:
        if stream.read(3) != b"\xef\xbb\xbf":  # the mark that some programs put before UTF-8
            stream.seek(0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*contained no data")
            return np.loadtxt(stream, delimiter=",", ndmin=2, comments=None)


def _read_npz(file: Path, array: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    with open_npz(file, _FACTOR, _BASE) as archive:
        held, names = archive.names, (array,) if array else _ARRAYS
        name = next((n for n in names if n in held), None)
        if name is None:
            problem = f"{file} holds {', '.join(held[:12]) or 'nothing'}, not {' or '.join(names)}"
            raise InputError("data", problem, "name the array of samples with --array")
        x = archive[name]
        label = next((n for n in _LABELS if n in held), None)
        labels = None if label is None else archive[label]
    return x, None if labels is None else whole_labels(labels, len(x), file)
