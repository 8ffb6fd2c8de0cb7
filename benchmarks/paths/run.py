"""The course of ``ganrefine path``: data, decisions, stops, solving, judging frame by frame, pictures, the report."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from interp.comparison import Comparison, compare
from interp.curves.charts import chart_of
from interp.ends import read_nodes
from interp.metric.path_weight import PathWeight
from interp.presets import settings_of
from interp.settings import GeodesicSettings
from interp.shortest_paths import make_metric
from interp.starts.neighbours import neighbour_graph
from interp.tours import joined
from pairs import InputError, Net, Normal, Pair
from pairs.io.command import check_out
from pairs.io.earlier_results import say_replaced
from pairs.io.files import write_bytes
from pairs.io.reports import to_json
from pairs.user_nets import factory_given

from ..estimates import check_path
from ..factories import factory_of
from ..inputs import load
from .answer import choose_answer
from .checks import check_options, check_with_pair
from .choices import choose_critic, choose_judge, choose_metric, judge_of, set_by_hand
from .data import read_path_data
from .kept import Kept
from .nets import classifier_net, metric_net
from .realism import check_took_no_part, realism
from .report import path_report, print_table
from .show import FILES, path_files
from .stops import find_stops, given_stops, labelled_pair, read_pictures
from .training import nodes_of
from .weights import choose_weight

__all__ = ["run_path"]


class _Clock:
    """Seconds of the stages of a run, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()

    def stop(self, name: str) -> None:
        """Book the time since the last stop under a name."""
        now = time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._began
        self._began = now


def run_path(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    with factory_given(factory_of(args.factory)):  # critics for paths that were kept stand on the user's nets too
        return _run_path(args)


def _run_path(args: argparse.Namespace) -> int:
    say = lambda text: print(text, file=sys.stderr, flush=True)
    out, clock = check_out(args.out), _Clock()
    check_options(args)
    whole = load(args.pair, args.files, args.factory)
    pair = labelled_pair(whole, args.label, args.to_label)
    mixed = args.to_label is not None and args.to_label != args.label
    one = None if mixed else args.label
    check_with_pair(args, pair)
    settings = _settings(args, pair)
    check_path(pair, settings.segments, settings.points)
    _check_graph(args, pair, settings)
    given = given_stops(args)
    pictures = read_pictures(pair, given)
    metric, metric_record = choose_metric(args, pair)
    named = None if args.classifier in (None, "off") else classifier_net(pair, args.classifier)
    clock.stop("load")
    data = None if args.data is None else read_path_data(args, whole)
    kept = Kept(args.kept or out / "kept")
    judging = choose_judge(args, pair, data)
    check_took_no_part(judging, metric, named)
    say_replaced(out, *FILES, "report.json")
    clock.stop("data")
    narrow = None if mixed else lambda p: labelled_pair(p, args.label, args.to_label)
    chosen = choose_critic(args, pair, whole, data, narrow, kept, judging, say)
    pair = chosen.pair
    decided = chosen.record | {"metric": metric_record}
    clock.stop("critic")
    weight, nodes = None, None
    if not chosen.steers:
        if args.mode != "none":
            say(f"the answer is slerp: {chosen.record['critic']['why']}")
        if args.refined:
            say("--refined does nothing: no critic steers; --critic own or trained asks for one")
        why = f"no critic steers{', so --refined does nothing' if args.refined else ''}"
        decided["graph"] = {"choice": "none", "why": why}
        settings = dataclasses.replace(settings, mode="none")
    if settings.mode != "none":
        nodes, decided["graph"] = _nodes(args, pair, mixed, whole, say)
        ends = None if args.through is None else nodes
        pair, settings, weight, more = choose_weight(args, pair, settings, decided, data, ends, one, say)
        decided |= more
        check_took_no_part(judging, pair.critic)
    clock.stop("calibrate")
    judge = judge_of(judging, pair, data, kept)
    clock.stop("judge")
    if not pair.has_critic:
        pair = pair.replace(critic=Net((), _Nothing()), critic_kind="energy")
    inner = metric
    if pictures and "critic stands on" in decided:
        inner = metric_net(pair, decided["critic stands on"]["choice"])
    classes = (int(args.label), int(args.to_label)) if args.to_label is not None and mixed else None
    if pictures:
        say("searching for the latents of the pictures")
    stops = find_stops(pair, given, pictures, args.seed, labels=classes, loop=args.loop, features=inner, weight=weight)
    clock.stop("ends")
    settings, initial = _start(pair, settings, metric, weight, nodes, stops.z, say)
    clock.stop("graph")
    say("solving")
    legs = compare(pair, stops.z[:-1], stops.z[1:], settings=settings, features=metric, weight=weight, initial=initial)
    found = joined(legs if chosen.steers else _without_critic(legs))
    clock.stop("solve")
    samples = _samples(pair, found)
    by_hand = args.critic not in (None, "auto") or bool(set_by_hand(args))
    plain = args.mode == "none"
    decided["answer"] = choose_answer(decided, samples, pair.sample_range, chosen.steers, by_hand, plain)
    answer = decided["answer"]["choice"]
    figures = None if judge is None else {name: realism(judge, x) for name, x in samples.items()}
    clock.stop("judge")
    say("drawing")
    shown = (pictures.get("from"), pictures.get("from" if args.loop else "to"))
    files = path_files(pair, found, originals=shown, answer=answer)
    clock.stop("pictures")
    report = path_report(args, pair, settings, found, weight, stops, decided, answer, judge, figures, clock.seconds)
    text = to_json(report)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (files | {"report.json": text.encode()}).items():
        write_bytes(out / name, content)
    if args.json:
        print(text, end="")
    else:
        print_table(report)
        print(f"wrote {', '.join(files)}, report.json to {out}")
    return 0


@dataclasses.dataclass(frozen=True)
class _Nothing:
    """The score of a pair without critic."""

    def __call__(self, params: Any, x: Array) -> Array:
        return jnp.zeros((len(x),), x.dtype)


def _settings(args: argparse.Namespace, pair: Pair) -> GeodesicSettings:
    """The settings that the options and a preset ask for."""
    base = GeodesicSettings(seed=args.seed) if args.preset is None else settings_of(args.preset, pair, args.seed)
    names = ("points", "mode", "strength", "keep", "solver", "segments")
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return dataclasses.replace(base, **changes)


def _check_graph(args: argparse.Namespace, pair: Pair, settings: GeodesicSettings) -> None:
    graph = args.through is not None or args.refined
    if graph and _graph_keep(pair, settings) is None:
        kind = chart_of(pair.prior, settings.keep, settings.radial)[0].kind
        name = "--through" if args.through is not None else "--refined"
        raise InputError(name, f"is given for a '{kind}' chart", "use --keep free or radial")


def _graph_keep(pair: Pair, settings: GeodesicSettings) -> str | None:
    """How curves stay in the prior where a chain is given: on a free chart; None where the prior has none."""
    if chart_of(pair.prior, settings.keep, settings.radial)[0].kind == "free":
        return settings.keep
    return "radial" if settings.keep == "auto" and isinstance(pair.prior, Normal) else None


def _nodes(
    args: argparse.Namespace,
    pair: Pair,
    mixed: bool,
    whole: Pair,
    say: Callable[[str], None],
) -> tuple[Array | None, dict[str, Any]]:
    """Latents that chains may go through, and why those."""
    if args.through is not None:
        options = {} if args.data is not None else {"split": args.split, "array": args.array, "limit": args.limit}
        nodes = read_nodes(pair, args.through, args.seed, **options)
        return nodes, {"choice": f"{len(nodes)} latents", "why": "--through asks for it"}
    count = args.refined or 0
    if not count:
        why = "--refined N asks for one"
        return None, {"choice": "none", "why": why}
    say(f"refining {count} samples, the nodes of the graph")
    size = whole.prior.size
    hold = (size, pair.prior.size) if mixed and pair.prior.size > size else None
    nodes = jnp.asarray(nodes_of(pair, count, args.seed, hold))
    why = "--refined asks for them: samples that a short chain moved along the critic"
    return nodes, {"choice": f"{len(nodes)} refined samples", "why": why}


def _start(
    pair: Pair,
    settings: GeodesicSettings,
    metric: Net | None,
    weight: PathWeight | None,
    nodes: Array | None,
    z: Array,
    say: Callable[[str], None],
) -> tuple[GeodesicSettings, Array | None]:
    """Settings whose chart takes a given start, and the cheapest chains of all legs."""
    if nodes is None:
        return settings, None
    keep: Any = _graph_keep(pair, settings)
    settings = dataclasses.replace(settings, keep=keep)
    say(f"measuring the edges between {len(nodes)} latents")
    measured, _ = make_metric(pair, settings, features=metric, weight=weight)
    graph = neighbour_graph(measured, nodes, neighbours=min(6 if len(nodes) <= 1000 else 10, len(nodes) - 1))
    return settings, graph.start(z[:-1], z[1:], settings.mode_count)


def _without_critic(found: Comparison) -> Comparison:
    """The comparison with its geodesic, which no critic weighed, under the name ``plain``."""
    rename = lambda held: {("plain" if name == "geodesic" else name): value for name, value in held.items()}
    return found._replace(
        paths=rename(found.paths), diagnostics=rename(found.diagnostics), results=rename(found.results)
    )


def _samples(pair: Pair, found: Comparison) -> dict[str, np.ndarray]:
    """Samples ``(1, frames, *sample)`` of every method, the cross-fade among them."""
    make = jax.jit(lambda p, z: p.generate(z))
    made = {name: np.asarray(make(pair, path[0]))[None] for name, path in found.paths.items()}
    return made | {"cross_fade": np.asarray(found.cross_fade)}
