r"""Whether refined samples are nearer to real data than the generator's: gain, no gain, or undecided.

One written rule. Samples are drawn until a look decides or the last look has passed. Look k has seen the share
:math:`t_k` of all samples, and with the bounds :math:`b_k(\alpha)` of :func:`dcd.tuning.boundary.spending_bounds` every
statement at that look is a one-sided t-test at level :math:`1 - \Phi(b_k)`:

* **nearer**: the primary distance fell, :math:`\mathrm{after} - \mathrm{before} < 0`;
* **kept**, for every guard with margin m and slack s: :math:`\mathrm{after} - (1 + m)\,\mathrm{before} - s < 0` for a
  distance, :math:`(1 - m)\,\mathrm{before} - s - \mathrm{after} < 0` for a share.

*Gain*: nearer, every guard kept, no fault that blocks. As all must hold at one look, the probability of a false gain is
at most the larger of the two error rates, whichever statement is false (an intersection-union test). *No gain*: a
blocking fault, or the opposite of a guard is shown, or an improvement by the share ``relevance`` of the distance is
ruled out. *Undecided*: neither, and no samples are left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from pairs import InputError

from .boundary import student_quantile
from .faults import Fault
from .rule import Guard, Paired, Rule

__all__ = ["Finding", "Outcome", "Verdict", "decide"]

Outcome = Literal["gain", "no gain", "undecided"]


class Finding(NamedTuple):
    """What was seen in one measure.

    Attributes:
      name: the measure.
      before: its estimate for the generator's samples.
      after: its estimate for the refined samples.
      change: after minus before.
      interval: interval of the change, valid at whichever look decides.
      role: ``"primary"`` or ``"guard"``.
      met: whether the rule's demand was shown.
      refuted: whether the opposite was shown.
      words: the same as a sentence.
    """

    name: str
    before: float
    after: float
    change: float
    interval: tuple[float, float]
    role: Literal["primary", "guard"]
    met: bool
    refuted: bool
    words: str


class Verdict(NamedTuple):
    """The decision.

    Attributes:
      outcome: ``"gain"``, ``"no gain"`` or ``"undecided"``.
      reason: one sentence that says why.
      n: samples that were looked at.
      looks: looks that were taken.
      findings: every measure, the primary one first.
      faults: every warning.
    """

    outcome: Outcome
    reason: str
    n: int
    looks: int
    findings: tuple[Finding, ...]
    faults: tuple[Fault, ...]

    @property
    def gain(self) -> bool:
        """Whether the refined samples are to be used."""
        return self.outcome == "gain"


def _bounds(pieces: np.ndarray, level: float) -> tuple[float, float]:
    """One-sided lower and upper bound of the mean of independent pieces, each at ``level``."""
    error = float(pieces.std(ddof=1)) / math.sqrt(len(pieces))
    reach = student_quantile(level, len(pieces) - 1) * error
    return float(pieces.mean()) - reach, float(pieces.mean()) + reach


def _primary(rule: Rule, paired: Paired, level: float) -> Finding:
    change = paired.after - paired.before
    low, high = _bounds(change, level)
    before, after = float(paired.before.mean()), float(paired.after.mean())
    met = high < 0
    ruled_out = not met and _bounds(paired.after - (1 - rule.relevance) * paired.before, level)[0] > 0
    seen = "shown to be nearer" if met else "shown to be farther" if low > 0 else "not shown to be nearer"
    if ruled_out and low <= 0:
        seen = f"shown to be nearer by less than {rule.relevance:.0%}, if at all"
    words = f"{rule.primary}: {before:.4g} before, {after:.4g} after, change in [{low:.4g}, {high:.4g}]: {seen}"
    return Finding(rule.primary, before, after, float(change.mean()), (low, high), "primary", met, ruled_out, words)


def _guard(guard: Guard, paired: Paired, level: float) -> Finding:
    sign = -1.0 if guard.rises else 1.0
    low, high = _bounds(paired.after - paired.before, level)
    before, after = float(paired.before.mean()), float(paired.after.mean())
    # above zero: worse than the margin allows
    worse = sign * (paired.after - (1 + sign * guard.margin) * paired.before) - guard.slack
    least, most = _bounds(worse, level)
    met, refuted = most < 0, least > 0
    allowed = f"{guard.margin:.0%} of its value" + (f" and {guard.slack:g}" if guard.slack else "")
    seen = "kept" if met else "shown to be lost" if refuted else "not shown to be kept"
    words = f"{guard.name}: {before:.4g} before, {after:.4g} after, change in [{low:.4g}, {high:.4g}]: {seen}"
    words += f" (it may worsen by {allowed})"
    return Finding(guard.name, before, after, after - before, (low, high), "guard", met, refuted, words)


def decide(rule: Rule, look: int, measures: Mapping[str, Paired], faults: tuple[Fault, ...] = ()) -> Verdict:
    """The rule at one look.

    Args:
      rule: the settings.
      look: number of the look, from 0.
      measures: every measure that the rule names.
      faults: warnings; those that block withhold a gain.

    Returns:
      A verdict, which is ``"undecided"`` where more samples would be needed.

    Raises:
      InputError: a measure is missing, has fewer than two pieces, or is not finite.
    """
    for name in (rule.primary, *(g.name for g in rule.guards)):
        if name not in measures:
            raise InputError("measures", f"lack {name!r}", f"give it; there are {', '.join(measures)}")
        values = np.stack(measures[name])
        if values.ndim != 2 or values.shape[1] < 2 or not np.all(np.isfinite(values)):
            raise InputError(name, f"has pieces of shape {values.shape}", "give two or more finite pieces of each side")
    first = _primary(rule, measures[rule.primary], rule.level(look))
    guards = tuple(_guard(g, measures[g.name], rule.level(look, guard=True)) for g in rule.guards)
    outcome, reason = _outcome(first, guards, faults)
    return Verdict(outcome, reason, rule.looks[look], look + 1, (first, *guards), faults)


def _outcome(first: Finding, guards: tuple[Finding, ...], faults: tuple[Fault, ...]) -> tuple[Outcome, str]:
    blocking = [f for f in faults if f.blocks]
    lost, open_ = [g.name for g in guards if g.refuted], [g.name for g in guards if not g.met]
    if blocking:
        return "no gain", f"{blocking[0].name}: {blocking[0].words}"
    if first.refuted:
        return "no gain", first.words
    if lost:
        return "no gain", f"{' and '.join(lost)} became worse by more than the margin"
    if not first.met:
        return "undecided", f"{first.name} is not shown to have fallen"
    if open_:
        return "undecided", f"{first.name} fell, but it is not shown that {' and '.join(open_)} held"
    names = [g.name for g in guards]
    if not names:
        return "gain", f"{first.name} fell, and nothing else was asked"
    kept = f"{', '.join(names[:-1])} and {names[-1]} were" if len(names) > 1 else f"{names[0]} was"
    return "gain", f"{first.name} fell, and {kept} kept"
