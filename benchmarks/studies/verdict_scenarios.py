r"""Cases whose truth is known, made of the feature rows of real runs.

A :class:`Scenario` draws rows ``before``, ``after`` and ``real``; real rows serve either as the reference or inside a
set, never as both in one case. The base is a generator's rows, or the same with 60 % of them replaced by real rows,
which stands for a good generator (Frechet distance 3 to 4 instead of 22 to 26).

* ``null``, the distance does not change: *disjoint* (other latents), *moved* (latents of equal law that depend on the
  first), *balanced* (as many rows replaced by real ones as halve the distance, then all rows shifted across the
  difference of means until the distance is what it was: two laws, one distance).
* ``quarter``: so many rows are replaced by real ones that the distance, which is zero for the real law, falls by a
  quarter. The share follows from the moments of the pools, by bisection.
* ``refined``: the bundled pair as shipped, before and after its tuned chain.
* ``harm``: the distance falls or rises, and no gain may be found. *one class*; *collapsed throughout* (one class
  before; after, a third of the rows are real ones of two classes, so that the distance falls); *few images* (300 real
  images, repeated with a little noise); *shrunk* (real rows drawn towards the mean of their class, by a factor at which
  recall lies at the guard's margin, as far as 300 blocks can tell, whose mean recall is known to about 0.002).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.metrics import frechet_distance, moments, precision_recall
from dcd.tuning.rule import Guard

from .verdict_rows import Pool

__all__ = ["Scenario", "scenarios"]

_REFERENCE = 4000
_GOOD = 0.6
_BLOCK, _BLOCKS = 250, 300  # for the recall of a pool's law, on blocks as the verdict takes it

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


class Scenario(NamedTuple):
    """Cases of one kind.

    Attributes:
      kind: ``"null"``, ``"quarter"``, ``"refined"`` or ``"harm"``.
      name: which of them.
      pool: the generator's name, with "good" where 60 % of its rows are real.
      before: Frechet distance of the base's law.
      after: Frechet distance of the other law; None where it is not known in closed form.
      draw: from a random generator and a number of samples to rows before, after and real.
    """

    kind: str
    name: str
    pool: str
    before: float
    after: float | None
    draw: Callable[[np.random.Generator, int], Rows]


class _Law:
    """Moments of mixtures of a pool's generated and real rows."""

    def __init__(self, pool: Pool):
        g, self.real = moments(pool.base), moments(pool.real)
        self.means, self.covariances = (g.mean, self.real.mean), (g.covariance, self.real.covariance)

    def mean(self, share: float) -> np.ndarray:
        return (1 - share) * self.means[0] + share * self.means[1]

    def distance(self, share: float) -> float:
        """Frechet distance of the mixture with that share of real rows."""
        gap = self.means[0] - self.means[1]
        covariance = (1 - share) * self.covariances[0] + share * self.covariances[1]
        covariance = covariance + share * (1 - share) * np.outer(gap, gap)
        return frechet_distance(self.mean(share), covariance, self.real.mean, self.real.covariance)

    def share_at(self, distance: float) -> float:
        """The share of real rows at which the mixture has that distance."""
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.distance(middle) > distance else (low, middle)
        return (low + high) / 2


def _mixtures(pool: Pool, shares: tuple[float, float], rng: np.random.Generator, n: int) -> Rows:
    """Paired mixtures, the second with the larger share of real rows; the first's real rows are also the second's."""
    order, real = rng.permutation(len(pool.base))[:n], rng.permutation(len(pool.real))
    u, fill = rng.random((n, 1)), pool.real[real[_REFERENCE : _REFERENCE + n]]
    sets = [np.where(u < share, fill, pool.base[order]) for share in shares]
    return sets[0], sets[1], pool.real[real[:_REFERENCE]]


def _nulls(pool: Pool, law: _Law, share: float, label: str) -> list[Scenario]:
    start = law.distance(share)
    half = law.share_at(start / 2)

    def disjoint(rng: np.random.Generator, n: int) -> Rows:
        order, real = rng.permutation(len(pool.base)), rng.permutation(len(pool.real))
        fill = pool.real[real[_REFERENCE : _REFERENCE + 2 * n]]
        rows = np.where(rng.random((2 * n, 1)) < share, fill, pool.base[order[: 2 * n]])
        return rows[:n], rows[n:], pool.real[real[:_REFERENCE]]

    def moved(rng: np.random.Generator, n: int) -> Rows:
        order, real = rng.permutation(len(pool.base))[:n], rng.permutation(len(pool.real))
        u, fill = rng.random((n, 1)), pool.real[real[_REFERENCE : _REFERENCE + n]]
        sets = [np.where(u < share, fill, rows[order]) for rows in (pool.base, pool.moved)]
        return sets[0], sets[1], pool.real[real[:_REFERENCE]]

    def balanced(rng: np.random.Generator, n: int) -> Rows:
        before, after, real = _mixtures(pool, (share, half), rng, n)
        gap, across = law.mean(half) - law.real.mean, rng.normal(size=before.shape[1])
        across -= gap * (across @ gap) / (gap @ gap)
        return before, after + across / np.linalg.norm(across) * np.sqrt(start / 2), real

    cases = (("disjoint", disjoint), ("moved", moved), ("balanced", balanced))
    return [Scenario("null", name, label, start, start, draw) for name, draw in cases]


def _quarter(pool: Pool, law: _Law, share: float, label: str) -> Scenario:
    start = law.distance(share)
    after = law.share_at(0.75 * start)
    return Scenario(
        "quarter", "mixture", label, start, law.distance(after), lambda rng, n: _mixtures(pool, (share, after), rng, n)
    )


def _refined(pool: Pool) -> Scenario:
    reference = moments(pool.real)
    ends = [moments(rows) for rows in (pool.base, pool.refined)]
    values = [frechet_distance(m.mean, m.covariance, reference.mean, reference.covariance) for m in ends]

    def draw(rng: np.random.Generator, n: int) -> Rows:
        order = rng.permutation(len(pool.refined))[:n]
        return pool.base[order], pool.refined[order], pool.real[rng.permutation(len(pool.real))[:_REFERENCE]]

    return Scenario("refined", "shipped settings", pool.name, values[0], values[1], draw)


def _shrunk(pool: Pool, law: _Law, guard: Guard) -> Scenario:
    """Real rows drawn towards the mean of their class until recall lies at the guard's margin."""
    centres = np.stack([pool.real[pool.labels == c].mean(0) for c in range(pool.labels.max() + 1)])[pool.labels]
    shrink = lambda factor, rows: centres[rows] + factor * (pool.real[rows] - centres[rows])
    blocks = [np.split(np.random.default_rng(i).permutation(len(pool.real))[: 2 * _BLOCK], 2) for i in range(_BLOCKS)]
    recall = lambda sets: float(np.mean([precision_recall(pool.real[y], x).recall for (_, y), x in sets]))
    before = recall([(b, pool.base[b[0] % len(pool.base)]) for b in blocks])
    low, high = 0.0, 1.0
    for _ in range(8):
        factor = (low + high) / 2
        after = recall([(b, shrink(factor, b[0])) for b in blocks])
        kept = after > (1 - guard.margin) * before - guard.slack
        low, high = (low, factor) if kept else (factor, high)
    factor = (low + high) / 2
    end = moments(shrink(factor, np.arange(len(pool.real))))

    def draw(rng: np.random.Generator, n: int) -> Rows:
        order, real = rng.permutation(len(pool.base))[:n], rng.permutation(len(pool.real))
        return pool.base[order], shrink(factor, real[_REFERENCE : _REFERENCE + n]), pool.real[real[:_REFERENCE]]

    distance = frechet_distance(end.mean, end.covariance, law.real.mean, law.real.covariance)
    return Scenario("harm", "shrunk", pool.name, law.distance(0.0), distance, draw)


def _harms(pool: Pool, law: _Law) -> list[Scenario]:
    count = int(pool.labels.max()) + 1
    centres = np.stack([pool.real[pool.labels == c].mean(0) for c in range(count)])
    nearest = ((pool.base[:, None] - centres) ** 2).sum(2).argmin(1)
    common = int(np.bincount(nearest).argmax())

    def one_class(rng: np.random.Generator, n: int) -> Rows:
        real = rng.permutation(len(pool.real))
        rest = real[_REFERENCE:]
        chosen = rng.choice(rest[pool.labels[rest] == rng.integers(count)], n)
        return pool.base[rng.permutation(len(pool.base))[:n]], pool.real[chosen], pool.real[real[:_REFERENCE]]

    def throughout(rng: np.random.Generator, n: int) -> Rows:
        real = rng.permutation(len(pool.real))
        rest = real[_REFERENCE:]
        before = pool.base[rng.choice(np.flatnonzero(nearest == common), n)]
        other = (common + rng.integers(1, count)) % count
        fill = pool.real[rng.choice(rest[np.isin(pool.labels[rest], [common, int(other)])], n)]
        return before, np.where(rng.random((n, 1)) < 1 / 3, fill, before), pool.real[real[:_REFERENCE]]

    def few(rng: np.random.Generator, n: int) -> Rows:
        real = rng.permutation(len(pool.real))
        after = pool.real[rng.choice(real[_REFERENCE : _REFERENCE + 300], n)]
        after = after + rng.normal(size=after.shape) * 1e-3 * pool.real.std()
        return pool.base[rng.permutation(len(pool.base))[:n]], after, pool.real[real[:_REFERENCE]]

    cases = (("one class", one_class), ("collapsed throughout", throughout), ("few images", few))
    return [Scenario("harm", name, pool.name, law.distance(0.0), None, draw) for name, draw in cases]


def scenarios(pools: list[Pool], recall: Guard) -> list[Scenario]:
    """All scenarios of the pools; ``recall`` is the guard at whose margin the shrunk rows lie."""
    found: list[Scenario] = []
    for pool in pools:
        law = _Law(pool)
        for share, label in ((0.0, pool.name), (_GOOD, f"{pool.name}, good")):
            found += [*_nulls(pool, law, share, label), _quarter(pool, law, share, label)]
        if len(pool.refined):
            found.append(_refined(pool))
        found += [_shrunk(pool, law, recall), *_harms(pool, law)]
    return found
