r"""Signs that a figure means something else than it seems: collapse, repetition, memory, dead critics, partial judges.

Spread. The real rows are cut into cells by k-means, and with :math:`p_c` the share of a set in cell c,

.. math:: \text{spread} = \frac{\exp H(p)}{\exp H(p^{real})}, \qquad H(p) = -\sum_c p_c \log p_c,

compares how many cells the set fills with how many other real rows fill: about 1 for real data, about the share of
the classes that are left for a collapsed generator. (Shares of cells: arXiv 1805.12462.)

Repetition. The share of rows whose nearest other row is nearer than a twentieth of the median distance between nearest
real rows. Repeated rows are not independent, so no interval holds for them.

Memory. With the 1 % quantile q of the distances from held-out real rows to their nearest training row, the share of
rows that are nearer than q to a training row: 1 % if the rows were new real data. (Distances to training data as a
test: arXiv 2004.05675.)
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

__all__ = ["Fault", "FaultName", "dead_critic", "memory", "own_judge", "repetition", "row_faults", "spread"]

FaultName = Literal["collapsed", "repeating", "memorising", "dead critic", "own judge"]

LEAST_SPREAD = 1 / 3
MOST_REPEATED = 0.05
MOST_MEMORISED = 0.5

_CAP = 2000  # rows that a distance matrix is made of
_CELLS = 32


class Fault(NamedTuple):
    """One warning.

    Attributes:
      name: what it is, in a word or two.
      words: a sentence with the figure and its limit.
      blocks: whether a gain is withheld on this ground.
    """

    name: FaultName
    words: str
    blocks: bool


def _squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T, 0)


def _nearest(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Distance of each row of ``x`` to its nearest row of ``y``, or to its nearest other row."""
    squared = _squared(x, x if y is None else y)
    if y is None:
        np.fill_diagonal(squared, np.inf)
    return np.sqrt(squared.min(1))


def _cells(rows: np.ndarray, count: int, rounds: int = 10) -> np.ndarray:
    """Centres by k-means from evenly spaced rows."""
    centres = rows[np.linspace(0, len(rows) - 1, count).astype(int)]
    for _ in range(rounds):
        own = _squared(rows, centres).argmin(1)
        centres = np.stack([rows[own == c].mean(0) if np.any(own == c) else centres[c] for c in range(count)])
    return centres


def _filled(rows: np.ndarray, centres: np.ndarray) -> float:
    share = np.bincount(_squared(rows, centres).argmin(1), minlength=len(centres)) / len(rows)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def spread(rows: np.ndarray, real: np.ndarray) -> float:
    """Cells that ``rows`` fill, relative to real rows.

    Args:
      rows: feature rows ``(n, d)``.
      real: real rows ``(m, d)`` in random order; one half makes the cells, the other is compared with.

    Returns:
      About 1 where the rows are spread as the real ones are, towards 1 / 32 where all lie in one place.
    """
    half = len(real) // 2
    centres = _cells(real[:half], min(_CELLS, half))
    return _filled(rows, centres) / _filled(real[half:], centres)


def repetition(rows: np.ndarray, real: np.ndarray) -> float:
    """Share of rows (of at most 2,000) that have another row as good as on top of them."""
    typical = float(np.median(_nearest(real[:_CAP])))
    return float(np.mean(_nearest(rows[:_CAP]) < typical / 20))


def memory(rows: np.ndarray, train: np.ndarray, held: np.ndarray) -> float:
    """Share of rows (of at most 2,000) that lie nearer to training data than 99 % of held-out real rows do.

    Args:
      rows: feature rows of samples.
      train: rows of data that the generator was trained on.
      held: rows of real data that it was not trained on.
    """
    limit = float(np.quantile(_nearest(held[:_CAP], train), 0.01))
    return float(np.mean(_nearest(rows[:_CAP], train) < limit))


def row_faults(after: np.ndarray, real: np.ndarray, train: np.ndarray | None = None) -> tuple[Fault, ...]:
    """What the rows of refined samples show: a collapse, repetition and, given training rows, memory.

    Args:
      after: rows of refined samples.
      real: real rows that were not trained on, in random order.
      train: rows of the generator's training data.
    """
    found: list[Fault] = []
    wide, repeated = spread(after, real), repetition(after, real)
    if wide < LEAST_SPREAD:
        words = f"the samples fill {wide:.0%} of the cells that real data fill, below {LEAST_SPREAD:.0%}, as "
        words += "samples of a collapsed generator do, or of one that was made for other data"
        found.append(Fault("collapsed", words, True))
    if repeated > MOST_REPEATED:
        words = f"{repeated:.0%} of the samples repeat another one, above {MOST_REPEATED:.0%}"
        found.append(Fault("repeating", words, True))
    if train is not None and (held := memory(after, train, real)) > MOST_MEMORISED:
        words = f"{held:.0%} of the samples lie nearer to training data than 99 % of unseen real data do"
        found.append(Fault("memorising", words, False))
    return tuple(found)


def dead_critic(scores: np.ndarray) -> Fault | None:
    """A warning where the critic gives all samples, real ones among them, one score.

    Args:
      scores: scores of real and of generated samples together.
    """
    values = np.asarray(scores, np.float64)
    if np.all(np.isfinite(values)) and values.std() > 1e-6 * (1 + np.abs(values).mean()):
        return None
    return Fault(
        "dead critic", f"the critic's scores are constant ({values.flat[0]:.4g}), so it can guide nothing", False
    )


def own_judge(judge: str, guides: tuple[str, ...]) -> Fault | None:
    """A warning where the judge is a feature net that the critic was built on.

    Args:
      judge: digest or name of the judge's feature net.
      guides: digests or names of the nets that the critic sees.
    """
    if judge not in guides:
        return None
    return Fault("own judge", "the critic sees the features that judge it: confirm with another feature net", False)
