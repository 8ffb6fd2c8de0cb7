"""What tuning chooses among, and how a choice is run: a critic, an optional selection, and a chain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.arguments import checked_key
from pairs.checks import check_number

from ..critics.scores import generate_set, scores_of
from ..langevin.chain import refine
from ..langevin.result import Result
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of
from ..selection import obrs

__all__ = ["Choice", "run_choice"]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One way to refine.

    Attributes:
      critic: Name of the critic variant, a key of the pairs that tuning was given.
      chain: Chain; its ``steps`` are the most that it may take, and tuning finds the best number.
      acceptance: Acceptance budget of OBRS before the chain, in (0, 1]: the share of the generator's samples that is
        kept. 1 means no selection; a smaller share needs a calibrated critic.

    Raises:
      InputError: The acceptance is not in (0, 1].
    """

    critic: str
    chain: Langevin
    acceptance: float = 1.0

    def __post_init__(self) -> None:
        """Refuse an acceptance out of range."""
        check_number("acceptance", self.acceptance, above=0.0, at_most=1.0)

    @property
    def label(self) -> str:
        """One line for tables."""
        c = self.chain
        chain = f"{c.space} {c.preset}, eta {c.step_size:g}, scale {c.critic_scale:g}, T {c.temperature:.3g}"
        select = "" if self.acceptance == 1 else f"OBRS {self.acceptance:g}"
        return ", ".join(p for p in (f"{self.critic} critic", select, chain if c.steps else "") if p)

    def to_dict(self) -> dict[str, Any]:
        """Return the choice in JSON form; the key of ``acceptance`` in stored files is ``budget``."""
        return {"critic": self.critic, "budget": self.acceptance, "chain": self.chain.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Choice:
        """Make a choice from its JSON form, the inverse of :meth:`to_dict`.

        Args:
          values: JSON form, of this version or an earlier one.

        Returns:
          The choice.

        Raises:
          InputError: A value is out of range.
          KeyError: A value is missing.
        """
        return cls(values["critic"], Langevin.from_dict(values["chain"]), float(values["budget"]))


def run_choice(
    pair: Pair,
    choice: Choice,
    key: Array,
    n: int,
    *,
    batch: int = 64,
    first_index: int = 0,
    labels: ArrayLike | None = None,
    snapshots: tuple[int, ...] = (),
    pilot: int = 4096,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Refine ``n`` samples as a choice says.

    With selection, the chains start from the selected latents. ``before`` of the result is in either case what the
    generator alone gives for this key, and ``start_score`` its score.

    Args:
      pair: Pair with the critic that the choice names.
      choice: Choice to run.
      key: Typed key.
      n: Number of samples.
      batch: Chains that are moved together.
      first_index: Number of the first sample.
      labels: Classes ``(n,)`` of a conditional pair; all classes in turn if None.
      snapshots: Step counts after which the samples are stored.
      pilot: Candidates that set the constant of a selection.
      on_progress: Function that is called as by :func:`dcd.refine`.

    Returns:
      The result of the chain.

    Raises:
      InputError: The choice does not fit the pair.
    """
    key = checked_key(key, pair=pair, labels=labels)
    latents, own = None, labels_of(pair, np.arange(n) + first_index) if labels is None else labels
    if choice.acceptance < 1:
        chosen = obrs(pair, n, key, budget=choice.acceptance, pilot=pilot, labels=labels, first_index=first_index)
        latents, labels = chosen.latents, chosen.labels
    result = refine(
        pair,
        choice.chain,
        key,
        n,
        latents=latents,
        labels=labels,
        batch=batch,
        first_index=first_index,
        snapshots=snapshots,
        on_progress=on_progress,
    )
    if latents is None:
        return result
    before = generate_set(pair, key, n, own, first_index=first_index)[1]
    return result._replace(before=before, start_score=scores_of(pair, before, own))
