"""Time of a search: what is left, and what a choice will take by the speed of its critic's gradients so far."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence

from .choices import Choice

__all__ = ["SearchClock"]


class SearchClock:
    """Clock of one search.

    Attributes:
      end: Time at which the search has to end; infinite without a bound.
      seconds: Least seconds of a gradient evaluation seen so far, by critic. Larger times include compilation.
    """

    def __init__(self, minutes: float):
        """Start the clock.

        Args:
          minutes: Most minutes of the search, 0 for no bound.
        """
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf
        self.seconds: dict[str, float] = {}

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.monotonic()

    @contextlib.contextmanager
    def time(self, choice: Choice, n: int) -> Iterator[None]:
        """Time the run of a choice.

        Args:
          choice: Choice that is run inside the context.
          n: Number of samples.

        Yields:
          Nothing.
        """
        began = time.monotonic()
        yield
        if choice.chain.steps:
            each = (time.monotonic() - began) / (n * choice.chain.steps)
            self.seconds[choice.critic] = min(each, self.seconds.get(choice.critic, math.inf))

    def predict(self, choices: Sequence[Choice], n: int) -> float:
        """Predict the duration of runs.

        Args:
          choices: Choices to run.
          n: Number of samples of each.

        Returns:
          Seconds; a critic that was not timed yet counts 0.
        """
        return sum(n * c.chain.steps * self.seconds.get(c.critic, 0.0) for c in choices)
