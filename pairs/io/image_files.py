"""Bytes to arrays: IDX, NPZ, PNG and JPEG files, each with the checks that its format allows.

Only regular files are opened, only PNG and JPEG are decoded whatever a file is called, and the
decompressed size is compared with a bound before memory is taken.
"""

from __future__ import annotations

import gzip
import math
import re
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import InputError
from .archives import ArchiveError
from .files import open_regular
from .labels import whole_labels
from .npz import open_npz

__all__ = ["image_array", "is_idx", "is_npz", "is_other_picture", "is_picture", "labels_beside", "read_idx", "read_npz"]
__all__ += ["decode", "read_picture"]

_ARRAYS = ("x", "images", "arr_0", "after")
_LABELS = ("y", "labels", "arr_1")
_BASE, _FACTOR = 2**26, 20  # images of few tones are compressed well: 64 MiB, and twenty times the file
_PIXELS = 2**24
_OTHERS = (".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".jp2", ".npy", ".ppm", ".pgm")


def is_idx(path: Path) -> bool:
    """Whether a file is named like an IDX file, plain or gzip.

    Args:
      path: the file.
    """
    return re.search(r"(idx\d?(-ubyte)?|-ubyte)(\.gz)?$", path.name.lower()) is not None


def is_npz(path: Path) -> bool:
    """Whether a file is named ``.npz``.

    Args:
      path: the file.
    """
    return path.suffix.lower() == ".npz"


def is_picture(path: Path) -> bool:
    """Whether a file is named ``.png``, ``.jpg`` or ``.jpeg``.

    Args:
      path: the file.
    """
    return path.suffix.lower() in (".png", ".jpg", ".jpeg")


def is_other_picture(path: Path) -> bool:
    """Whether a file is named like an image of a kind that is not read.

    Args:
      path: the file.
    """
    return path.suffix.lower() in _OTHERS


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an IDX file, one to four axes.

    Args:
      path: the file, plain or gzip.

    Raises:
      InputError: unreadable, damaged, of another type, or too large when unpacked.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                return _parse_idx(file, path, size)
            with gzip.GzipFile(fileobj=file) as stream:
                return _parse_idx(stream, path, _BASE + _FACTOR * size)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("data", f"{path} cannot be read ({_why(error)})", "fetch the file again") from None


def _parse_idx(file: IO[bytes] | gzip.GzipFile, path: Path, most: int) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[3] == 0:
        raise InputError("data", f"{path} does not begin like an IDX file", "fetch the file again")
    if head[2] != 0x08:
        raise InputError("data", f"{path} holds IDX type 0x{head[2]:02x}", "use unsigned bytes (type 0x08)")
    if head[3] > 4:
        raise InputError("data", f"{path} holds an array of {head[3]} axes", "give images: three or four axes")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise InputError("data", f"{path} does not begin like an IDX file", "fetch the file again")
    shape = tuple(int(d) for d in np.frombuffer(sizes, ">u4"))
    count = math.prod(shape)
    if not count:
        raise InputError("data", f"{path} holds an array of shape {shape}", "fetch the file again")
    if isinstance(file, gzip.GzipFile) and count > most:
        problem = f"{path} is said to unpack to {count} bytes"
        raise InputError("data", problem, "unpack it with gunzip, if it is what it should be")
    body = file.read(min(count, most) + 1)
    if len(body) != count:
        held = "more than the" if len(body) > count else f"{len(body)} values, not the"
        problem = f"{path} holds {held} {count} values of its header"
        raise InputError("data", problem, "fetch the file again, it is cut short or damaged")
    return np.frombuffer(body, np.uint8).reshape(shape)


def labels_beside(path: Path) -> np.ndarray | None:
    """Labels from the file that is named like the images, if there is one.

    Args:
      path: the file of the images.

    Raises:
      InputError: as :func:`read_idx`.
    """
    stem = path.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1").removesuffix(".gz")
    for file in (path.parent / stem, path.parent / f"{stem}.gz"):
        if file.is_file() and file != path:
            return read_idx(file).astype(np.int64)
    return None


def image_array(x: np.ndarray, source: Path) -> np.ndarray:
    """``x`` as uint8 ``(n, H, W, C)`` with C 1 or 3; integers from 0 to 255 are taken, floats are not.

    Args:
      x: the array.
      source: where it comes from, for messages.

    Raises:
      InputError: another type or shape, values outside 0 to 255, or 0 and 1 alone.
    """
    if x.dtype != np.uint8:
        if x.dtype.kind not in "iu" or x.size == 0 or x.min() < 0 or x.max() > 255:
            raise InputError("data", f"{source} holds {x.dtype} values", "store pixels as uint8, 0 to 255")
        x = x.astype(np.uint8)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or x.size == 0 or x.shape[-1] not in (1, 3):
        remedy = "give (n, H, W), (n, H, W, 1) or (n, H, W, 3)"
        raise InputError("data", f"{source} holds an array of shape {x.shape}", remedy)
    if x.max() == 1:
        raise InputError("data", f"{source} holds the values 0 and 1 alone", "store white as 255: multiply by 255")
    return x


def read_npz(path: Path, array: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels of an NPZ file.

    Args:
      path: the file.
      array: name of the images; by default the first of x, images, arr_0, after.

    Raises:
      InputError: unreadable, damaged, too large when unpacked, without images, or not bytes of images.
    """
    try:
        with open_npz(path, _FACTOR, _BASE) as archive:
            held, names = archive.names, (array,) if array else _ARRAYS
            name = next((n for n in names if n in held), None)
            if name is None:
                listed = ", ".join(held[:12]) + (f" and {len(held) - 12} more" if len(held) > 12 else "")
                problem = f"{path} holds {listed or 'nothing'}, not {' or '.join(names)}"
                raise InputError("data", problem, "name the array of images")
            x = image_array(archive[name], path)
            # the second array of numpy.savez(x, y) without names may be anything
            label = next((n for n in _LABELS if n in held and (n != "arr_1" or archive.shape(n) == (len(x),))), None)
            labels = None if label is None else archive[label]
    except (OSError, ArchiveError, MemoryError) as error:
        problem = f"{path} cannot be read ({_why(error)})"
        raise InputError("data", problem, "store plain uint8 arrays with numpy.savez") from None
    return x, None if labels is None else whole_labels(labels, len(x), path)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def read_picture(path: Path) -> np.ndarray:
    """uint8 ``(H, W, 1 or 3)``, upright; palettes are resolved, an opaque alpha channel is dropped.

    Args:
      path: a PNG or JPEG file. A rotation noted by the camera (EXIF) is carried out.

    Raises:
      InputError: no readable PNG or JPEG, of more than 2**24 pixels, or of another colour mode.
    """
    return decode(path, lambda image: _pixels(image, path))


def decode(path: Path, use: Callable[[Image.Image], np.ndarray], field: str = "data") -> np.ndarray:
    """What a function makes of a picture, decoded within bounds.

    Args:
      path: a PNG or JPEG file.
      use: takes the picture, which is not loaded yet and has at most 2**24 pixels.
      field: what a refusal names.

    Raises:
      InputError: no readable PNG or JPEG, or of more pixels.
    """
    try:
        with warnings.catch_warnings(), open_regular(path) as file:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is lower
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                if image.width * image.height > _PIXELS:
                    problem = f"{path} has {image.width}x{image.height} pixels"
                    raise InputError(field, problem, "give pictures of at most 4096x4096")
                return use(image)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(field, f"{path} is no PNG and no JPEG picture", "replace or remove it") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise InputError(field, f"{path} is not a readable picture ({_why(error)})", "replace or remove it") from None
    except Exception as error:  # Pillow's parsers of metadata raise many kinds on damaged files
        problem = f"{path} is not a readable picture ({type(error).__name__})"
        raise InputError(field, problem, "replace or remove it") from None


def _pixels(image: Image.Image, path: Path) -> np.ndarray:
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "P":
        upright = upright.convert("RGBA" if "transparency" in upright.info else "RGB")
    if upright.mode == "RGBA" and upright.getchannel("A").getextrema() == (255, 255):
        upright = upright.convert("RGB")
    if upright.mode not in ("1", "L", "RGB"):
        raise InputError("data", f"{path} has colour mode {upright.mode}", "store it as 8-bit grey or RGB")
    x = np.asarray(upright.convert("L") if upright.mode == "1" else upright, np.uint8)
    return x[..., None] if x.ndim == 2 else x
