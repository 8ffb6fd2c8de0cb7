"""Bytes to arrays: IDX, NPZ, PNG and JPEG files, each with the checks that its format allows."""

from __future__ import annotations

import gzip
import math
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import InputError

__all__ = ["is_idx", "is_npz", "is_picture", "labels_beside", "read_idx", "read_npz", "read_picture", "image_array"]

_ARRAYS = ("x", "images", "arr_0", "after")
_LABELS = ("y", "labels", "arr_1")


def is_idx(path: Path) -> bool:
    """Named like an IDX file, plain or gzip."""
    return re.search(r"(idx\d?(-ubyte)?|-ubyte)(\.gz)?$", path.name.lower()) is not None


def is_npz(path: Path) -> bool:
    """Named ``.npz``."""
    return path.suffix.lower() == ".npz"


def is_picture(path: Path) -> bool:
    """Named ``.png``, ``.jpg`` or ``.jpeg``."""
    return path.suffix.lower() in (".png", ".jpg", ".jpeg")


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("data", f"{path} cannot be read ({error})", "fetch the file again") from None


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an IDX file, any number of axes."""
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


def labels_beside(path: Path) -> np.ndarray | None:
    """Labels from the file that is named like the images, if there is one."""
    stem = path.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1").removesuffix(".gz")
    for file in (path.parent / stem, path.parent / f"{stem}.gz"):
        if file.exists() and file != path:
            return read_idx(file).astype(np.int64)
    return None


def image_array(x: np.ndarray, source: Path) -> np.ndarray:
    """``x`` as uint8 ``(n, H, W, C)`` with C 1 or 3; integers from 0 to 255 are taken, floats are not."""
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


def read_npz(path: Path, array: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels; ``array`` names the images, else the first of x, images, arr_0, after."""
    try:
        with np.load(path, allow_pickle=False) as data:
            names = (array,) if array else _ARRAYS
            name = next((n for n in names if n in data.files), None)
            if name is None:
                problem = f"{path} holds {', '.join(data.files) or 'nothing'}, not {' or '.join(names)}"
                raise InputError("data", problem, "name the array of images")
            x = image_array(data[name], path)
            label = next((n for n in _LABELS if n in data.files and data[n].shape == (len(x),)), None)
            return x, None if label is None else data[label].astype(np.int64)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = "it holds pickled objects" if "pickle" in str(error) else str(error)
        problem = f"{path} cannot be read ({reason})"
        raise InputError("data", problem, "store plain uint8 arrays with numpy.savez") from None


def read_picture(path: Path) -> np.ndarray:
    """uint8 ``(H, W, 1 or 3)``; palettes are resolved, an opaque alpha channel is dropped."""
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
                image = image.convert("RGB")
            if image.mode not in ("1", "L", "RGB"):
                raise InputError("data", f"{path} has colour mode {image.mode}", "store it as 8-bit grey or RGB")
            x = np.asarray(image.convert("L") if image.mode == "1" else image, np.uint8)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError("data", f"{path} is not a readable picture ({error})", "replace or remove it") from None
    return x[..., None] if x.ndim == 2 else x
