r"""The leaderboard: every method on one critic at one budget, its knob chosen on one half and judged on the other.

Real samples that trained no critic are cut into two halves. For each budget each method tries five values of its knob
on samples of their own; the value whose samples are nearest to the first half, by the Frechet distance in the features
of one net, is run once more from other latents, and these samples are compared with the second half in the features of
another net. Intervals are those of :func:`benchmarks.metrics.fid_change`: sample i of every method is numbered i of one
key, so that the difference to the generator, and to the best method, is one of paired samples.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dcd.critics.density_ratio import require_ratio
from dcd.critics.scores import generate_set
from dcd.langevin.starts import labels_of
from pairs import InputError, Pair
from pairs.checks import image_range, is_image
from pairs.digests import pair_digest
from pairs.io.pixels import to_uint8
from pairs.io.sealed_arrays import seal_of

from ..features import Features
from ..metrics import covariance_factor, fid_between, fid_spread, frechet_distance, moments
from ..metrics.fid_interval import FidSpread
from .chains import CHAINS
from .contrasted import CONTRASTED
from .entries import Entry, digest_of, read_entry, write_entry
from .method import Contest, Method, RealData, Training
from .passes import prices
from .selecting import EX2, SELECTIONS
from .trained import TRAINED

__all__ = ["METHODS", "Halves", "Protocol", "leaderboard"]

METHODS: tuple[Method, ...] = (*CHAINS, *SELECTIONS, EX2, *TRAINED, *CONTRASTED)
"""All methods, in the order in which they are run: a method comes after the one it builds on."""
VALIDATION = 2**19
"""Number of the first sample of a try: no sample is both tried and judged."""
FORMAT = 1


class Halves(NamedTuple):
    """Real samples that judge, as the nets take them, and the nets.

    Attributes:
      chooser: Net that chooses the values of the knobs.
      validation: Real samples it compares with.
      judge: Net that judges what was chosen.
      held: Real samples it compares with.
    """

    chooser: Features
    validation: np.ndarray
    judge: Features
    held: np.ndarray


class Protocol(NamedTuple):
    """How much is drawn.

    Attributes:
      budgets: Gradient evaluations per sample.
      n: Samples that are judged.
      tried: Samples of a try.
      seed: The board is a function of its seed.
      batch: Samples moved together.
      training: How long the methods that need training train.
    """

    budgets: tuple[float, ...] = (5.0, 20.0, 60.0)
    n: int = 2000
    tried: int = 400
    seed: int = 0
    batch: int = 100
    training: Training = Training()


Tell = Callable[[str, float], None]


def leaderboard(
    critics: Mapping[str, Pair],
    data: RealData,
    halves: Halves,
    folder: Path,
    protocol: Protocol | None = None,
    methods: Sequence[Method] = METHODS,
    on_progress: Tell | None = None,
) -> dict[str, Any]:
    """Run what is missing in ``folder`` and compare all methods.

    Args:
      critics: The pair with each critic, calibrated, by the critic's name.
      data: Real samples that the critics were trained on.
      halves: Real samples that judge, and the nets that do.
      folder: Where finished entries are kept.
      protocol: Budgets and counts.
      methods: Methods to compare.
      on_progress: Called with (what is done, share of all entries that is done).

    Returns:
      The report without names, versions and hardware.

    Raises:
      InputError: A critic that is not calibrated, or a method without the one it builds on.
    """
    protocol = protocol or Protocol()
    names = [m.name for m in methods]
    for method in methods:
        if method.after is not None and method.after not in names[: names.index(method.name)]:
            raise InputError("methods", f"hold {method.name} without {method.after} before it", f"add {method.after}")
    for name, pair in critics.items():
        require_ratio(pair, f"the leaderboard on the {name} critic")
    key, tell = jax.random.key(protocol.seed), on_progress or (lambda what, share: None)
    any_pair = next(iter(critics.values()))
    labels = labels_of(any_pair, np.arange(protocol.n))
    start = halves.judge(_shown(any_pair, generate_set(any_pair, key, protocol.n, labels)[1])).astype(np.float64)
    law = moments(halves.judge(halves.held).astype(np.float64))
    tried_law = moments(halves.chooser(halves.validation).astype(np.float64))
    floor_rows = halves.judge(halves.validation[: protocol.n]).astype(np.float64)
    floor = moments(floor_rows)
    shared = [FORMAT, protocol._replace(budgets=())._asdict() | {"training": vars(protocol.training)}]
    real = {"validation": halves.validation, "held": halves.held, **data._asdict()}
    sealed = seal_of({k: v for k, v in real.items() if v is not None}, b"")
    shared += [sealed.tobytes().hex(), halves.chooser.sha256, halves.judge.sha256]
    factor = covariance_factor(law.covariance)
    measure = functools.partial(fid_spread, mu=law.mean, sigma=law.covariance, factor=factor)
    spread = measure(start)
    found = fid_between(spread, spread)
    distance = frechet_distance(floor.mean, floor.covariance, law.mean, law.covariance)
    report: dict[str, Any] = {
        "generator": {"fid": found.before, "fid_ci": list(found.before_ci)},
        "floor": {"fid": distance, "n": len(floor_rows)},
        "critics": {},
        "entries": [],
        "too_dear": [],
    }
    runs = [(m, b) for m in methods for b in (sorted(protocol.budgets) if not m.whole else [max(protocol.budgets)])]
    done = 0
    for name, pair in critics.items():
        contest = Contest(pair, prices(pair), key, data, protocol.batch, training=protocol.training)
        report["critics"][name] = {"prices": contest.prices._asdict()}
        about, entries = [*shared, pair_digest(pair)], []
        for method, budget in runs:
            tell(f"{name} critic, {method.name}, budget {budget:g}", done / (len(critics) * len(runs)))
            done += 1
            row: dict[str, Any] = {"critic": name, "method": method.name, "budget": budget}
            plan = method.plan(contest, budget)
            if plan.settings is None:
                report["too_dear"].append(row | {"least": plan.cost, "reason": plan.reason})
                continue
            # what has one price does not depend on the budget
            label = f"{name}-{method.name}" + ("" if method.whole else f"-{budget:g}")
            digest = digest_of(*about, method.name, plan.settings, list(method.values))
            entry = read_entry(folder, label, digest)
            if entry is None:
                made = _compute(contest, method, plan.settings, protocol, halves, tried_law)
                entry = write_entry(folder, label, digest, made)
            contest.chosen[method.name, budget] = entry.report["value"]
            row |= entry.report | {"budget": None if method.whole else budget, "planned": plan.cost, "digest": digest}
            if method.knob == "step size" and "chain" in plan.settings:  # as it was run, not as it was published
                row["settings"]["chain"]["step_size"] = entry.report["value"]
            entries.append(Entry(row, entry.rows))
        report["entries"] += _compared(entries, measure, spread, distance)
    return report


def _shown(pair: Pair, x: np.ndarray) -> np.ndarray:
    """Samples as the nets take them: images as bytes."""
    return to_uint8(x, image_range(pair)) if is_image(pair) else x


def _compute(
    contest: Contest, method: Method, settings: dict[str, Any], protocol: Protocol, halves: Halves, law: Any
) -> Entry:
    """Try, choose, run once more from other latents."""
    began = time.perf_counter()
    tries: list[list[float | None]] = []
    for value in method.values:
        x = method.run(contest, settings, value, protocol.tried, VALIDATION).samples
        far = np.inf
        if np.all(np.isfinite(x)):
            own = moments(halves.chooser(_shown(contest.pair, x)).astype(np.float64))
            far = frechet_distance(own.mean, own.covariance, law.mean, law.covariance)
        tries.append([value, float(far) if np.isfinite(far) else None])
    chosen = min(tries, key=lambda t: np.inf if t[1] is None else t[1])[0]
    assert chosen is not None
    middle = time.perf_counter()
    drawn = method.run(contest, settings, chosen, protocol.n, 0)
    seconds = time.perf_counter() - middle
    rows = halves.judge(_shown(contest.pair, drawn.samples))
    report = {
        "source": method.source,
        "knob": method.knob,
        "value": chosen,
        "tries": tries,
        "settings": settings,
        "spent": drawn.prices.cost(drawn.passes),
        "passes": drawn.passes._asdict(),
        "once": drawn.once,
        "about": drawn.about or {},
        "seconds": {"tries": middle - began, "samples": seconds},
    }
    return Entry(report, np.asarray(rows, np.float32))


def _compared(
    entries: list[Entry], measure: Callable[[np.ndarray], FidSpread], start: FidSpread, floor: float
) -> list[dict[str, Any]]:
    """Distances of the entries on one critic, and whether the best at the same budget is told apart from them."""
    spreads = [measure(e.rows.astype(np.float64)) for e in entries]
    found: list[dict[str, Any]] = []
    for entry, own in zip(entries, spreads, strict=True):
        change = fid_between(start, own)
        gap = (change.before - change.after) / (change.before - floor)
        figures = {"fid": change.after, "fid_ci": list(change.after_ci), "gap": gap}
        figures |= {"difference": change.difference, "difference_ci": list(change.difference_ci)}
        found.append(entry.report | figures)
    for budget in {e["budget"] for e in found}:
        same = [i for i, e in enumerate(found) if e["budget"] == budget]
        best = min(same, key=lambda i: found[i]["fid"])
        for i in same:
            low, high = fid_between(spreads[best], spreads[i]).difference_ci
            found[i] |= {"minus_best_ci": [low, high], "like_best": bool(low <= 0)}
    return found
