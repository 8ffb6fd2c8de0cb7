r"""How near a flow comes to the chain that it stands for, by samples of the chain that it did not learn from.

The energy distance of two sets of samples,

.. math:: d(X, Y) = 2\,\mathbb{E}|x - y| - \mathbb{E}|x - x'| - \mathbb{E}|y - y'|,

without the pairs of a sample with itself, is zero in the mean where both have one law and needs no feature net. The
nearness of a flow to its chain is :math:`1 - d(\text{flow}, \text{chain}) / d(\text{generator}, \text{chain})`. Where
the chain moves so little that the denominator is no more than its noise, there is none.

The noise is that of two sets of one law. With H the matrix of all distances within and between n and m samples, its
rows and columns centred, and the labels of the samples dealt out anew, the distance has the standard error

.. math:: \sigma = \frac{1}{n m} \sqrt{2 \sum_{i \ne j} H_{ij}^2}.

References:
  Szekely and Rizzo, Energy statistics, Journal of Statistical Planning and Inference 143 (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair, Record
from pairs.flows.couplings import Flow

from ..critics.scores import generate_set, scores_of
from ..langevin.settings import Langevin
from ..langevin.starts import draw_latents, labels_for
from .amortised_pair import flow_of
from .chain_pool import ChainPool, chain_pool
from .objective import ChartLaw, chart_law, check_law, log_weights
from .settings import Amortise, AmortiseReport

__all__ = ["chance_error", "energy_distance", "judge_amortised", "nearest", "pools"]

JUDGED = 1000
"""Most samples on each side of a judgement."""
MEASURABLE = 5.0
"""Standard errors above which a distance is more than chance: one law exceeds them in 1 of 200 cases at most, about."""


def energy_distance(x: ArrayLike, y: ArrayLike) -> float:
    """The distance above, of rows ``(n, ...)`` and ``(m, ...)``; it may fall below 0 by chance.

    Example:
      >>> energy_distance([[0.0], [0.0]], [[3.0], [3.0]])
      6.0
    """
    a, b = _rows(x), _rows(y)
    n, m = len(a), len(b)
    within = _distances(a, a).sum() / (n * (n - 1)) + _distances(b, b).sum() / (m * (m - 1))
    return float(2 * _distances(a, b).mean() - within)


def chance_error(x: ArrayLike, y: ArrayLike) -> float:
    """Standard error of the energy distance of two sets that have one law; larger where they have not."""
    a, b = _rows(x), _rows(y)
    both = np.concatenate([a, b])
    h = _distances(both, both)
    h += h.mean() - h.mean(0) - h.mean(1)[:, None]
    np.fill_diagonal(h, 0.0)
    return float(np.sqrt(2 * (h**2).sum()) / (len(a) * len(b)))


def _rows(x: ArrayLike) -> np.ndarray:
    a = np.asarray(x, np.float64)
    return a.reshape(len(a), -1)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    if a is b:
        np.fill_diagonal(square, 0.0)
    return np.sqrt(np.maximum(square, 0))


def pools(
    pair: Pair,
    chain: Langevin,
    key: Array,
    settings: Amortise,
    acceptance: float = 1.0,
    *,
    batch: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[ChainPool | None, ChainPool | None]:
    """Samples of the chain to learn from, None where none are learned; and further ones to judge by.

    The second is None where the chain makes no steps.
    """
    if chain.steps == 0:
        return None, None
    learns = max(settings.trials(check_law(pair, chain) is None)) > 0
    learned, judged = settings.pool if learns else 0, min(settings.pool, JUDGED)
    first = None
    total = (learned + judged) * chain.steps

    tell = on_progress or (lambda done, total: None)

    def note(offset: int) -> Callable[[int, int], None]:
        return lambda done, _: tell(offset + done, total)

    if learns:
        first = chain_pool(pair, chain, key, learned, acceptance, batch=batch, on_progress=note(0))
    second = chain_pool(
        pair,
        chain,
        key,
        judged,
        acceptance,
        first_index=settings.pool,
        batch=batch,
        on_progress=note(learned * chain.steps),
    )
    return first, second


def judge_amortised(
    pair: Pair,
    made: Pair,
    chain: Langevin,
    settings: Amortise,
    further: ChainPool | None,
    key: Array,
    history: dict[str, list[float]],
) -> AmortiseReport:
    """The report of an amortised pair, from fresh samples; its evaluations are those of the training alone.

    Args:
      pair: The pair before.
      made: The pair with the flow.
      chain: The chain.
      settings: Settings of the training.
      further: Samples of the chain that the flow did not learn from; None where the chain makes no steps.
      key: Typed key of the fresh samples.
      history: Losses by name.
    """
    n = JUDGED if further is None else len(further.samples)
    labels = labels_for(made, n) if further is None else further.labels
    x = generate_set(made, key, n, labels)[1]
    plain = generate_set(pair, key, n, labels)[1]
    nearness = distance = far = noise = None
    if further is not None and n > 1:
        distance, far = energy_distance(x, further.samples), energy_distance(plain, further.samples)
        noise = chance_error(plain, further.samples)
        if far > MEASURABLE * noise:
            nearness = 1 - distance / far
    lawful = check_law(pair, chain) is None
    return AmortiseReport(
        settings=Record(vars(settings)).to_dict(),
        chain=Record(chain.to_dict()).to_dict(),
        nearness=nearness,
        energy_distance=distance,
        energy_distance_before=far,
        energy_distance_error=noise,
        effective_share=_effective_share(pair, made, chain, key, n, labels) if lawful else None,
        score_before=float(np.mean(scores_of(pair, plain, labels))),
        score_after=float(np.mean(scores_of(made, x, labels))),
        score_of_chain=None if further is None else further.score,
        evaluations=settings.steps * settings.batch if settings.trials(lawful)[0] < 1 else 0,
        seconds=0.0,
        tried={},
        history=history,
    )


def nearest(
    trials: dict[float, tuple[Pair, AmortiseReport]], seconds: float, drawn: Iterable[ChainPool | None]
) -> tuple[Pair, AmortiseReport]:
    """The trial that is nearest to the chain, and its report with what all of them found and cost.

    Args:
      trials: Pair and report by weight of the chain's samples; without samples of the chain there is but one.
      seconds: Duration of all of them.
      drawn: Samples of the chain that were drawn for them.
    """
    far = {weight: np.inf if r.energy_distance is None else r.energy_distance for weight, (_, r) in trials.items()}
    pair, report = trials[min(trials, key=lambda weight: far[weight])]
    tried = {f"{weight:g}": r.nearness for weight, (_, r) in trials.items()}
    spent = sum(r.evaluations for _, r in trials.values()) + sum(v.evaluations for v in drawn if v is not None)
    return pair, report._replace(tried=tried, seconds=seconds, evaluations=spent)


def _effective_share(pair: Pair, made: Pair, chain: Langevin, key: Array, n: int, labels: Array | None) -> float:
    law = chart_law(pair, made.prior, chain).labelled(None if labels is None else jnp.asarray(labels))
    u = draw_latents(made.prior, key, jnp.arange(n), labels)
    flow, params, _ = flow_of(made)
    values = np.asarray(_values(law, flow, params, u), np.float64)
    w = np.exp(values - values.max())
    return float(w.sum() ** 2 / (len(w) * (w**2).sum()))


def _weights(law: ChartLaw, flow: Flow, params: Any, u: Array) -> Array:
    return log_weights(law, flow, params, u)[0]


_values = jax.jit(_weights, static_argnums=1)
