"""What ``ganrefine path`` decides by itself: the critic, the metric, the graph, the judge; and why.

Without DATA the pair's own critic steers where it tells blends from samples
(:mod:`interp.metric.evidence`); else the answer is slerp. With DATA a critic for paths is trained
(:mod:`benchmarks.paths.training`) that steers where it tells blends from samples, its weight is a wall at the edge of
real data, and a net that took no part judges the frames.
Whatever an option sets by hand is taken as it is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from interp.metric.evidence import THRESHOLD, BlendEvidence, blend_evidence
from pairs import InputError, Net, Pair
from pairs.checks import is_image

from ..features import FeatureChoice, choose
from ..metrics.frames import NearestReal
from .beside import classifier_beside
from .data import PathData
from .kept import Kept, digest_of, name_of_critic
from .nets import metric_net
from .realism import Judge, check_took_no_part
from .training import UPDATES, trained_critic

__all__ = ["Chosen", "choose_critic", "choose_judge", "choose_metric", "judge_of", "set_by_hand"]

Say = Callable[[str], None]
_BY_HAND = ("mode", "ratio", "shape", "through", "classifier", "strength", "preset")


class Chosen(NamedTuple):
    """The critic of a path.

    Attributes:
      pair: The unconditional pair with the critic that steers.
      steers: Whether a critic steers; without one the answer is slerp, or the plain geodesic with ``--mode none``.
      record: What was decided, by name: the choice, why, and the evidence.
    """

    pair: Pair
    steers: bool
    record: dict[str, dict[str, Any]]


def set_by_hand(args: argparse.Namespace) -> list[str]:
    """Options about the critic that were given; each asks for the pair's own critic where there are no DATA."""
    return [f"--{name}" for name in _BY_HAND if getattr(args, name) not in (None, "off")]


def choose_critic(
    args: argparse.Namespace,
    pair: Pair,
    whole: Pair,
    data: PathData | None,
    narrow: Callable[[Pair], Pair] | None,
    kept: Kept,
    judge: FeatureChoice | None,
    say: Say,
) -> Chosen:
    """The critic that steers, and the evidence for it.

    Args:
      args: Arguments of the command.
      pair: The unconditional pair of the path.
      whole: The pair as it was loaded, on all of whose classes a critic is trained.
      data: Real images, or None.
      narrow: From a pair like ``whole`` to one like ``pair``; None where the latents of ``pair`` hold the class.
      kept: What earlier paths left.
      judge: The net that is to judge frames, which no critic may stand on.
      say: Where progress goes.

    Raises:
      InputError: A critic is asked for that is not there, or would stand on the judge.
    """
    wanted, by_hand = args.critic or "auto", set_by_hand(args)
    if wanted == "trained" and data is None:
        raise InputError("--critic", "is 'trained' without DATA", "name real images after PAIR")
    if wanted == "own" and not pair.has_critic:
        raise InputError("--critic", "is 'own' for a path whose pair has none", "give DATA, and leave --critic out")
    if args.mode == "none":
        record = {"choice": "none", "why": "--mode none leaves the critic out"}
        return Chosen(pair, False, {"critic": record})
    if data is not None and wanted in ("auto", "trained"):
        return _trained(args, pair, whole, data, narrow, kept, judge, say)
    if not pair.has_critic:
        why = "the pair of this path has no critic; DATA would let one be trained"
        return Chosen(pair, False, {"critic": {"choice": "none", "why": why}})
    evidence = blend_evidence(pair, jax.random.key(args.seed))
    figures = _figures(evidence)
    record = {"choice": "own", "evidence": evidence.to_dict()}
    if wanted == "own" or by_hand:
        asked = "--critic own" if wanted == "own" else by_hand[0]
        return Chosen(pair, True, {"critic": record | {"why": f"{asked} asks for the pair's own critic ({figures})"}})
    if evidence.tells:
        why = f"the pair's own critic tells blends from samples: {figures}, at least {THRESHOLD}"
        return Chosen(pair, True, {"critic": record | {"why": why}})
    why = f"the pair's own critic does not tell blends from samples: {figures}, {THRESHOLD} needed"
    return Chosen(pair, False, {"critic": record | {"choice": "none", "why": why}})


def _trained(
    args: argparse.Namespace,
    pair: Pair,
    whole: Pair,
    data: PathData,
    narrow: Callable[[Pair], Pair] | None,
    kept: Kept,
    judge: FeatureChoice | None,
    say: Say,
) -> Chosen:
    source = pair if narrow is None else whole  # where latents hold the class, blends are of all classes
    labels = data.labels if source.classes is not None else None
    updates = args.updates or UPDATES
    features, on = _critic_net(args, source, data)
    check_took_no_part(judge, features)
    name = name_of_critic(source, data, updates, features, args.seed)
    made = kept.critic(name, source)
    if made is None:
        say(f"training a critic for paths on {len(data.train)} images of {data.name}, {updates} updates")
        made = trained_critic(source, data.train, labels, args.seed, updates, features, _progress(say))
        kept.keep_critic(name, made)
    else:
        say(f"critic for paths: critic-{name}, trained before")
    steering = made.pair if narrow is None else narrow(made.pair)
    evidence = blend_evidence(steering, jax.random.key(args.seed))
    why = f"trained on {len(data.train)} images of {data.name} against blends of this pair"
    record = {"choice": "trained", "why": why, "training": made.record, "evidence": evidence.to_dict()}
    asked = ["--critic trained"] if args.critic == "trained" else set_by_hand(args)
    guard = classifier_beside(args, on["choice"])["choice"]
    steers = evidence.tells or bool(asked) or guard is not None
    if not evidence.tells:
        but = f"though it does not tell blends from samples: {_figures(evidence)}"
        if asked:
            record["why"] = f"{asked[0]} asks for it, {but}; {why}"
        elif guard is not None:
            record["why"] = (
                f"{why}; it steers, {but}, because {guard} stands beside it and compares the path with slerp"
            )
        else:
            why = f"the critic {why} does not tell them from samples: {_figures(evidence)}, {THRESHOLD} needed"
            record |= {"choice": "none", "why": why}
    return Chosen(steering, steers, {"critic": record, "critic stands on": on})


def _figures(evidence: BlendEvidence) -> str:
    return f"AUC {evidence.midpoints:.2f} against midpoints, {evidence.cross_fades:.2f} against cross-fades"


def _critic_net(args: argparse.Namespace, pair: Pair, data: PathData) -> tuple[Net | None, dict[str, Any]]:
    """The net on whose features a critic is trained, None for the samples themselves, and why."""
    name = args.critic_on or "auto"
    if name != "auto":
        return metric_net(pair, name), {"choice": name, "why": "--critic-on asks for it"}
    if pair.features is not None:
        return pair.features, {"choice": "pair", "why": "the pair carries a feature net"}
    assert pair.sample_range is not None
    found = choose("auto", pair.sample_shape, data=data.real, data_name=data.name)
    if found.kind != "bundled":
        return None, {"choice": "pixel", "why": "no feature net at hand fits the data; --critic-on names one"}
    why = "its own images and the data agree"
    return found.features.as_net(pair.sample_range), {"choice": found.features.name, "why": why}


def _progress(say: Say) -> Callable[[int, int, float], None]:
    last = [time.monotonic()]

    def tell(done: int, total: int, left: float) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            say(f"  {done} of {total} updates, {left:.0f} s left")

    return tell


def choose_metric(args: argparse.Namespace, pair: Pair) -> tuple[Net | None, dict[str, Any]]:
    """The net in which distance is measured, None for pixels."""
    name = args.metric or "auto"
    if name != "auto":
        return metric_net(pair, name), {"choice": name, "why": "--metric asks for it"}
    if pair.features is not None:
        return pair.features, {"choice": "pair", "why": "the pair carries a feature net"}
    why = "the pair carries no feature net; --metric names another"
    return None, {"choice": "pixel", "why": why}


def choose_judge(args: argparse.Namespace, pair: Pair, data: PathData | None) -> FeatureChoice | None:
    """The net that judges frames; None without DATA or images."""
    if data is None or not is_image(pair):
        if args.judge is not None:
            raise InputError("--judge", "is given without DATA", "name real images after PAIR, or leave it out")
        return None
    folder = args.out / "judge" if args.judge == "self-supervised" else None
    known = np.concatenate([data.real, data.fresh])
    found = choose(args.judge, pair.sample_shape, data=known, data_name=data.name, judge=True, folder=folder)
    found.features(data.real[:1])  # refuses images of another shape before any work
    return found


def judge_of(found: FeatureChoice | None, pair: Pair, data: PathData | None, kept: Kept) -> Judge | None:
    """The judge with the rows of real images, kept or made; None without one."""
    if found is None or data is None:
        return None
    assert pair.sample_range is not None
    name = digest_of(found.features.sha256, data.real, data.fresh)
    rows = kept.rows(name)
    if rows is None:
        rows = found.features(data.real), found.features(data.fresh)
        kept.keep_rows(name, *rows)
    return Judge(found, NearestReal.of(*rows), pair.sample_range)
