"""The places that a path goes through: seeds or pictures, several in a row, closed loops, classes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from interp.ends import find_latents, read_picture
from interp.labels import between_classes, within_class
from interp.metric.path_weight import PathWeight
from pairs import InputError, Net, Pair

__all__ = ["Stops", "find_stops", "given_stops", "labelled_pair", "read_pictures"]


class Stops(NamedTuple):
    """Latents of the stops of a path.

    Attributes:
      z: ``(stops, *latent)``, the first once more at the end of a loop.
      inversions: For stops that were pictures, how well their inversion went.
    """

    z: Array
    inversions: dict[str, dict[str, Any]]


def given_stops(args: argparse.Namespace) -> list[tuple[str, int | Path]]:
    """Names and values of all stops in their order."""
    via = [(f"via {i + 1}", stop) for i, stop in enumerate(args.via or ())]
    return [("from", args.start), *via, ("to", args.end)]


def labelled_pair(pair: Pair, first: int | None, last: int | None) -> Pair:
    """The unconditional pair of paths within a class, or from one class to another.

    Args:
      pair: The pair as it was loaded.
      first: ``--label``.
      last: ``--to-label``.

    Raises:
      InputError: A label is missing or superfluous, or the pair does not mix classes.
    """
    for name, label in (("--label", first), ("--to-label", last)):
        if pair.classes is None and label is not None:
            raise InputError(name, "is given for an unconditional pair", "leave it out")
        if label is not None and label >= (pair.classes or 0):
            raise InputError(name, f"is {label} for {pair.classes} classes", f"give 0 to {(pair.classes or 1) - 1}")
    if pair.classes is None:
        return pair
    if first is None:
        raise InputError("--label", f"is missing for a pair with {pair.classes} classes", "give one")
    return within_class(pair, first) if last is None or last == first else between_classes(pair)


def find_stops(
    pair: Pair,
    given: list[tuple[str, int | Path]],
    pictures: dict[str, np.ndarray],
    seed: int,
    *,
    labels: tuple[int, int] | None = None,
    loop: bool = False,
    features: Net | None = None,
    weight: PathWeight | None = None,
) -> Stops:
    """Latents of all stops; pictures are inverted in one batch.

    Args:
      pair: The unconditional pair of the path.
      given: Names and values, from :func:`given_stops`.
      pictures: Those that are pictures, by name, from :func:`read_pictures`.
      seed: Seed of the inversion.
      labels: Classes of the first and the last stop, where the latents hold the class; stops between have classes in
        turn from one to the other.
      loop: Whether the path returns to its first stop.
      features: As for :func:`interp.invert`.
      weight: As for :func:`interp.invert`.
    """
    z: list[Array | None] = []
    for i, (_, value) in enumerate(given):
        label = None
        if labels is not None:
            at = labels[0] if i < len(given) / 2 else labels[1]
            label = jnp.asarray([at])
        z.append(pair.prior.sample(jax.random.key(value), 1, label) if isinstance(value, int) else None)
    which = [i for i, (name, _) in enumerate(given) if name in pictures]
    records: dict[str, dict[str, Any]] = {}
    if which:
        x = np.stack([pictures[given[i][0]] for i in which])
        found, notes = find_latents(pair, x, jax.random.key(seed), features=features, weight=weight)
        for row, i in enumerate(which):
            z[i] = found[row : row + 1]
            records[given[i][0]] = {"file": str(given[i][1]), **notes[row]}
    every = jnp.concatenate([v for v in z if v is not None])
    return Stops(jnp.concatenate([every, every[:1]]) if loop else every, records)


def read_pictures(pair: Pair, given: list[tuple[str, int | Path]]) -> dict[str, np.ndarray]:
    """The stops that are pictures, by name, as samples of the pair.

    Raises:
      InputError: A picture cannot be read.
    """
    return {name: read_picture(pair, v, f"--{name.split()[0]}") for name, v in given if isinstance(v, Path)}
