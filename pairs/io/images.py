"""Images from disk as uint8 NHWC: IDX (plain or gzip), NPZ, folders of PNG/JPEG pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ..errors import InputError
from .folder_files import data_files
from .image_files import (
    image_array,
    is_idx,
    is_npz,
    is_other_picture,
    is_picture,
    labels_beside,
    read_idx,
    read_npz,
    read_picture,
)
from .paths import as_path
from .splits import SPLITS, choose_split, split_of

__all__ = ["Images", "default_split", "read_images"]

_FOLDER, _RATIO = 2**28, 100  # bytes that any folder of pictures may unpack to, and per byte of its files
_KINDS = {1: "grey", 3: "colour"}


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A set of images, or of points or series.

    Attributes:
      x: uint8 ``(n, H, W, C)``; float32 ``(n, *sample)`` of samples that are no images
        (:func:`~pairs.io.points.read_points`).
      labels: int64 ``(n,)``, or ``None``.
      name: of the folder or file.
      split: ``None`` where the source does not tell.
      classes: names of the labels, where they are folders.
      left_out: names of image files of other kinds that lie beside and were not read.
    """

    x: np.ndarray
    labels: np.ndarray | None
    name: str
    split: str | None
    classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(H, W, C)``."""
        return self.x.shape[1:]

    @property
    def sha256(self) -> str:
        """Digest of shape and pixels."""
        return hashlib.sha256(repr(self.x.shape).encode() + np.ascontiguousarray(self.x).tobytes()).hexdigest()


def read_images(
    path: str | Path,
    split: str | None = None,
    limit: int | None = None,
    expect: tuple[int, ...] | None = None,
    array: str | None = None,
    seed: int = 0,
) -> Images:
    """Read a folder of IDX, NPZ or PNG/JPEG files, or one such file; other images beside are named in a warning.

    Args:
      path: folder or file. Pictures in subfolders get the subfolder as label.
      split: ``"train"``, ``"test"`` or ``"validation"``, told by file or folder names
        (``train*``, ``t10k*``, ``test*``, ``val*``). Data without such names, and a file named
        itself, is one set, taken whole whatever ``split`` says.
      limit: how many images to draw, without replacement and in the order of the source.
      expect: shape of one image that is required.
      array: name of the array in an NPZ file; by default the first of x, images, arr_0, after.
      seed: of the draw that ``limit`` makes.

    Raises:
      InputError: nothing there, more than one kind of file, unreadable files, mixed sizes, another
        shape than ``expect``, a split that is missing or must be chosen.
    """
    path = as_path("data", path)
    root, files = data_files(path, limit, "a folder of IDX, NPZ or PNG/JPEG files")
    read, group = _kind(files, path, array)
    chosen, found = choose_split(group, root, split) if path.is_dir() else (group, split_of(path, root))
    images = dataclasses.replace(read(chosen, group, root, _Draw(limit, seed), array), split=found)
    if expect is not None and images.shape != tuple(expect):
        problem = f"{path} holds images of shape {images.shape}, expected {tuple(expect)}"
        raise InputError("data", problem, _advice(images.shape, expect))
    left_out = tuple(str(p.relative_to(root)) for p in files if is_other_picture(p) and p not in group)
    if left_out:
        named = ", ".join(ascii(n)[1:-1] for n in left_out[:3]) + (", ..." if len(left_out) > 3 else "")
        warnings.warn(f"{path}: {len(left_out)} files are of another kind and left out: {named}", stacklevel=2)
    return dataclasses.replace(images, name=path.resolve().name if path.is_dir() else path.stem, left_out=left_out)


@dataclasses.dataclass(frozen=True)
class _Draw:
    """Which of ``n`` rows a limit keeps."""

    limit: int | None
    seed: int

    def __call__(self, n: int) -> np.ndarray | slice:
        if self.limit is None or self.limit >= n:
            return slice(None)
        return np.sort(np.random.default_rng(self.seed).choice(n, self.limit, replace=False))


_Reader = Callable[[list[Path], list[Path], Path, _Draw, "str | None"], Images]


def _kind(files: list[Path], path: Path, array: str | None) -> tuple[_Reader, list[Path]]:
    """The reader for the one kind of file that is there, and the files of that kind."""
    kinds: tuple[tuple[str, Callable[[Path], bool], _Reader], ...] = (
        ("IDX", is_idx, _read_idx),
        ("NPZ", is_npz, _read_npz),
        ("PNG/JPEG", is_picture, _read_pictures),
    )
    groups = [(name, [p for p in files if belongs(p)], read) for name, belongs, read in kinds]
    groups = [entry for entry in groups if entry[1]]
    if array is not None and any(name == "NPZ" for name, _, _ in groups):
        groups = [entry for entry in groups if entry[0] == "NPZ"]  # only such files have named arrays
    if len(groups) > 1:
        held = " and ".join(f"{len(group)} {name}" for name, group, _ in groups)
        rare = min(groups, key=lambda entry: len(entry[1]))[1][0]
        problem = f"{path} holds {held} files, so what is meant is not clear (for example {rare.name})"
        raise InputError("data", problem, "give the path of one file, or a folder of one kind")
    if not groups:
        what = "is empty" if not files else "holds no IDX, NPZ, PNG or JPEG file"
        raise InputError("data", f"{path} {what}", "give a folder of IDX, NPZ or PNG/JPEG files")
    _, group, read = groups[0]
    return read, group


def _advice(shape: tuple[int, ...], expect: tuple[int, ...]) -> str:
    if shape[-1] != expect[-1]:
        wanted, given = (_KINDS.get(c, f"{c}-channel") for c in (expect[-1], shape[-1]))
        size = "" if shape[:-1] == expect[:-1] else f" of {expect[0]}x{expect[1]}"
        return f"give {wanted} images{size}, these are {given}"
    return f"resize them to {expect[0]}x{expect[1]}"


def _read_idx(files: list[Path], group: list[Path], root: Path, draw: _Draw, array: str | None) -> Images:
    images = [f for f in files if not re.search(r"labels|idx1", f.name.lower())]
    if len(images) != 1:
        problem = f"{root} holds {len(images)} IDX image files"
        raise InputError("data", problem, "give one file, or names that begin with train and t10k")
    x, labels = image_array(read_idx(images[0]), images[0]), labels_beside(images[0])
    if labels is not None and labels.shape != (len(x),):
        raise InputError("data", f"{images[0]} has {len(x)} images and {labels.shape} labels", "fetch both files again")
    rows = draw(len(x))
    return Images(x[rows], None if labels is None else labels[rows], "", None)


def _read_npz(files: list[Path], group: list[Path], root: Path, draw: _Draw, array: str | None) -> Images:
    parts = [read_npz(f, array) for f in files]
    _same_shapes(((f, x.shape[1:]) for f, (x, _) in zip(files, parts, strict=True)))
    x = np.concatenate([x for x, _ in parts]) if len(parts) > 1 else parts[0][0]
    labels = [y for _, y in parts if y is not None]
    rows = draw(len(x))
    y = np.concatenate(labels)[rows] if len(labels) == len(parts) else None
    return Images(x[rows], y, "", None)


def _read_pictures(files: list[Path], group: list[Path], root: Path, draw: _Draw, array: str | None) -> Images:
    folders = sorted({f.parent.name for f in group if f.parent != root and f.parent.name.lower() not in SPLITS})
    labelled = bool(folders) and all(f.parent.name in folders for f in files)
    rows = draw(len(files))
    files = files[rows] if isinstance(rows, slice) else [files[i] for i in rows]
    first = read_picture(files[0])
    packed, unpacked = sum(f.stat().st_size for f in files), first.nbytes * len(files)
    if unpacked > _FOLDER + _RATIO * packed:
        raise InputError(
            "data", f"{root} unpacks to {unpacked} bytes from {packed}", "give pictures that are not blank"
        )
    x = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        picture = read_picture(file) if i else first
        _same_shapes(((files[0], first.shape), (file, picture.shape)))
        x[i] = picture
    if x.max() == 1:
        raise InputError("data", f"{root} holds pictures of the values 0 and 1 alone", "store white as 255")
    labels = np.asarray([folders.index(f.parent.name) for f in files], np.int64) if labelled else None
    return Images(x, labels, "", None, tuple(folders) if labelled else ())


def _same_shapes(shapes: Iterable[tuple[Path, tuple[int, ...]]]) -> None:
    first: tuple[Path, tuple[int, ...]] | None = None
    for file, shape in shapes:
        first = first or (file, shape)
        if shape != first[1]:
            problem = f"images differ: {first[0].name} is {first[1]}, {file.name} is {shape}"
            raise InputError("data", problem, "bring all to one size and one number of channels")


def default_split(
    path: str | Path, split: str = "train", array: str | None = None, read: Callable[..., Images] | None = None
) -> str | None:
    """``split`` where the data have such a split, else ``None`` (take all).

    Args:
      path: folder or file.
      split: the split that is wanted.
      array: name of the array in an NPZ file.
      read: the reader, :func:`read_images` by default.

    Raises:
      InputError: as the reader.
    """
    try:
        (read or read_images)(path, split, limit=1, array=array)
    except InputError as error:
        if error.field != "split":
            raise
        return None
    return split
