r"""Images from disk as uint8 NHWC, and the one quantisation everybody uses.

Formats: IDX (plain or gzip), NPZ, folders of PNG/JPEG pictures. Between bytes
:math:`u` and a sample range :math:`[a, b]`,

.. math::
   x = a + (b - a)\, u / 255, \qquad u = \mathrm{round}\big(255\,\mathrm{clip}((x - a) / (b - a), 0, 1)\big),

rounding halves to even. ``to_uint8(to_range(u)) == u`` for every byte.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, UnidentifiedImageError

from pairs import InputError

__all__ = ["Images", "read_images", "to_range", "to_uint8"]

_SPLITS = {"train": "train", "training": "train", "t10k": "test", "test": "test", "testing": "test"}
_SPLITS |= {"val": "validation", "valid": "validation", "validation": "validation"}
_PICTURES = {".png", ".jpg", ".jpeg"}
_ARRAYS = ("x", "images", "arr_0", "after")
_KINDS = {1: "grey", 3: "colour"}
_LABELS = ("y", "labels", "arr_1")


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A set of images: ``x`` uint8 ``(n, H, W, C)``, ``labels`` int64 ``(n,)`` or None."""

    x: np.ndarray
    labels: np.ndarray | None
    name: str
    split: str | None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
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
) -> Images:
    """Read a folder of IDX, NPZ or PNG/JPEG files, or one such file.

    Args:
      path: folder or file. Pictures in subfolders get the subfolder as label.
      split: ``"train"``, ``"test"`` or ``"validation"``, told by file or folder names
        (``train*``, ``t10k*``, ``test*``, ``val*``). Data without such names is one
        set, taken whole whatever ``split`` says; ``Images.split`` is then None.
      limit: the first ``limit`` images (pictures: evenly over the sorted list, so that every class is met).
      expect: shape of one image that is required.
      array: name of the array in an NPZ file; by default the first of x, images, arr_0, after.

    Raises:
      InputError: nothing there, unreadable or truncated files, mixed sizes, another shape
        than ``expect``, a split that is missing or must be chosen.
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise InputError("limit", f"is {limit}", "give at least 1")
    if not path.exists():
        raise InputError("data", f"{path} does not exist", "give a folder of IDX, NPZ or PNG/JPEG files")
    files = (
        [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    )
    root = path.parent if path.is_file() else path
    groups: tuple[tuple[Callable[[Path], bool], Callable[..., Images]], ...] = (
        (_is_idx, _read_idx),
        (lambda p: p.suffix.lower() == ".npz", _read_npz),
        (lambda p: p.suffix.lower() in _PICTURES, _read_pictures),
    )
    for belongs, read in groups:
        chosen = [p for p in files if belongs(p)]
        if chosen:
            chosen, found = _choose(chosen, root, split)
            images = read(chosen, root, found, limit, array)
            break
    else:
        what = "is empty" if not files else "holds no IDX, NPZ, PNG or JPEG file"
        raise InputError("data", f"{path} {what}", "give a folder of IDX, NPZ or PNG/JPEG files")
    if expect is not None and images.shape != tuple(expect):
        raise InputError(
            "data",
            f"{path} holds images of shape {images.shape}, expected {tuple(expect)}",
            _advice(images.shape, expect),
        )
    return dataclasses.replace(images, name=path.stem if path.is_file() else path.resolve().name)


def _advice(shape: tuple[int, ...], expect: tuple[int, ...]) -> str:
    if shape[-1] != expect[-1]:
        wanted, given = (_KINDS.get(c, f"{c}-channel") for c in (expect[-1], shape[-1]))
        return f"give {wanted} images, these are {given}"
    return f"resize them to {expect[0]}x{expect[1]}"


def _split_of(file: Path, root: Path) -> str | None:
    parts = file.relative_to(root).parts
    for part in (*parts[:-1], re.split(r"[^a-z]", re.sub(r"t10k", "test", parts[-1].lower()), maxsplit=1)[0]):
        if part.lower() in _SPLITS:
            return _SPLITS[part.lower()]
    return None


def _choose(files: list[Path], root: Path, split: str | None) -> tuple[list[Path], str | None]:
    found = {f: _split_of(f, root) for f in files}
    names = sorted({s for s in found.values() if s})
    if not names:
        return files, None
    if split is None:
        if len(names) > 1 or None in found.values():
            raise InputError("split", f"is not given and {root} holds {', '.join(names)}", "choose one")
        return files, names[0]
    if split not in names:
        raise InputError("split", f"'{split}' is not in {root}, which holds {', '.join(names)}", "choose one of those")
    return [f for f in files if found[f] == split], split


# IDX ------------------------------------------------------------------------------------------------------------------


def _is_idx(path: Path) -> bool:
    return re.search(r"(idx\d?(-ubyte)?|-ubyte)(\.gz)?$", path.name.lower()) is not None


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("data", f"{path} cannot be read ({error})", "fetch the file again") from None


def _parse_idx(path: Path) -> np.ndarray:
    raw = _bytes(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[3] == 0 or len(raw) < 4 + 4 * raw[3]:
        raise InputError("data", f"{path} does not begin like an IDX file", "fetch the file again")
    if raw[2] != 0x08:
        raise InputError("data", f"{path} holds IDX type 0x{raw[2]:02x}", "use unsigned bytes (type 0x08)")
    shape = tuple(int(d) for d in np.frombuffer(raw, ">u4", count=raw[3], offset=4))
    start = 4 + 4 * raw[3]
    if len(raw) - start != math.prod(shape):
        problem = f"{path} holds {len(raw) - start} values, its header says {math.prod(shape)}"
        raise InputError("data", problem, "fetch the file again, it is cut short or damaged")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _read_idx(files: list[Path], root: Path, split: str | None, limit: int | None, array: str | None) -> Images:
    images = [f for f in files if not re.search(r"labels|idx1", f.name.lower())]
    if len(images) != 1:
        problem = f"{root} holds {len(images)} IDX image files"
        raise InputError("data", problem, "give one file, or names that begin with train and t10k")
    x = _image_array(_parse_idx(images[0]), images[0])
    stem = images[0].name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    stem = stem.removesuffix(".gz")
    beside = [images[0].parent / stem, images[0].parent / f"{stem}.gz"]
    found = [p for p in beside if p.exists() and p != images[0]]
    labels = _parse_idx(found[0]).astype(np.int64) if found else None
    if labels is not None and labels.shape != (len(x),):
        raise InputError(
            "data", f"{found[0]} holds {labels.shape} labels for {len(x)} images", "fetch both files again"
        )
    return Images(x[:limit], None if labels is None else labels[:limit], "", split)


def _image_array(x: np.ndarray, source: Path) -> np.ndarray:
    if x.dtype != np.uint8:
        if x.dtype.kind not in "iu" or x.size == 0 or x.min() < 0 or x.max() > 255:
            raise InputError("data", f"{source} holds {x.dtype} values", "store pixels as uint8, 0 to 255")
        x = x.astype(np.uint8)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or len(x) == 0 or x.shape[-1] not in (1, 3):
        remedy = "give (n, H, W), (n, H, W, 1) or (n, H, W, 3)"
        raise InputError("data", f"{source} holds an array of shape {x.shape}", remedy)
    return x


# NPZ ------------------------------------------------------------------------------------------------------------------


def _read_npz(files: list[Path], root: Path, split: str | None, limit: int | None, array: str | None) -> Images:
    parts = [_one_npz(f, array) for f in files]
    _same_shapes(((f, x.shape[1:]) for f, (x, _) in zip(files, parts, strict=True)))
    x = np.concatenate([x for x, _ in parts])[:limit]
    labels = [y for _, y in parts if y is not None]
    y = np.concatenate(labels)[:limit] if len(labels) == len(parts) else None
    return Images(x, y, "", split)


def _one_npz(path: Path, array: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as data:
            names = (array,) if array else _ARRAYS
            name = next((n for n in names if n in data.files), None)
            if name is None:
                problem = f"{path} holds {', '.join(data.files) or 'nothing'}, not {' or '.join(names)}"
                raise InputError("data", problem, "name the array of images")
            x = _image_array(data[name], path)
            label = next((n for n in _LABELS if n in data.files and data[n].shape == (len(x),)), None)
            return x, None if label is None else data[label].astype(np.int64)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = "it holds pickled objects" if "pickle" in str(error) else str(error)
        raise InputError(
            "data", f"{path} cannot be read ({reason})", "store plain uint8 arrays with numpy.savez"
        ) from None


# PNG, JPEG ------------------------------------------------------------------------------------------------------------


def _read_pictures(files: list[Path], root: Path, split: str | None, limit: int | None, array: str | None) -> Images:
    folders = sorted({f.parent.name for f in files if f.parent != root and f.parent.name.lower() not in _SPLITS})
    labelled = bool(folders) and all(f.parent.name in folders for f in files)
    if limit is not None and limit < len(files):
        files = [files[i] for i in np.arange(limit) * len(files) // limit]
    decoded = [_one_picture(f) for f in files]
    _same_shapes((f, x.shape) for f, x in zip(files, decoded, strict=True))
    labels = np.asarray([folders.index(f.parent.name) for f in files], np.int64) if labelled else None
    return Images(np.stack(decoded), labels, "", split, tuple(folders) if labelled else ())


def _one_picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            if image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
                image = image.convert("RGB")
            if image.mode not in ("1", "L", "RGB"):
                raise InputError("data", f"{path} has colour mode {image.mode}", "store it as 8-bit grey or RGB")
            x = np.asarray(image.convert("L") if image.mode == "1" else image, np.uint8)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError("data", f"{path} is not a readable picture ({error})", "replace or remove it") from None
    return x[..., None] if x.ndim == 2 else x


def _same_shapes(shapes: Iterable[tuple[Path, tuple[int, ...]]]) -> None:
    first: tuple[Path, tuple[int, ...]] | None = None
    for file, shape in shapes:
        first = first or (file, shape)
        if shape != first[1]:
            problem = f"images differ: {first[0].name} is {first[1]}, {file.name} is {shape}"
            raise InputError("data", problem, "bring all to one size and one number of channels")


# Ranges ---------------------------------------------------------------------------------------------------------------


def to_range(x: ArrayLike, sample_range: tuple[float, float]) -> np.ndarray:
    """Bytes to float32 in ``(low, high)``.

    >>> to_range(np.uint8([0, 255]), (-1.0, 1.0)).tolist()
    [-1.0, 1.0]
    """
    low, high = sample_range
    return (low + np.asarray(x, np.float32) * np.float32((high - low) / 255)).astype(np.float32)


def to_uint8(x: ArrayLike, sample_range: tuple[float, float]) -> np.ndarray:
    """Samples in ``(low, high)`` to bytes: clip, scale, round.

    Raises:
      InputError: NaN or infinity among the samples.

    >>> to_uint8([-1.0, 0.0, 3.0], (-1.0, 1.0)).tolist()
    [0, 128, 255]
    """
    low, high = sample_range
    x = np.asarray(x, np.float32)
    if not np.all(np.isfinite(x)):
        raise InputError("samples", "hold NaN or infinity", "take smaller steps, or check the weights")
    return np.rint(np.clip((x - low) / (high - low), 0, 1) * 255).astype(np.uint8)
