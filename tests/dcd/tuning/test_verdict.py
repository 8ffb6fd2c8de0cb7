"""The written rule: what is a gain, what is none, what stays open, and how often the rule is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dcd.tuning.faults import Fault
from dcd.tuning.rule import Guard, Paired, Rule
from dcd.tuning.sequential import confirm
from dcd.tuning.verdict import Verdict, weigh
from pairs import InputError

RULE = Rule()


def paired(before: float, change: float, error: float, pieces: int = 16) -> Paired:
    """Pieces whose mean change is ``change`` with exactly the standard error ``error``."""
    wave = np.resize([1.0, -1.0], pieces)
    return Paired(np.full(pieces, before), before + change + wave / wave.std(ddof=1) * error * np.sqrt(pieces))


def from_interval(before: float, low: float, high: float, pieces: int) -> Paired:
    """Pieces of a change with that two-sided 95 % interval."""
    return paired(before, (low + high) / 2, (high - low) / 3.92, pieces)


def seen(**changed: Paired) -> dict[str, Paired]:
    """Measures of a clear gain, with some of them changed."""
    found = {"fid": paired(3.0, -1.0, 0.1), "kid": paired(0.02, -0.005, 0.001)}
    return found | {"recall": paired(0.6, 0.0, 0.005), "coverage": paired(0.6, 0.05, 0.005)} | changed


# the kernel distances before are those of generators with a like Frechet distance in the same nets
STRANGERS = {
    "mnist": {"fid": from_interval(2.54, -1.08, -0.54, 32), "kid": from_interval(0.013, -0.0068, 0.0010, 8)},
    "fashion-mnist": {"fid": from_interval(4.21, -2.39, -1.65, 32), "kid": from_interval(0.04, -0.023, 0.008, 8)},
}


def halved(measures: dict[str, Paired], times: int) -> dict[str, Paired]:
    """The same estimates from so many times the samples: errors shrink by the root."""
    found = {}
    for name, (before, after) in measures.items():
        change = after - before
        found[name] = Paired(before, before + change.mean() + (change - change.mean()) / np.sqrt(times))
    return found


@pytest.mark.parametrize("name", STRANGERS)
def test_a_fall_of_the_frechet_distance_is_a_gain_though_the_kernel_distance_has_no_power(name: str) -> None:
    kept = {"recall": paired(0.6, 0.02, 0.015, 8), "coverage": paired(0.6, 0.05, 0.015, 8)}
    outcomes = [weigh(RULE, k, halved(STRANGERS[name] | kept, 2**k)).outcome for k in range(3)]
    # more samples may be needed for the guards, never another answer
    assert "no gain" not in outcomes and "gain" in outcomes
    assert outcomes.index("gain") <= 1


def test_a_clear_gain_is_found_at_the_first_look_and_said_in_words() -> None:
    verdict = weigh(RULE, 0, seen())
    assert verdict.gain and verdict.outcome == "gain" and verdict.n == 2000 and verdict.looks == 1
    assert [f.name for f in verdict.findings] == ["fid", "kid", "recall", "coverage"]
    assert "fid fell" in verdict.reason and "recall" in verdict.reason
    assert "3 before, 2 after" in verdict.findings[0].words and "shown to be nearer" in verdict.findings[0].words
    low, high = verdict.findings[0].interval
    assert low < verdict.findings[0].change < high < 0


def test_intervals_are_wider_at_early_looks() -> None:
    widths = [np.diff(weigh(RULE, k, seen()).findings[0].interval)[0] for k in range(3)]
    assert widths[0] > widths[1] > widths[2]


def test_no_change_seen_with_little_noise_is_no_gain_and_with_much_is_open() -> None:
    sharp = weigh(RULE, 2, seen(fid=paired(3.0, 0.0, 0.01)))
    assert sharp.outcome == "no gain" and "by less than 5%" in sharp.reason
    assert weigh(RULE, 2, seen(fid=paired(3.0, 0.0, 0.3))).outcome == "undecided"


def test_a_rise_is_no_gain() -> None:
    verdict = weigh(RULE, 0, seen(fid=paired(3.0, 1.0, 0.1)))
    assert verdict.outcome == "no gain" and "farther" in verdict.reason


def test_a_small_fall_that_is_shown_is_a_gain() -> None:
    assert weigh(RULE, 2, seen(fid=paired(3.0, -0.06, 0.01))).gain


@pytest.mark.parametrize("name", ["recall", "coverage"])
def test_a_lost_share_withholds_the_gain_and_an_unsure_one_leaves_it_open(name: str) -> None:
    lost = weigh(RULE, 2, seen(**{name: paired(0.6, -0.3, 0.01)}))
    assert lost.outcome == "no gain" and name in lost.reason
    unsure = weigh(RULE, 2, seen(**{name: paired(0.6, -0.05, 0.03)}))
    assert unsure.outcome == "undecided" and name in unsure.reason


@pytest.mark.parametrize("guard", RULE.guards, ids=lambda g: g.name)
def test_each_guard_turns_exactly_at_its_margin(guard: Guard) -> None:
    before = 0.4
    allowed = (guard.margin * before + guard.slack) * (-1 if guard.rises else 1)
    nearly, over = (paired(before, allowed * factor, 1e-5) for factor in (0.999, 1.001))
    assert weigh(RULE, 2, seen(**{guard.name: nearly})).outcome == "gain"
    assert weigh(RULE, 2, seen(**{guard.name: over})).outcome == "no gain"


def test_the_noise_of_the_value_before_counts_in_the_margin() -> None:
    wave = np.resize([1.0, -1.0], 16)
    # before and after move together, so their difference is sure, but half of what was before is not
    together = Paired(0.02 + 0.05 * wave, 0.024 + 0.05 * wave)
    assert weigh(RULE, 2, seen(kid=together)).outcome == "undecided"


def test_a_fault_that_blocks_withholds_the_gain_by_its_name_and_another_only_warns() -> None:
    blocked = weigh(RULE, 0, seen(), (Fault("collapsed", "the samples fill one cell", True),))
    assert blocked.outcome == "no gain" and blocked.reason.startswith("collapsed")
    warned = weigh(RULE, 0, seen(), (Fault("own judge", "the critic sees the judge", False),))
    assert warned.gain and warned.faults[0].name == "own judge"


def test_measures_that_are_missing_or_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="recall"):
        weigh(RULE, 0, {k: v for k, v in seen().items() if k != "recall"})
    with pytest.raises(InputError, match="fid"):
        weigh(RULE, 0, seen(fid=paired(np.nan, 0.0, 0.1)))
    with pytest.raises(InputError, match="looks"):
        Rule(looks=(4000, 2000))
    with pytest.raises(InputError, match="guard_alpha"):
        Rule(guard_alpha=0.0)


def followed(rng: np.random.Generator, effects: dict[str, float], rule: Rule) -> Verdict:
    """The rule on Gaussian pieces; the change of a measure is its effect, in units of its error at the last look."""
    looks = np.array(rule.looks) // 250
    start = {"fid": 3.0, "kid": 0.02, "recall": 0.6, "coverage": 0.6}
    unit = {"fid": 0.3, "kid": 0.002, "recall": 0.02, "coverage": 0.02}
    noise = {k: rng.normal(size=looks[-1]) * unit[k] for k in start}
    named = (rule.primary, *(g.name for g in rule.guards))
    for look, count in enumerate(looks):
        measures = {}
        for k, before in ((k, start[k]) for k in named):
            shift = effects.get(k, 0.0) * unit[k] / np.sqrt(looks[-1])
            measures[k] = Paired(np.full(count, before), before + shift + noise[k][:count])
        verdict = weigh(rule, look, measures)
        if verdict.outcome != "undecided" or count == looks[-1]:
            return verdict
    raise AssertionError("a rule has looks")


def test_without_a_change_a_gain_is_found_as_rarely_as_promised() -> None:
    cases, rng = 1000, np.random.default_rng(3)
    # stopping for want of a relevant gain would only lower the rate
    rule = dataclasses.replace(RULE, guards=(), relevance=0.0)
    found = sum(followed(rng, {}, rule).gain for _ in range(cases))
    # 2.5 % within four standard errors: neither too often nor so rare that a bound must be wrong
    assert abs(found / cases - 0.025) < 4 * np.sqrt(0.025 / cases)


def test_a_loss_of_recall_at_the_margin_passes_as_rarely_as_promised() -> None:
    cases, rng = 500, np.random.default_rng(4)
    rule = dataclasses.replace(RULE, guards=(next(g for g in RULE.guards if g.name == "recall"),))
    margin = (0.1 * 0.6 + 0.01) / (0.02 / np.sqrt(32))
    found = sum(followed(rng, {"fid": -50.0, "recall": -margin}, rule).gain for _ in range(cases))
    assert abs(found / cases - 0.05) < 4 * np.sqrt(0.05 / cases)


def cloud(rng: np.random.Generator, n: int, centres: int = 10) -> np.ndarray:
    """Rows around ten centres, of which the first ``centres`` are used."""
    places = np.random.default_rng(0).normal(size=(10, 4)) * 5
    return places[rng.integers(centres, size=n)] + rng.normal(size=(n, 4)) * 0.5


def means(before: np.ndarray, after: np.ndarray, real: np.ndarray) -> dict[str, Paired]:
    """A measure for tests: squared distance of block means to the real mean; nothing is guarded."""
    blocks = [[((part.mean(0) - real.mean(0)) ** 2).sum() for part in np.array_split(x, 16)] for x in (before, after)]
    return {"fid": Paired(np.array(blocks[0]), np.array(blocks[1]))}


SHORT = Rule(looks=(400, 800, 1600), guards=())


def test_confirming_draws_consecutive_samples_and_stops_where_it_is_decided() -> None:
    rng, asked = np.random.default_rng(1), []

    def draw(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append((first, count))
        rows = cloud(rng, count)
        return rows + 2.0, rows + 1.0

    verdict = confirm(draw, cloud(rng, 1000), means, SHORT)
    assert verdict.gain and asked == [(0, 400)] and verdict.n == 400


def test_without_a_decision_all_looks_are_taken_and_the_end_is_said() -> None:
    rng, asked = np.random.default_rng(2), []

    def draw(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append((first, count))
        return cloud(rng, count), cloud(rng, count)

    verdict = confirm(draw, cloud(rng, 1000), means, dataclasses.replace(SHORT, relevance=0.0))
    assert asked == [(0, 400), (400, 400), (800, 800)]
    assert verdict.outcome == "undecided" and "no samples are left" in verdict.reason and verdict.looks == 3


def test_a_budget_that_ends_leaves_the_verdict_open_with_a_word() -> None:
    rng = np.random.default_rng(2)
    left = [400]

    def may_draw(more: int) -> bool:
        left[0] -= more
        return left[0] >= 0

    draw = lambda first, count: (cloud(rng, count), cloud(rng, count))
    verdict = confirm(draw, cloud(rng, 1000), means, dataclasses.replace(SHORT, relevance=0.0), may_draw=may_draw)
    assert verdict.outcome == "undecided" and verdict.n == 400 and "the budget ended" in verdict.reason
    with pytest.raises(InputError, match="budget"):
        confirm(draw, cloud(rng, 1000), means, SHORT, may_draw=lambda more: False)


def test_a_generator_collapsed_to_one_class_gets_no_gain_though_its_distance_falls() -> None:
    rng = np.random.default_rng(5)

    def draw(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        rows = cloud(rng, count, centres=1)
        return rows + 2.0, rows + 1.0

    verdict = confirm(draw, cloud(rng, 1000), means, SHORT)
    assert verdict.findings[0].met  # the distance alone would be a gain
    assert verdict.outcome == "no gain" and verdict.faults[0].name == "collapsed"


def test_faults_that_are_known_already_are_reported() -> None:
    rng = np.random.default_rng(6)
    known = Fault("own judge", "the critic sees the judge", False)
    draw = lambda first, count: (cloud(rng, count) + 2.0, cloud(rng, count))
    assert confirm(draw, cloud(rng, 1000), means, SHORT, faults=(known,)).faults == (known,)


def test_one_look_is_a_t_test_at_the_two_rates() -> None:
    rule = Rule(looks=(1000,))
    assert [rule.level(0), rule.level(0, guard=True)] == pytest.approx([0.975, 0.95])
    low, high = weigh(rule, 0, seen(fid=paired(3.0, -1.0, 0.1, pieces=4))).findings[0].interval
    # the 97.5 % quantile of Student's t with 3 degrees of freedom is 3.1824
    assert (low, high) == pytest.approx((-1.31824, -0.68176), abs=1e-5)
    low, high = weigh(rule, 0, seen(recall=paired(0.6, 0.0, 0.1, pieces=4))).findings[2].interval
    # the 95 % quantile is 2.3534
    assert (low, high) == pytest.approx((-0.23534, 0.23534), abs=1e-5)
