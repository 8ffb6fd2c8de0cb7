r"""Candidates for selection: generator samples, refined first if asked, with their log density ratio.

Output i of a run looks at candidates (i, 0), (i, 1), ... Candidate (i, t) is sample number
``t * 2**20 + i`` of the key, so it depends on nothing else, and candidate (i, 0) is the sample that
:func:`dcd.refine` calls number i. Labels belong to the output: all its candidates share one.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair, Record

from ..critics.density_ratio import log_ratio, require_ratio
from ..langevin.chain import advance, start
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of, latents_of

__all__ = ["Selection", "Candidates", "Source", "uniforms", "MOST_OUTPUTS", "MOST_CANDIDATES"]

MOST_OUTPUTS = 2**20
MOST_CANDIDATES = 2**11 - 1  # so that candidate numbers fit 32 bits


class Selection(NamedTuple):
    """Selected samples. Arrays are numpy, leading axis n."""

    samples: np.ndarray
    """``(n, *sample)``, after the final chain if there was one."""
    latents: np.ndarray
    """Latent of each sample; where a chain in pixel space refined it, the latent it began with."""
    labels: np.ndarray | None
    log_ratio: np.ndarray
    """Log density ratio at selection, before a final chain."""
    start_log_ratio: np.ndarray
    """The same of candidate 0: what the output would have been without selection."""
    candidate: np.ndarray
    """Which candidate was taken, -1 where the sample is no candidate as drawn (Ex2)."""
    tried: np.ndarray
    """Candidates each output needed."""
    exhausted: np.ndarray
    """True where no candidate was accepted and the last one stands in (rejection: attempts ran out; MH-GAN: never
    left its start)."""
    acceptance: float
    """Mean acceptance probability over all candidates that were decided on."""
    settings: dict[str, float]
    """Constants estimated or given, for reports."""


class Candidates(NamedTuple):
    latents: Array
    samples: Array
    log_ratio: np.ndarray


class Source:
    """Draws candidates of a calibrated pair.

    Args:
      what: the method's name, for the refusal of an uncalibrated critic.
      first: a chain each candidate goes through before it is judged. Its law is then no longer the
        generator's, and selection by d is a heuristic that prefers what the critic prefers.
      smooth: judge by the critic's logit even where an isotonic map was fitted on top.

    Raises:
      InputError: uncalibrated critic, n or labels that do not fit.
    """

    def __init__(
        self,
        pair: Pair,
        key: Array,
        n: int,
        what: str,
        *,
        first: Langevin | None = None,
        labels: ArrayLike | None = None,
        first_index: int = 0,
        batch: int = 256,
        smooth: bool = False,
    ) -> None:
        require_ratio(pair, what)
        if isinstance(n, bool) or not isinstance(n, int) or n < 1 or n + first_index > MOST_OUTPUTS:
            raise InputError("n", f"is {n!r} from index {first_index}", f"give 1 to {MOST_OUTPUTS} samples in all")
        if batch < 1:
            raise InputError("batch", f"is {batch}", "give at least 1")
        if labels is not None and pair.classes is None:
            raise InputError("labels", "are given for an unconditional pair", "leave them out")
        self.pair, self.key, self.n, self.first, self.batch = pair, key, n, first, batch
        self.smooth = smooth
        self.bare = pair.replace(record=Record())  # provenance is no reason to compile anew
        self.index = np.arange(n) + first_index
        given = labels_of(pair, self.index) if labels is None else np.asarray(labels)
        self.labels = None if given is None else np.asarray(given)
        if self.labels is not None and pair.classes is not None:
            c = self.labels
            if c.shape != (n,) or c.dtype.kind not in "iu" or c.min() < 0 or c.max() >= pair.classes:
                raise InputError(
                    "labels", f"have shape {c.shape}", f"give {n} whole numbers from 0 to {pair.classes - 1}"
                )

    def draw(self, outputs: np.ndarray, attempt: ArrayLike) -> Candidates:
        """Candidates ``attempt`` (one number or one per row) of ``outputs`` (row numbers of this run), in one batch."""
        ids = candidate_ids(self.index[outputs], attempt)
        c = None if self.labels is None else jnp.asarray(self.labels[outputs])
        z = _latents(self.bare, self.key, jnp.asarray(ids), c)
        return self.judge(z, ids, c, self.key, self.first)

    def log_ratios(self, outputs: np.ndarray, count: int) -> np.ndarray:
        """Log ratios of candidates 0 to ``count`` - 1 of every output, ``(count, len(outputs))``."""
        return np.stack([self.draw(outputs, t).log_ratio for t in range(count)])

    def ratio(self, score: ArrayLike) -> np.ndarray:
        """Scores as log ratios."""
        return np.asarray(score) if self.smooth else log_ratio(self.pair, score)

    def judge(self, z: Array, ids: np.ndarray, labels: Array | None, key: Array, chain: Langevin | None) -> Candidates:
        """Samples and log ratios of latents, after ``chain``."""
        if chain is None:
            x, score = _generate_and_score(self.bare, z, labels)
            return Candidates(z, x, self.ratio(score))
        position = z if chain.space == "latent" else _generate(self.bare, z, labels)
        state = start(self.bare, chain, position, ids, labels)
        state, _ = advance(self.bare, chain, key, state, labels=labels)
        x = _to_samples(self.bare, state.position, labels, chain.space == "latent")
        z = state.position if chain.space == "latent" else z
        return Candidates(z, x, self.ratio(state.at.score))

    def pilot(self, size: int, of: int | None = None) -> np.ndarray:
        """Log ratios of ``size`` candidates from a stream of their own, of one class or of all in turn."""
        key = jax.random.fold_in(self.key, 0x9107)
        rows = np.arange(size)
        if self.pair.classes is None:
            c = None
        else:
            c = np.full(size, of, np.int32) if of is not None else (rows % self.pair.classes).astype(np.int32)
        pieces = []
        for low in range(0, size, self.batch):
            part = np.minimum(np.arange(low, low + self.batch), size - 1)
            cp = None if c is None else jnp.asarray(c[part])
            z = _latents(self.bare, key, jnp.asarray(part), cp)
            pieces.append(self.judge(z, part, cp, key, self.first).log_ratio)
        return np.concatenate(pieces)[:size]

    def finish(self, samples: np.ndarray, latents: np.ndarray, then: Langevin | None) -> np.ndarray:
        """``samples`` after the chain ``then``, started from them (pixel) or from their latents (latent)."""
        if then is None:
            return samples
        if then.space == "latent" and self.first is not None and self.first.space == "pixel":
            raise InputError("then", "moves latents after a chain in pixel space", "use the same space for both")
        key, out = jax.random.fold_in(self.key, 0x7E4), []
        for low in range(0, self.n, self.batch):
            rows = np.minimum(np.arange(low, low + self.batch), self.n - 1)
            c = None if self.labels is None else jnp.asarray(self.labels[rows])
            position = jnp.asarray((latents if then.space == "latent" else samples)[rows])
            state = start(self.bare, then, position, self.index[rows], c)
            state, _ = advance(self.bare, then, key, state, labels=c)
            out.append(np.asarray(_to_samples(self.bare, state.position, c, then.space == "latent")))
        return np.concatenate(out)[: self.n]


def candidate_ids(index: np.ndarray, attempt: ArrayLike) -> np.ndarray:
    """The sample number of candidate ``attempt`` of output ``index``."""
    return (np.asarray(attempt, np.int64) * MOST_OUTPUTS + np.asarray(index)).astype(np.int32)


def uniforms(key: Array, ids: np.ndarray, purpose: int = 0x0E5) -> np.ndarray:
    """One uniform per candidate number, (k,)."""
    return np.asarray(_uniforms(jax.random.fold_in(key, purpose), jnp.asarray(ids)))


def check_count(field: str, value: int, least: int, most: int = MOST_CANDIDATES) -> None:
    """A whole number in a range, or an InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(field, f"is {value!r}", f"give a whole number from {least} to {most}")


def check_number(field: str, value: float, low: float, high: float = math.inf) -> None:
    """A finite number in (low, high], or an InputError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value <= high:
        raise InputError(
            field, f"is {value!r}", f"give a number above {low:g}" + (f", up to {high:g}" * (high < 1e300))
        )


@jax.jit
def _uniforms(key: Array, ids: Array) -> Array:
    return jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(key, i)))(ids)


_latents = jax.jit(latents_of)


@jax.jit
def _generate(pair: Pair, z: Array, labels: Array | None) -> Array:
    return pair.generate(z, labels)


@jax.jit
def _generate_and_score(pair: Pair, z: Array, labels: Array | None) -> tuple[Array, Array]:
    x = pair.generate(z, labels)
    return x, pair.score(x, labels)


@functools.partial(jax.jit, static_argnames="latent")
def _to_samples(pair: Pair, position: Array, labels: Array | None, latent: bool) -> Array:
    return pair.generate(position, labels) if latent else position
