r"""Which candidate is nearest to the data.

Samples and data are compared without a feature net, by projections on K directions :math:`w_k` of length one, each
drawn from a normal law on a random window of the image, from one pixel to all of it:

.. math:: d(x, y) = \frac1K \sum_k \frac1n \sum_i
   \big| \langle w_k, x\rangle_{(i)} - \langle w_k, y\rangle_{(i)} \big|

with (i) for the i-th smallest of n. Small windows see the law of a pixel, which tells the last activation and the
range; large ones see means and covariances, which tell what comes before. All candidates are computed from the same
latents and directions, so that small differences count.

References:
  Sliced Wasserstein distance: Wasserstein Barycenter and its Application to Texture Mixing, Rabin et al. 2011.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["Answer", "Question", "directions", "projected_distance", "rank"]

_SWEEPS = 4


@dataclasses.dataclass(frozen=True)
class Question:
    """Something that shapes leave open.

    Attributes:
      name: What is asked for.
      options: The candidates in words, the conventional one first.
      better: A candidate replaces the conventional one where its cost is below this share of it.
    """

    name: str
    options: tuple[str, ...]
    better: float = 0.9


@dataclasses.dataclass(frozen=True)
class Answer:
    """The candidates of a question with their figures.

    Attributes:
      question: What was asked for.
      measure: What the figures are: ``distance``, smaller is better, or ``AUC``, larger is better.
      ranking: Candidates and figures, the best first, everything else as it was taken.
      taken: The candidate that was taken.
      decided: The figures tell it from all others; where they do not, convention chose among the near ones.
    """

    question: str
    measure: str
    ranking: tuple[tuple[str, float], ...]
    taken: str
    decided: bool

    def __str__(self) -> str:
        figures = ", ".join(f"{words} {figure:.4f}" for words, figure in self.ranking)
        return f"{self.question}: {self.taken} ({self.measure} {figures})"


def directions(shape: Sequence[int], n: int = 256, seed: int = 0) -> np.ndarray:
    """Directions on random windows, ``(n, numbers of a sample)``.

    Args:
      shape: Of a sample in PyTorch's order, ``(C, H, W)``.
      n: Number of directions.
      seed: Decides the directions.
    """
    draw = np.random.default_rng(seed)
    found = np.zeros((n, *shape), np.float32)
    for row in found:
        place: list[slice] = [slice(None)]
        for side in shape[1:]:
            width = min(side, int(np.exp(draw.uniform(0, np.log(side + 1)))))
            low = draw.integers(0, side - width + 1)
            place.append(slice(low, low + width))
        window = row[tuple(place)]
        window[...] = draw.standard_normal(window.shape)
        row /= np.linalg.norm(row)
    return found.reshape(n, -1)


def projected_distance(x: np.ndarray, y: np.ndarray, onto: np.ndarray) -> float:
    """The formula above for equally many rows of both sets.

    Args:
      x: Rows of one set, any shape.
      y: Rows of the other.
      onto: Directions.

    Example:
      >>> projected_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [5.0]]), np.ones((1, 1)))
      3.0
    """
    a, b = (np.sort(onto @ rows.reshape(len(rows), -1).T, axis=1) for rows in (x, y))
    return float(np.mean(np.abs(a - b), dtype=np.float64))


def rank(
    questions: Sequence[Question],
    cost: Callable[[Mapping[str, int]], float],
    measure: str = "distance",
    figure: Callable[[float], float] = lambda cost: cost,
) -> tuple[dict[str, int], list[Answer]]:
    """Answer one question after the other with the others held, until no answer changes.

    Args:
      questions: What is open.
      cost: Of a candidate for each question by number, smaller is better.
      measure: What the figures are.
      figure: The figure that is shown for a cost.

    Returns:
      The number of the candidate taken for each question, and the answers.
    """
    known: dict[tuple[int, ...], float] = {}

    def at(choice: Mapping[str, int]) -> float:
        key = tuple(choice[q.name] for q in questions)
        if key not in known:
            known[key] = cost(choice)
        return known[key]

    choice = {q.name: 0 for q in questions}
    for _ in range(_SWEEPS):
        before = dict(choice)
        for question in questions:
            costs = [at({**choice, question.name: i}) for i in range(len(question.options))]
            best = int(np.argmin(costs))
            choice[question.name] = best if costs[best] < question.better * costs[0] else 0
        if choice == before:
            break
    answers = []
    for question in questions:
        costs = [at({**choice, question.name: i}) for i in range(len(question.options))]
        order = sorted(range(len(costs)), key=lambda i, costs=costs: costs[i])
        taken = choice[question.name]
        rivals = [c for i, c in enumerate(costs) if i != taken]
        decided = costs[taken] < question.better * min(rivals, default=float("inf"))
        ranking = tuple((question.options[i], figure(costs[i])) for i in order)
        answers.append(Answer(question.name, measure, ranking, question.options[taken], decided))
    return choice, answers
