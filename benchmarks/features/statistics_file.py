"""Statistics of real images in one NPZ file, as pytorch-fid and clean-fid keep them.

===================  ==========================================================  =====================================
array                what it is                                                  who writes it
===================  ==========================================================  =====================================
``mu``, ``sigma``    mean ``(d,)`` and covariance ``(d, d)``                     pytorch-fid, clean-fid (FID), we
``feats``            rows ``(m, d)`` of features                                 clean-fid (KID); we, at most 2,000
``n``                how many images ``mu`` and ``sigma`` are of                 we
``net``, ``sha256``  name and digest of the feature net                          we
``split``            which images they are                                       we
===================  ==========================================================  =====================================

Either of the first two will do. A file that says no net is taken for one of Inception features, since those tools have
no others under these names: it goes with the user's Inception weights and with nothing else. Files are data: arrays of
objects are refused and never unpickled.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pairs import InputError
from pairs.io.archives import ArchiveError
from pairs.io.files import write_bytes
from pairs.io.npz import NpzArchive, open_npz

from ..metrics import moments
from .feature_net import Features, Reference

__all__ = ["Statistics", "check_net", "holds_statistics", "read_statistics", "write_statistics"]

_IMAGES = {"x", "images", "arr_0", "after"}
_ROUNDING = float(np.finfo(np.float32).eps)
_FEATURES = 4096
"""Features above which the eigenvalues of a covariance would take minutes."""
_BASE, _FACTOR = 2**28, 20
"""Bytes that any file may unpack to, and per byte of the file."""


class Statistics(NamedTuple):
    """What a file holds; ``net`` and ``sha256`` are None where the file does not say which net made it."""

    path: Path
    reference: Reference
    net: str | None
    sha256: str | None


def holds_statistics(path: str | Path) -> bool:
    """Whether a file is an NPZ archive of statistics and not of images."""
    try:
        with open_npz(Path(path), _FACTOR, _BASE) as archive:
            return bool({"mu", "sigma", "feats"} & set(archive.names)) and not _IMAGES & set(archive.names)
    except (OSError, ArchiveError):
        return False


def read_statistics(path: str | Path) -> Statistics:
    """Mean, covariance and rows, checked.

    Args:
      path: The file.

    Returns:
      The statistics: without rows, ``(0, d)``, where the file holds moments alone; without a number of images, None,
      where it says none.

    Raises:
      InputError: Unreadable, without the arrays, with objects in place of numbers, or with values that no mean,
        covariance or features can have.
    """
    path = Path(path)
    try:
        with open_npz(path, _FACTOR, _BASE) as archive:
            held = set(archive.names)
            if len(held & {"mu", "sigma"}) == 1:
                missing = ({"mu", "sigma"} - held).pop()
                raise _refused(path, f"lacks {missing}", "mu and sigma go together")
            if not {"mu", "feats"} & held:
                listed = ", ".join(sorted(held)[:12]) or "nothing"
                raise _refused(path, f"holds {listed}", "it needs mu and sigma, or feats")
            arrays = {name: _floats(path, archive, name) for name in ("mu", "sigma", "feats") if name in held}
            words = {name: _word(path, archive, name) for name in ("net", "sha256", "split") if name in held}
            n = _count(path, archive) if "n" in held else None
    except (OSError, ArchiveError, MemoryError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        remedy = "write it with numpy.savez from plain arrays: mu and sigma, or feats"
        raise InputError("statistics", f"{path} cannot be read ({why})", remedy) from None
    return Statistics(
        path, _reference(path, arrays, n, words.get("split", path.stem)), words.get("net"), words.get("sha256")
    )


def _refused(path: Path, problem: str, wanted: str) -> InputError:
    return InputError("statistics", f"{path} {problem}", f"give a file of pytorch-fid or clean-fid: {wanted}")


def _floats(path: Path, archive: NpzArchive, name: str) -> np.ndarray:
    value = archive[name]
    axes = {"mu": "(d,)", "sigma": "(d, d)", "feats": "(m, d)"}[name]
    if value.dtype not in (np.float32, np.float64):
        raise _refused(path, f"holds {name} as {value.dtype}", f"{name} is float32 or float64 of shape {axes}")
    fits = value.ndim == (1 if name == "mu" else 2) and value.size > 0
    if not fits or (name == "sigma" and value.shape[0] != value.shape[1]):
        raise _refused(path, f"holds {name} of shape {value.shape}", f"{name} has shape {axes}")
    if value.shape[-1] > _FEATURES:
        raise _refused(path, f"holds {name} of {value.shape[-1]:,} features", f"{name} has at most {_FEATURES:,}")
    if not np.isfinite(value).all():
        raise _refused(path, f"holds NaN or infinity in {name}", "every value must be finite")
    return value


def _word(path: Path, archive: NpzArchive, name: str) -> str:
    value = archive[name]
    if value.shape != () or value.dtype.kind != "U":
        raise _refused(path, f"holds {name} as {value.dtype} of shape {value.shape}", f"{name} is a text, or left out")
    return str(value)


def _count(path: Path, archive: NpzArchive) -> int:
    value = archive["n"]
    if value.shape != () or value.dtype.kind not in "iu" or value < 2:
        raise _refused(path, "holds an n that is no number of images", "n is a whole number from 2 on, or left out")
    return int(value)


def _reference(path: Path, arrays: dict[str, np.ndarray], n: int | None, split: str) -> Reference:
    rows = arrays.get("feats")
    if "mu" not in arrays:
        assert rows is not None
        if len(rows) < 2:
            raise _refused(path, f"holds {len(rows)} rows of features", "a covariance needs at least 2 rows")
        found = moments(rows)
        return Reference(split, found.n, found.mean, found.covariance, rows.astype(np.float32))
    mu, sigma = (arrays[name].astype(np.float64) for name in ("mu", "sigma"))
    shapes = {name: value.shape for name, value in arrays.items()}
    if len({value.shape[-1] for value in arrays.values()}) > 1:
        raise _refused(path, f"holds {shapes}", "all must have one number of features")
    _check_covariance(path, sigma)
    if rows is None:
        rows = np.zeros((0, len(mu)), np.float32)
    if n is not None and len(rows) > n:
        raise _refused(path, f"holds {len(rows)} rows of {n} images", "feats has at most as many rows as images")
    return Reference(split, n, mu, sigma, rows.astype(np.float32))


def _check_covariance(path: Path, sigma: np.ndarray) -> None:
    """Refuse what no rounding of single precision makes of a covariance."""
    size = float(np.abs(sigma).max())
    uneven = float(np.abs(sigma - sigma.T).max())
    # two sums of the same products in another order differ by some units of their last place
    if uneven > 100 * _ROUNDING * size:
        raise _refused(path, f"holds a sigma that is not symmetric (by {uneven:.2g} of {size:.2g})", "a covariance is")
    values = np.linalg.eigvalsh(sigma)
    if values[0] < -len(sigma) * _ROUNDING * max(values[-1], 0.0) or values[-1] < 0:
        problem = f"holds a sigma with the eigenvalue {values[0]:.3g}"
        raise _refused(path, problem, "a covariance has none below 0")


def check_net(statistics: Statistics, features: Features) -> list[str]:
    """Refuse statistics of another net; say what the file leaves open.

    Args:
      statistics: As they were read.
      features: The net that shall judge.

    Returns:
      Sentences about what nobody can tell from the file.

    Raises:
      InputError: Another net than the file's, or another number of features.
    """
    path, dim = statistics.path, len(statistics.reference.mu)
    inception = features.arch == "inception"
    if statistics.net is None:
        if not inception:
            remedy = "give --features with your file of Inception weights, or real images as DATA"
            problem = f"{path} does not say which net made it, so it is Inception's, and {features.name} judges"
            raise InputError("statistics", problem, remedy)
        if dim != features.dim:
            remedy = f"give statistics of the last pooling layer, {features.dim:,} features"
            raise InputError("statistics", f"{path} has {dim:,} features", remedy)
        way = features.name.removeprefix("inception-2015-12-05-")
        return [
            f"{path} does not say how its images were resized; the others were resized as {way} does (--resize), and "
            "another way would show as distance"
        ]
    if (statistics.net, statistics.sha256, dim) != (features.name, features.sha256, features.dim):
        what = f"{statistics.net} ({dim}-d, sha256 {(statistics.sha256 or 'not said')[:12]})"
        problem = f"{path} is of {what}, and {features.label} with sha256 {features.sha256[:12]} judges"
        raise InputError("statistics", problem, "give the same net with --features, and the same --resize")
    return []


def write_statistics(path: str | Path, features: Features, reference: Reference) -> None:
    """Write statistics that pytorch-fid, clean-fid and :func:`read_statistics` read.

    Args:
      path: A file that is not there yet; its name ends in ``.npz``.
      features: The net that made them.
      reference: The statistics.

    Raises:
      InputError: The folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {"mu": reference.mu, "sigma": reference.sigma}
    if len(reference.rows):
        arrays["feats"] = reference.rows
    if reference.n is not None:
        arrays["n"] = np.asarray(reference.n, np.int64)
    words = {"net": features.name, "sha256": features.sha256, "split": reference.split}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays, **{k: np.str_(v) for k, v in words.items()})
    write_bytes(path, buffer.getvalue())
