"""What ``ganrefine path`` does: ends from seeds or pictures, a weighed critic, paths by every method, a report."""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from interp.comparison import Comparison, compare
from interp.curves.charts import chart_of
from interp.ends import Ends, find_ends, read_ends, read_nodes
from interp.metric.classifier_term import with_classifier
from interp.metric.features import critic_features
from interp.metric.path_weight import PathWeight, PathWeightSettings, weigh
from interp.movies import path_gif
from interp.pictures import path_figure
from interp.settings import GeodesicSettings
from interp.shortest_paths import make_metric
from interp.starts.neighbours import neighbour_graph
from pairs import InputError, Net, Pair
from pairs.io.command import check_out
from pairs.io.files import write_bytes
from pairs.io.reports import hardware, to_json, versions

from .estimates import check_path
from .features import Features, load_features
from .inputs import load, refuse_data_options

__all__ = ["run_path"]


def _features(pair: Pair, name: str) -> Net | None:
    if name == "pixel":
        return None
    if name == "critic":
        return critic_features(pair)
    if name == "pair":
        if pair.features is None:
            raise InputError("metric", "is 'pair' but this pair carries no feature net", "use pixel or critic")
        return pair.features
    if pair.sample_range is None:
        raise InputError("metric", f"is {name!r} but the pair declares no sample range", "use pixel or critic")
    return _named_net("--metric", name).as_net(pair.sample_range)


def _named_net(option: str, name: str) -> Features:
    try:
        return load_features(name)
    except InputError as error:
        raise InputError(option, error.problem, error.remedy) from None


def _classifier(pair: Pair, name: str) -> Net:
    if pair.sample_range is None:
        raise InputError("--classifier", "is given but the pair declares no sample range", "leave it out")
    return _named_net("--classifier", name).as_net(pair.sample_range, "logits")


def _weighed(pair: Pair, settings: GeodesicSettings, nodes: Array | None, say: Callable[[str], None]) -> PathWeight:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        weight = weigh(pair, jax.random.key(settings.seed), settings.path_weight, latents=nodes)
    for warning in caught:
        say(f"warning: {warning.message}")
    return weight


def _named(end: int | Path) -> int | str:
    return end if isinstance(end, int) else str(end)


def run_path(args: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    say = lambda text: print(text, file=sys.stderr, flush=True)
    settings = GeodesicSettings(
        points=args.points,
        mode=args.mode,
        strength=args.strength,
        keep=args.keep,
        solver=args.solver,
        segments=args.segments,
        seed=args.seed,
        path_weight=PathWeightSettings(ratio=args.ratio, shape=args.shape),
    )
    out = check_out(args.out)
    if not isinstance(args.through, Path):
        refuse_data_options(args, "images for --through")
    pair = load(args.pair, args.files)
    check_path(pair, args.segments, args.points)
    chart, _ = chart_of(pair.prior, settings.keep, settings.radial)
    for name, value in (("--through", args.through), ("--classifier", args.classifier)):
        if value is not None and pair.classes:
            raise InputError(name, "is given for a conditional pair", "leave it out")
        if value is not None and settings.mode == "none":
            raise InputError(name, "is given with --mode none", "leave one of them out")
    if args.through is not None and chart.kind != "free":
        raise InputError("--through", f"is given for a '{chart.kind}' chart", "use --keep free or radial")
    classifier = None if args.classifier is None else _classifier(pair, args.classifier)
    nodes = None
    if args.through is not None:
        options = {"split": args.split, "array": args.array, "limit": args.limit}
        nodes = read_nodes(pair, args.through, settings.seed, **options)
    features = _features(pair, args.metric)
    given = args.start, args.end
    pictures = read_ends(pair, given, args.label)
    labels = None if args.label is None else jnp.asarray([args.label])
    seconds: dict[str, float] = {}
    began = time.monotonic()
    weight = None
    if settings.mode != "none":
        say(f"{pair.name}: weighing the critic on {settings.path_weight.samples} samples")
        weight = _weighed(pair, settings, nodes, say)
        seconds["calibrate"] = time.monotonic() - began
    began = time.monotonic()
    if any(isinstance(end, Path) for end in given):
        say("searching for the latents of the pictures")
    ends = find_ends(
        pair, given, pictures, jax.random.key(settings.seed), labels=labels, features=features, weight=weight
    )
    seconds["ends"] = time.monotonic() - began
    began = time.monotonic()
    initial = None
    if weight is not None and classifier is not None:
        pair = with_classifier(pair, classifier, weight)
        weight = _weighed(pair, settings, nodes, say)
    if nodes is not None:
        say(f"measuring the edges between {len(nodes)} latents")
        metric, _ = make_metric(pair, settings, features=features, weight=weight)
        initial = neighbour_graph(metric, nodes).start(*ends.z, settings.mode_count)
        seconds["graph"] = time.monotonic() - began
        began = time.monotonic()
    say("solving")
    found = compare(pair, *ends.z, settings=settings, features=features, weight=weight, labels=labels, initial=initial)
    seconds["solve"] = time.monotonic() - began
    began = time.monotonic()
    say("drawing")
    figure, movie = path_figure(pair, found, originals=pictures), path_gif(pair, found)
    seconds["pictures"] = time.monotonic() - began
    report = _report(args, pair, settings, found, weight, ends, seconds)
    text = to_json(report)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in (("path.png", figure), ("path.gif", movie), ("report.json", text.encode())):
        write_bytes(out / name, data)
    if args.json:
        print(text, end="")
    else:
        _table(report)
        print(f"wrote {out}/path.png, path.gif, report.json")
    return 0


def _report(
    args: argparse.Namespace,
    pair: Pair,
    settings: GeodesicSettings,
    found: Comparison,
    weight: PathWeight | None,
    ends: Ends,
    seconds: dict[str, float],
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "pair": pair.name,
        "seed": args.seed,
        "from": _named(args.start),
        "to": _named(args.end),
        "metric": args.metric,
        "through": None if args.through is None else _named(args.through),
        "classifier": args.classifier,
        "calibration": None if weight is None else {**weight.statistics, "floor": weight.floor},
        "config": settings.to_dict(),
    }
    if ends.inversions:
        report["inversion"] = ends.inversions
    for name, d in found.diagnostics.items():
        result = found.results.get(name)
        entry: dict[str, Any] = {
            key: float(getattr(d, key)[0])
            for key in (
                "energy",
                "length",
                "plain_length",
                "pixel_length",
                "critic_min",
                "critic_mean",
                "critic_low",
                "below_floor",
                "speed_ratio",
                "radius_min",
                "detour",
                "curvature",
            )
        }
        entry["evaluations"] = 0 if result is None else int(result.evaluations[0])
        entry["converged"] = True if result is None else bool(result.flags.converged[0])
        if result is not None:
            entry["outcome"] = result.messages()[0]
            entry["flags"] = {k: bool(v[0]) for k, v in result.flags._asdict().items()}
        report[name] = entry
    fade = np.asarray(found.cross_fade_critic[0])
    report["cross_fade"] = {"critic_min": float(fade.min()), "critic_mean": float(fade.mean())}
    report["protocol"] = f"{args.points} points at equal feature distance; energy and length in mode '{settings.mode}'"
    report["seconds"] = seconds
    report["versions"], report["hardware"] = versions(), hardware()
    return report


def _table(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = {
        "length": "length",
        "plain_length": "plain\nlength",
        "critic_min": "critic\nmin",
        "critic_mean": "critic\nmean",
        "speed_ratio": "speed\nratio",
        "radius_min": "radius\nmin, %",
        "evaluations": "calls",
    }
    table = Table("method", *columns.values(), title=f"{report['pair']}: {report['protocol']}", title_justify="left")
    for name in ("linear", "slerp", "matched", "plain", "geodesic"):
        if name in report:
            row = report[name]
            cell = lambda v: "" if v is None or (isinstance(v, float) and not math.isfinite(v)) else f"{v:.4g}"
            table.add_row(name, *(cell(row[c]) for c in columns))
    for name, record in report.get("inversion", {}).items():
        print(f"{name} {record['file']}: found to {record['error']:.3g} root mean square, in the pair's range")
    Console().print(table)
