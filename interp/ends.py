"""What a command line says of a path: its ends (seeds, or pictures that are turned into latents), and nodes between.

A picture is converted to the pair's channels, cut to its proportions around the middle, scaled to its size and mapped
to its range; :func:`interp.invert` finds the latent. A picture that the generator cannot draw has no exact latent, so
the error of every inversion is part of the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from PIL import Image, ImageOps

from pairs import InputError, Net, Pair
from pairs.arrays import on_device
from pairs.batches import apply_in_batches
from pairs.checks import is_image
from pairs.io.image_files import decode
from pairs.io.images import default_split, read_images
from pairs.io.pixels import to_range

from .inversion import invert
from .metric.path_weight import PathWeight

__all__ = ["Ends", "read_picture", "read_ends", "find_ends", "find_latents", "read_nodes"]

_NAMES = ("from", "to")
_FEWEST, _MOST = 50, 4000  # nodes of a graph


class Ends(NamedTuple):
    """The ends of one path.

    Attributes:
      z: Latents, ``(1, *latent)`` each.
      inversions: For ends that were pictures, how well their inversion went, as JSON values.
    """

    z: tuple[Array, Array]
    inversions: dict[str, dict[str, float | bool | str]]


def read_picture(pair: Pair, path: Path, field: str) -> np.ndarray:
    """A picture file as one sample of the pair, float32.

    Args:
      pair: A pair of images.
      path: The file.
      field: What a refusal names.

    Raises:
      InputError: The pair makes no images, or the file is missing or cannot be read as a picture.
    """
    if not is_image(pair):
        raise InputError(field, f"is a file but the samples of this pair have shape {pair.sample_shape}", "give a seed")
    if not path.is_file():
        raise InputError(field, f"'{path}' is neither a seed nor a file", "give a whole number or a picture")
    rows, columns, channels = pair.sample_shape

    def fitted(image: Image.Image) -> np.ndarray:
        upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
        return np.asarray(ImageOps.fit(upright, (columns, rows), Image.Resampling.LANCZOS), np.float32)

    assert pair.sample_range is not None
    low, high = pair.sample_range
    x = decode(path, fitted, field).reshape(pair.sample_shape) / 255
    return low + (high - low) * x


def read_ends(
    pair: Pair, given: tuple[int | Path, int | Path], label: int | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The pictures among two ends (None for seeds); everything that needs no computing is checked here.

    Args:
      pair: The pair.
      given: Seeds or files.
      label: Class of the path, for a conditional pair.

    Raises:
      InputError: A picture cannot be read (:func:`read_picture`); a label is missing or superfluous.
    """
    if pair.classes is not None and label is None:
        raise InputError("--label", f"is missing for a pair with {pair.classes} classes", "give one")
    if pair.classes is None and label is not None:
        raise InputError("--label", "is given for an unconditional pair", "leave it out")
    first, last = (
        read_picture(pair, g, f"--{n}") if isinstance(g, Path) else None for g, n in zip(given, _NAMES, strict=True)
    )
    return first, last


def find_ends(
    pair: Pair,
    given: tuple[int | Path, int | Path],
    pictures: tuple[np.ndarray | None, np.ndarray | None],
    key: Array,
    *,
    labels: Array | None = None,
    features: Net | None = None,
    weight: PathWeight | None = None,
) -> Ends:
    """Latents of two seeds or pictures; two pictures are inverted in one batch.

    Args:
      pair: The pair.
      given: Seeds or files.
      pictures: The pictures among them, from :func:`read_ends`.
      key: Randomness of the inversion.
      labels: Class of the path, ``(1,)``, for a conditional pair.
      features: As for :func:`interp.invert`.
      weight: As for :func:`interp.invert`.
    """
    z = [pair.prior.sample(jax.random.key(g), 1, labels) if isinstance(g, int) else None for g in given]
    which = [i for i in range(2) if pictures[i] is not None]
    records: dict[str, dict[str, float | bool | str]] = {}
    if which:
        x = np.stack([p for p in pictures if p is not None])
        found, notes = find_latents(pair, x, key, labels=labels, features=features, weight=weight)
        for row, i in enumerate(which):
            z[i] = found[row : row + 1]
            records[_NAMES[i]] = {"file": str(given[i]), **notes[row]}
    assert z[0] is not None and z[1] is not None
    return Ends((z[0], z[1]), records)


def find_latents(
    pair: Pair,
    x: np.ndarray,
    key: Array,
    *,
    labels: Array | None = None,
    features: Net | None = None,
    weight: PathWeight | None = None,
) -> tuple[Array, list[dict[str, float | bool | str]]]:
    """Latents of pictures, inverted in one batch, and how well each inversion went, as JSON values.

    Args:
      pair: The pair.
      x: Pictures, ``(n, *sample)``.
      key: Randomness of the inversion.
      labels: The class of all, ``(1,)``, for a conditional pair.
      features: As for :func:`interp.invert`.
      weight: As for :func:`interp.invert`.
    """
    each = None if labels is None else jnp.repeat(labels, len(x))
    found = invert(pair, x, key, features=features, weight=weight, labels=each)
    notes: list[dict[str, float | bool | str]] = []
    for row in range(len(x)):
        numbers = {k: float(getattr(found, k)[row]) for k in ("error", "loss", "start_loss")}
        notes.append({**numbers, "converged": bool(found.converged[row])})
    return found.z, notes


def read_nodes(
    pair: Pair,
    given: int | Path,
    seed: int,
    *,
    split: str | None = None,
    array: str | None = None,
    limit: int | None = None,
) -> Array:
    """Latents ``(n, *latent)`` that chains may go through: draws of the prior, or codes of images.

    Args:
      pair: The pair; codes need its encoder.
      given: A number of draws, or a set of images.
      seed: Randomness of the draws, or of the choice of images.
      split: Split of the images; the training split by default, where there is one.
      array: Name of the array in an NPZ file.
      limit: Most images that are drawn; 4,000 by default.

    Raises:
      InputError: There are fewer than 50 nodes; the pair has no encoder or no sample range; the images do not fit it.
    """
    if isinstance(given, int):
        if given < _FEWEST:
            raise InputError("--through", f"is {given}", f"give at least {_FEWEST} draws, better thousands")
        return pair.prior.sample(jax.random.key(seed), given)
    if pair.encoder is None:
        raise InputError("--through", "names images but the pair has no encoder", "give a number: draws of the prior")
    if pair.sample_range is None:
        raise InputError("--through", "names images but the pair declares no sample range", "give a number")
    images = read_images(given, split or default_split(given, array=array), expect=pair.sample_shape, array=array)
    chosen = images.x[np.random.default_rng(seed).permutation(len(images))[: limit or _MOST]]
    if len(chosen) < _FEWEST:
        raise InputError("--through", f"holds {len(chosen)} images", f"give at least {_FEWEST}, better thousands")
    return on_device(apply_in_batches(pair.encoder, to_range(chosen, pair.sample_range), batch=500))
