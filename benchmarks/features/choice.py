r"""Which feature net shall judge: the best at hand, with the reason, decided by evidence and not by a name.

A bundled net fits the user's images where their features are distributed as those of the net's own test images: with
mean and covariance :math:`(\mu, \Sigma)` of the user's and :math:`(\mu_r, \Sigma_r)` of the net's reference,

.. math:: \rho = \mathrm{FD}\big((\mu, \Sigma), (\mu_r, \Sigma_r)\big) / \mathrm{tr}\,\Sigma_r

is small. Measured on the bundled 28x28 nets: 0.004 to 0.011 for other images of the same data (2,000 images; 0.013 to
0.029 for 500), 0.25 to 0.32 for digits upside down or half of the classes, 0.5 and more for everything else. Samples of
a generator are weaker evidence, since a generator is not its data: those of two GANs before refinement gave 0.15 to
0.22 in the net of their data, at least 0.59 in the other.

The order of preference is a fitting bundled net; a net trained on the user's images without labels; random features,
which can warn and cannot decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from pairs import InputError

from ..metrics import frechet_distance, moments
from .bundle import bundled_features, load_features
from .feature_net import Features
from .fixed_features import random_features
from .self_supervised import SelfSupervised, self_supervised_features

__all__ = ["Fit", "FeatureChoice", "choose", "fit_of"]

DATA_FIT = 0.05
"""Largest rho of real images."""
SAMPLE_FIT = 0.25
"""Largest rho of a generator's samples."""
LEAST = 500
"""Images below which rho says more about their number than about their law."""
MOST = 2000

Kind = Literal["named", "bundled", "self-supervised", "random", "points"]


class Fit(NamedTuple):
    """How well images fit a bundled net: its name and rho."""

    net: str
    rho: float


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureChoice:
    """The net that shall judge.

    Attributes:
      features: the net.
      kind: where it comes from.
      reason: one sentence for reports: which net, and why.
      fits: the evidence about every bundled net that takes such images, best first.
    """

    features: Features
    kind: Kind
    reason: str
    fits: tuple[Fit, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether a verdict may rest on this net; random features only warn."""
        return self.kind != "random"


def fit_of(features: Features, images: np.ndarray) -> float:
    """Rho of uint8 images in a net that keeps a reference.

    Raises:
      InputError: fewer than 500 images.
    """
    if len(images) < LEAST:
        raise InputError("images", f"are {len(images)}", f"give at least {LEAST} to tell whether a net fits them")
    reference, own = features.reference(), moments(features(images).astype(np.float64))
    distance = frechet_distance(own.mean, own.covariance, reference.mu, reference.sigma)
    return distance / float(np.trace(reference.sigma))


def _fits(shape: tuple[int, ...], images: np.ndarray | None, arch: str) -> tuple[Fit, ...]:
    if images is None or len(images) < LEAST:
        return ()
    found = []
    for name in bundled_features():
        features = load_features(name)
        if features.input_shape == shape and features.arch == arch:
            found.append(Fit(name, fit_of(features, images)))
    return tuple(sorted(found, key=lambda fit: fit.rho))


def _evidence(fits: tuple[Fit, ...], bound: float, shape: tuple[int, ...], what: str, n: int) -> str:
    if n and n < LEAST:
        return f"{n} {what} are too few to tell whether a bundled net fits ({LEAST} do)"
    if not fits:
        return f"no bundled net takes images of shape {shape}"
    return f"{fits[0].net} does not fit the {what} ({fits[0].rho:.2g} of its variance, at most {bound:g} would)"


def choose(
    name: str | Path | None,
    shape: tuple[int, ...],
    *,
    data: np.ndarray | None = None,
    samples: np.ndarray | None = None,
    folder: str | Path | None = None,
    data_name: str = "data",
    judge: bool = False,
    settings: SelfSupervised | None = None,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> FeatureChoice:
    """The named net, or for ``auto`` (or None) the best at hand.

    Args:
      name: a bundled name, a folder, a file of Inception weights, ``random``, ``self-supervised``, or ``auto``.
      shape: ``(H, W, C)`` of the images to judge.
      data: real uint8 images of the user's.
      samples: uint8 samples of the generator, which serve as evidence where there are no data.
      folder: where a self-supervised net is kept; needed to train one.
      data_name: name of the data, for cards.
      judge: take the second architecture of the bundled nets, and another seed of the others, so that a net that
        took part in a search does not judge its outcome.
      settings: of the self-supervised net.
      on_progress: called with (steps done, steps in all, loss) while such a net is trained.

    Returns:
      The choice with its reason.

    Raises:
      InputError: an unknown name, images of another shape, ``self-supervised`` without data or folder.
    """
    shape = tuple(shape)
    for what, images in (("data", data), ("samples", samples)):
        if images is not None and (images.shape[1:] != shape or images.dtype != np.uint8):
            raise InputError(what, f"are {images.dtype} of shape {images.shape}", f"give uint8 images of shape {shape}")
    settings = settings or SelfSupervised()
    if judge:
        settings = dataclasses.replace(settings, seed=settings.seed + 1)
    wanted = "auto" if name is None else str(name)
    if wanted == "self-supervised" or (wanted == "auto" and data is not None and folder is not None):
        if data is None or folder is None:
            missing = "data" if data is None else "folder"
            raise InputError(missing, "is missing", "a self-supervised net needs images and a folder to keep it in")
    if wanted not in ("auto", "random", "self-supervised"):
        return FeatureChoice(load_features(wanted), "named", f"{wanted} judges, as asked for")

    evidence, fits = "", ()
    if wanted == "auto":
        images, bound, what = (data, DATA_FIT, "data") if data is not None else (samples, SAMPLE_FIT, "samples")
        few = None if images is None else images[_some(len(images))]
        fits = _fits(shape, few, "b" if judge else "a")
        if fits and fits[0].rho <= bound:
            said = "" if data is not None else "; samples are weaker evidence than data"
            reason = (
                f"{fits[0].net} judges: its own images and the {what} agree ({fits[0].rho:.2g} of its variance{said})"
            )
            return FeatureChoice(load_features(fits[0].net), "bundled", reason, fits)
        evidence = "neither data nor samples were given to tell whether a bundled net fits"
        if images is not None:
            evidence = _evidence(fits, bound, shape, what, len(images))

    enough = data is not None and folder is not None and len(data) >= settings.batch
    if wanted == "self-supervised" or (wanted == "auto" and enough):
        assert data is not None and folder is not None
        net = self_supervised_features(data, folder, settings, name=data_name, on_progress=on_progress)
        why = f"as asked for, trained on {len(data)} images without labels"
        if wanted == "auto":
            why = f"trained on {len(data)} images without labels, since {evidence}"
        return FeatureChoice(net, "self-supervised", f"{net.name} judges: {why}", fits)
    net = random_features(shape, seed=1 if judge else 0)
    why = "as asked for" if wanted == "random" else f"since {evidence} and there are no data to train a net on"
    return FeatureChoice(net, "random", f"{net.name} warns and cannot decide: features without training, {why}", fits)


def _some(n: int) -> np.ndarray:
    """Rows of at most ``MOST`` images, drawn, since a file's head need not be like its rest."""
    return np.sort(np.random.default_rng(0).permutation(n)[:MOST])
