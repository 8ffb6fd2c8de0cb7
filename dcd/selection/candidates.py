"""Candidates for selection: generator samples, refined first if asked, with their log density ratio.

Output i of a run looks at candidates (i, 0), (i, 1) and so on. Candidate (i, t) is sample number ``t * 2**20 + i`` of
the key, so that it depends on nothing else, and candidate (i, 0) is the sample that :func:`dcd.refine` calls number i.
Labels belong to the output: all of its candidates share one.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.arguments import checked_key
from pairs.arrays import on_device
from pairs.batches import generate
from pairs.checks import check_count

from ..critics.density_ratio import log_ratio, require_ratio
from ..langevin.chain import advance, start
from ..langevin.kernel import LangevinState
from ..langevin.settings import Langevin
from ..langevin.starts import draw_latents, labels_for
from .selected import in_batches

__all__ = ["Candidates", "MOST_CANDIDATES", "MOST_OUTPUTS", "Source", "candidate_ids", "uniforms"]

MOST_OUTPUTS = 2**20
MOST_CANDIDATES = 2**11 - 1  # so that candidate numbers fit 32 bits


class Candidates(NamedTuple):
    """A batch of candidates.

    Attributes:
      latents: ``(batch, *latent)``.
      samples: ``(batch, *sample)``.
      log_ratio: Log density ratios, ``(batch,)``.
    """

    latents: Array
    samples: Array
    log_ratio: np.ndarray


class Source:
    """Draws the candidates of a calibrated pair.

    Attributes:
      pair: The pair.
      key: Typed key of the run.
      n: Number of outputs.
      batch: Candidates per compiled call.
      index: ``(n,)`` global numbers of the outputs.
      labels: ``(n,)`` classes of the outputs of a conditional pair, else None.
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
        """Check what a method was given.

        Args:
          pair: Its critic must be calibrated.
          key: Typed key of the run.
          n: Number of outputs.
          what: Name of the method, for the refusal of an uncalibrated critic.
          first: A chain that each candidate goes through before it is judged. Its law is then no longer the
            generator's, and selection by d is a heuristic that prefers what the critic prefers.
          labels: ``(n,)`` classes of a conditional pair; all in turn by default.
          first_index: Global number of the first output.
          batch: Candidates per compiled call.
          smooth: Whether candidates are judged by the critic's logit even where an isotonic map was fitted on top.

        Raises:
          InputError: An uncalibrated critic, or n, batch or labels that do not fit.
        """
        require_ratio(pair, what)
        check_count("n", n, 1)
        if n + first_index > MOST_OUTPUTS:
            raise InputError("n", f"is {n} from index {first_index}", f"give 1 to {MOST_OUTPUTS} samples in all")
        check_count("batch", batch, 1)
        given = labels_for(pair, n, labels, first_index)
        self.pair, self.key, self.n, self.batch = pair, checked_key(key, pair=pair), n, batch
        self.index = np.arange(n) + first_index
        self.labels = None if given is None else np.asarray(given)
        self._first, self._smooth = first, smooth

    def draw(self, outputs: np.ndarray, attempt: ArrayLike) -> Candidates:
        """One candidate of each of a batch of outputs.

        Args:
          outputs: Row numbers of this run.
          attempt: Number of the candidate, one for all or one per row.

        Returns:
          The candidates, after the first chain if there is one.
        """
        ids = candidate_ids(self.index[outputs], attempt)
        c = None if self.labels is None else on_device(self.labels[outputs])
        z = draw_latents(self.pair.prior, self.key, on_device(ids), c)
        return self.judge(z, ids, c, self.key, self._first)

    def log_ratios(self, outputs: np.ndarray, count: int) -> np.ndarray:
        """Log ratios of candidates 0 to ``count`` - 1 of every output, ``(count, len(outputs))``."""
        return np.stack([self.draw(outputs, t).log_ratio for t in range(count)])

    def ratio(self, score: ArrayLike) -> np.ndarray:
        """Critic's scores as log ratios."""
        return np.asarray(score) if self._smooth else log_ratio(self.pair, score)

    def judge(self, z: Array, ids: np.ndarray, labels: Array | None, key: Array, chain: Langevin | None) -> Candidates:
        """Samples and log ratios of latents, after ``chain``."""
        if chain is None:
            x, score = _generate_and_score(self.pair.generator, self.pair.critic, z, labels)
            return Candidates(z, x, self.ratio(score))
        position = z if chain.space == "latent" else generate(self.pair, z, labels)
        state, x = self._refined(chain, position, ids, labels, key)
        z = state.position if chain.space == "latent" else z
        return Candidates(z, x, self.ratio(state.at.score))

    def pilot(self, size: int, of: int | None = None) -> np.ndarray:
        """Log ratios of ``size`` candidates from a stream of their own.

        Args:
          size: Number of candidates.
          of: The class of all of them; all classes in turn by default.

        Returns:
          ``(size,)``.
        """
        key = jax.random.fold_in(self.key, 0x9107)
        pieces = []
        for low in range(0, size, self.batch):
            rows = np.minimum(np.arange(low, low + self.batch), size - 1)
            c = None
            if self.pair.classes is not None:
                c = jnp.asarray((rows % self.pair.classes if of is None else np.full(self.batch, of)).astype(np.int32))
            z = draw_latents(self.pair.prior, key, on_device(rows), c)
            pieces.append(self.judge(z, rows, c, key, self._first).log_ratio)
        return np.concatenate(pieces)[:size]

    def finish(self, samples: np.ndarray, latents: np.ndarray, then: Langevin | None) -> np.ndarray:
        """The samples after a final chain.

        Args:
          samples: ``(n, *sample)``, where a chain in pixel space starts.
          latents: ``(n, *latent)``, where a chain in latent space starts.
          then: The chain, None for none.

        Returns:
          ``(n, *sample)``.

        Raises:
          InputError: A chain in latent space after one in pixel space.
        """
        if then is None:
            return samples
        if then.space == "latent" and self._first is not None and self._first.space == "pixel":
            raise InputError("then", "moves latents after a chain in pixel space", "use the same space for both")
        key, chain = jax.random.fold_in(self.key, 0x7E4), then

        position = latents if then.space == "latent" else samples

        def refined(rows: np.ndarray, keep: int) -> tuple[Array]:
            c = None if self.labels is None else on_device(self.labels[rows])
            return (self._refined(chain, on_device(position[rows]), self.index[rows], c, key)[1],)

        return next(in_batches(refined, self.n, self.batch))

    def _refined(
        self, chain: Langevin, position: Array, ids: ArrayLike, labels: Array | None, key: Array
    ) -> tuple[LangevinState, Array]:
        """The states at the end of ``chain``, and the samples they stand for."""
        state = start(self.pair, chain, position, ids, labels)
        state, _ = advance(self.pair, chain, key, state, labels=labels)
        in_pixels = chain.space == "pixel"
        return state, state.position if in_pixels else generate(self.pair, state.position, labels)


def candidate_ids(index: np.ndarray, attempt: ArrayLike) -> np.ndarray:
    """The sample number of candidate ``attempt`` of output ``index``."""
    return (np.asarray(attempt, np.int64) * MOST_OUTPUTS + np.asarray(index)).astype(np.int32)


def uniforms(key: Array, ids: np.ndarray, purpose: int = 0x0E5) -> np.ndarray:
    """One uniform number per candidate number, ``(k,)``; ``purpose`` names the stream."""
    return np.asarray(_uniforms(jax.random.fold_in(key, purpose), on_device(ids)))


@jax.jit
def _uniforms(key: Array, ids: Array) -> Array:
    return jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(key, i)))(ids)


@jax.jit
def _generate_and_score(generator: Net, critic: Net, z: Array, labels: Array | None) -> tuple[Array, Array]:
    given = () if labels is None else (labels,)
    x = generator(z, *given)
    return x, critic(x, *given)
