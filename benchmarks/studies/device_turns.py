r"""Contestants that take turns, what their times say, and a report that is on disk after every part.

With the times :math:`t_{ij}` of contestant i in turn j, a contestant is summarised by the median, the least and the
largest of :math:`t_{ij}`, and a ratio by those of :math:`t_{ij} / t_{kj}`: both times of a ratio belong to one turn, so
that a drifting clock cancels.
"""

from __future__ import annotations

import dataclasses
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairs.io.reports import write_json

__all__ = ["Report", "ratios", "rotated", "share", "spread", "steps_that_fit", "take_turns", "words"]

LEAST_TURNS, MOST_TURNS = 5, 15
"""Turns of every contestant that are wanted, and at which it is enough."""


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """The order of one turn: another contestant begins each time.

    Example:
      >>> rotated(["a", "b", "c"], 4)
      ['b', 'c', 'a']
    """
    first = turn % len(names) if names else 0
    return [*names[first:], *names[:first]]


def take_turns(
    jobs: Mapping[str, Callable[[], Any]],
    until: float,
    turns: int = MOST_TURNS,
    rest: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every job in each complete turn.

    Args:
      jobs: What is timed; each has run before, so that nothing is compiled here.
      until: The clock's time after which no turn begins that cannot end before it.
      turns: Turns at most.
      rest: Pause before each job; thread pools spin for a while after their last call.
      clock: Seconds.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    longest = 0.0
    for turn in range(turns):
        began = clock()
        if turn and began + longest > until:
            break
        for name in rotated(list(jobs), turn):
            time.sleep(rest)
            start = clock()
            jobs[name]()
            times[name].append(clock() - start)
        longest = max(longest, clock() - began)
    return times


def spread(values: Sequence[float], factor: float = 1.0) -> dict[str, Any]:
    """Median, least and largest of some numbers times ``factor``, and how many there are.

    Example:
      >>> spread([1.0, 4.0, 2.0], 10)
      {'median': 20.0, 'least': 10.0, 'largest': 40.0, 'turns': 3}
    """
    scaled = [factor * v for v in values]
    return {
        "median": statistics.median(scaled),
        "least": min(scaled),
        "largest": max(scaled),
        "turns": len(scaled),
    }


def ratios(times: Mapping[str, Sequence[float]], first: str) -> dict[str, Any]:
    """The time of ``first`` over that of every other contestant, turn by turn.

    Example:
      >>> ratios({"a": [1.0, 2.0, 3.0], "b": [2.0, 2.0, 2.0]}, "a")["a / b"]["median"]
      1.0
    """
    rows = {k: [a / b for a, b in zip(times[first], t, strict=True)] for k, t in times.items() if k != first}
    return {f"{first} / {name}": spread(row) for name, row in rows.items()}


def steps_that_fit(seconds_per_step: float, contestants: int, seconds: float, most: int) -> int:
    """Steps of one job, so that ``LEAST_TURNS`` turns of all contestants fit; 0 where not even one step does.

    Example:
      >>> steps_that_fit(0.1, 4, 10.0, 16), steps_that_fit(1.0, 4, 10.0, 16)
      (5, 0)
    """
    return min(most, int(seconds / (LEAST_TURNS * max(contestants, 1) * max(seconds_per_step, 1e-9))))


def share(flops: float | None, seconds: float, peak: float | None) -> dict[str, dict[str, float | None]]:
    """The rate of operations as written, and that rate in per cent of the peak.

    A count of the compiled program has no share: it lacks the calls of libraries, on an accelerator nearly all.

    Args:
      flops: Operations of one gradient of a batch, None where unknown.
      seconds: Time of a step of the chain.
      peak: Operations per second of the matrix product, None where unknown.

    Example:
      >>> share(3e9, 1e-3, 4e12)
      {'flop_per_s': {'as written': 3000000000000.0}, 'percent_of_matrix_peak': {'as written': 75.0}}
    """
    rate = flops / seconds if flops else None
    percent = 100 * rate / peak if rate and peak else None
    return {"flop_per_s": {"as written": rate}, "percent_of_matrix_peak": {"as written": percent}}


def words(error: BaseException) -> str:
    """The kind of an error and the first line of its text.

    Example:
      >>> words(ValueError("too large" + chr(10) + "more"))
      'ValueError: too large'
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


@dataclasses.dataclass
class Report:
    """What is known so far. Every change is written at once, so that an end from outside loses one part at most.

    Attributes:
      path: JSON file.
      head: What does not change: versions, device, seeds.
      parts: What was measured.
      not_measured: Names of parts and why.
      pending: Names of parts that are neither finished nor given up, the one being measured first.
    """

    path: Path
    head: dict[str, Any]
    parts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    not_measured: list[dict[str, str]] = dataclasses.field(default_factory=list)
    pending: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.perf_counter()
        self.lock = threading.RLock()

    def add(self, part: Mapping[str, Any]) -> None:
        """Keep a part that is finished."""
        with self.lock:
            self.pending = [p for p in self.pending if p != part["part"]]
            self.parts.append(dict(part))
            self.write()

    def skip(self, part: str, why: str) -> None:
        """Say that a part, or a contestant of one, was not measured."""
        with self.lock:
            self.pending = [p for p in self.pending if p != part]
            self.not_measured.append({"part": part, "why": why})
            self.write()

    def give_up(self, why: str) -> None:
        """Say that nothing that is pending was measured."""
        with self.lock:
            for part in list(self.pending):
                self.skip(part, why)

    def write(self) -> None:
        """The file, whole or not at all."""
        seconds = time.perf_counter() - self.began
        body = {**self.head, "seconds": seconds, "parts": self.parts, "not_measured": self.not_measured}
        write_json(self.path, body)
