"""Accept or redraw until every output has a sample: the part that all rejection methods share."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from pairs.arrays import on_device

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Source, candidate_ids, uniforms
from .selected import Selection

__all__ = ["Accept", "reject"]

_gather = jax.jit(lambda arrays, rows: jax.tree.map(lambda v: v[rows], arrays))

Accept = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""From log ratios and labels to acceptance probabilities, all ``(k,)``."""


def reject(
    source: Source, accept: Accept, attempts: int, then: Langevin | None, settings: dict[str, float]
) -> Selection:
    """Give every output the first of its candidates that is accepted.

    Each round draws for the outputs that are still open, several candidates each once few are left, so that batches
    stay full; the candidate that wins does not depend on it.

    Args:
      source: The candidates.
      accept: Acceptance probabilities.
      attempts: Candidates that an output may see; then its last one stands in and is counted in ``exhausted``.
      then: Chain that refines what was selected.
      settings: Constants of the method, for the report.

    Returns:
      The samples with their log ratios.
    """
    n, sample = source.n, source.pair.sample_shape
    samples = np.empty((n, *sample), np.float32)
    latents = np.empty((n, *source.pair.prior.shape), np.float32)
    ratio, first = np.empty(n, np.float32), np.empty(n, np.float32)
    candidate, tried = np.zeros(n, np.int32), np.zeros(n, np.int32)
    exhausted, is_open = np.zeros(n, bool), np.ones(n, bool)
    decided, total = 0, 0.0
    attempts = min(attempts, MOST_CANDIDATES)
    while is_open.any():
        rows = np.flatnonzero(is_open)
        for low in range(0, len(rows), source.batch):
            part = rows[low : low + source.batch]
            each = max(1, source.batch // len(part))
            # row-major: the candidates of one output lie side by side, in order
            outputs = np.repeat(part, each)
            number = np.minimum(tried[outputs] + np.tile(np.arange(each), len(part)), attempts - 1)
            padded = np.resize(np.arange(len(outputs)), source.batch)  # one shape, one program
            batch = source.draw(outputs[padded], number[padded])
            d = batch.log_ratio[: len(outputs)]
            c = None if source.labels is None else source.labels[outputs]
            a = accept(d, c)
            u = uniforms(source.key, candidate_ids(source.index[outputs[padded]], number[padded]))[: len(outputs)]
            yes = (u < a).reshape(len(part), each)
            new = (tried[part][:, None] + np.arange(each)) < attempts
            hit = yes & new
            won = np.asarray(hit.any(1))
            pick = np.where(won, hit.argmax(1), np.maximum(new.sum(1) - 1, 0))
            used = np.arange(each) <= pick[:, None]
            total += float(a.reshape(len(part), each)[used].sum())
            decided += int(used.sum())
            flat = np.arange(len(part)) * each + pick
            fresh = tried[part] == 0
            first[part[fresh]] = d[np.arange(len(part)) * each][fresh]
            tried[part] += (pick + 1).astype(np.int32)
            done = won | (tried[part] >= attempts)
            to, take = part[done], flat[done]
            # gathered on the device, in one shape: most candidates never leave it
            rows_taken = on_device(np.resize(take, source.batch).astype(np.int32))
            taken = _gather((batch.samples, batch.latents), rows_taken)
            samples[to], latents[to] = (np.asarray(v)[: len(take)] for v in taken)
            ratio[to], candidate[to] = d[take], number[take]
            exhausted[to] = ~won[done]
            is_open[to] = False
    samples = source.finish(samples, latents, then)
    return Selection(
        samples, latents, source.labels, ratio, first, candidate, tried, exhausted, total / decided, settings
    )
