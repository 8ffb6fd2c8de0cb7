"""``python -m interp path PAIR --from END --to END``: linear, slerp and geodesic side by side.

An end is the seed of a latent, or a picture (PNG, JPEG) for which a latent is sought. ``--through`` lets the geodesic
start from a graph of real images' codes, ``--classifier`` has it also ask a classifier (see :mod:`interp.neighbours`
and :mod:`interp.confidence`).

Exit code 0 success, 2 bad input (one line on standard error), 1 anything else.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import checkpoints
from pairs import InputError, Net, Pair
from pairs.command import Parser, add_common, check_out, guard

from .calibrate import Calibration, CalibrationConfig, Shape, calibrate
from .compare import Comparison, compare
from .confidence import with_classifier
from .ends import Ends, end_of, find_ends, read_ends, read_nodes
from .energy import Mode
from .features import critic_features
from .geodesic import make_metric
from .neighbours import neighbour_graph
from .pictures import path_figure, path_gif, write_whole
from .settings import GeodesicConfig, Solver
from .support import Keep, chart_of

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and turn :class:`pairs.InputError` into exit code 2."""
    return guard(_run, argv)


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m interp", description="Interpolation that stays realistic.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("path", help="linear, slerp and geodesic between two latents, side by side")
    add = command.add_argument
    add("pair", nargs="?", metavar="PAIR", help="bundled name, stored pair or pair.toml (default: bundled)")
    add("--files", type=Path, help="folder of the weight files, where PAIR is a manifest")
    add("--from", dest="start", type=end_of, default=0, metavar="END", help="seed of the first latent, or a picture")
    add("--to", dest="end", type=end_of, default=1, metavar="END", help="seed of the last latent, or a picture")
    add("--label", type=int, help="class, for conditional pairs")
    add("--through", type=end_of, metavar="DATA", help="images whose codes paths may go by, or a number of prior draws")
    add("--classifier", help="feature net with classes: weigh also how sure it is of what it sees")
    add("--metric", default="pixel", help="pixel, critic (its last layer), pair (its features) or a feature net")
    add("--mode", default="conformal", choices=get_args(Mode), help="how the critic counts")
    add("--strength", type=float, default=1.0, help="weight of the additive and potential modes")
    add("--ratio", type=float, default=10.0, help="weight of bad midpoints over samples (conformal)")
    add("--shape", default="barrier", choices=get_args(Shape), help="how the weight grows as the score falls")
    add("--keep", default="auto", choices=get_args(Keep), help="how paths stay in the prior")
    add("--solver", default="lbfgs", choices=get_args(Solver))
    add("--points", type=int, default=32, help="points of every path")
    add("--segments", type=int, default=32, help="segments the solver sees")
    add_common(command, "path")
    _path(parser.parse_args(argv))
    return 0


def _features(pair: Pair, name: str) -> Net | None:
    if name == "pixel":
        return None
    if name == "critic":
        return critic_features(pair)
    if name == "pair":
        if pair.features is None:
            raise InputError("metric", "is 'pair' but this pair carries no feature net", "use pixel or critic")
        return pair.features
    import benchmarks

    if pair.sample_range is None:
        raise InputError("metric", f"is {name!r} but the pair declares no sample range", "use pixel or critic")
    return benchmarks.load_features(name).as_net(pair.sample_range)


def _classifier(pair: Pair, name: str) -> Net:
    import benchmarks

    if pair.sample_range is None:
        raise InputError("--classifier", "is given but the pair declares no sample range", "leave it out")
    return benchmarks.load_features(name).as_net(pair.sample_range, "logits")


def _load(pair: str | None, files: Path | None) -> Pair:
    if files is None:
        return checkpoints.resolve(pair)
    if pair is None:
        raise InputError("files", "is given without a manifest", "name the manifest as PAIR")
    return checkpoints.import_manifest(pair, files)


def _calibrated(pair: Pair, config: GeodesicConfig, nodes: Array | None, say: Callable[[str], None]) -> Calibration:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        calibration = calibrate(pair, jax.random.key(config.seed), config.calibration, latents=nodes)
    for warning in caught:
        say(f"warning: {warning.message}")
    return calibration


def _named(end: int | Path) -> int | str:
    return end if isinstance(end, int) else str(end)


def _path(args: argparse.Namespace) -> None:
    say = lambda text: print(text, file=sys.stderr, flush=True)
    config = GeodesicConfig(
        points=args.points, mode=args.mode, strength=args.strength, keep=args.keep, solver=args.solver,
        segments=args.segments, seed=args.seed, calibration=CalibrationConfig(ratio=args.ratio, shape=args.shape),
    )  # fmt: skip
    out = check_out(args.out)
    pair = _load(args.pair, args.files)
    chart, _ = chart_of(pair.prior, config.keep, config.radial)
    for name, value in (("--through", args.through), ("--classifier", args.classifier)):
        if value is not None and pair.classes:
            raise InputError(name, "is given for a conditional pair", "leave it out")
        if value is not None and config.mode == "none":
            raise InputError(name, "is given with --mode none", "leave one of them out")
    if args.through is not None and chart.kind != "free":
        raise InputError("--through", f"is given for a '{chart.kind}' chart", "use --keep free or radial")
    classifier = None if args.classifier is None else _classifier(pair, args.classifier)
    nodes = None if args.through is None else read_nodes(pair, args.through, config.seed)
    features = _features(pair, args.metric)
    given = args.start, args.end
    pictures = read_ends(pair, given, args.label)
    labels = None if args.label is None else jnp.asarray([args.label])
    seconds: dict[str, float] = {}
    began = time.monotonic()
    calibration = None
    if config.mode != "none":
        say(f"{pair.name}: calibrating the critic on {config.calibration.samples} samples")
        calibration = _calibrated(pair, config, nodes, say)
        seconds["calibrate"] = time.monotonic() - began
    began = time.monotonic()
    if any(isinstance(end, Path) for end in given):
        say("looking for the latents of the pictures")
    ends = find_ends(pair, given, pictures, jax.random.key(config.seed), labels=labels, features=features,
                     calibration=calibration)  # fmt: skip
    seconds["ends"] = time.monotonic() - began
    began = time.monotonic()
    initial = None
    if calibration is not None and classifier is not None:
        pair = with_classifier(pair, classifier, calibration)
        calibration = _calibrated(pair, config, nodes, say)
    if nodes is not None:
        say(f"measuring the ways between {len(nodes)} latents")
        metric, _ = make_metric(pair, config, features=features, calibration=calibration)
        initial = neighbour_graph(metric, nodes).start(*ends.z, config.mode_count)
        seconds["graph"] = time.monotonic() - began
        began = time.monotonic()
    say("solving")
    found = compare(pair, *ends.z, config=config, features=features, calibration=calibration, labels=labels,
                    initial=initial)  # fmt: skip
    seconds["solve"] = time.monotonic() - began
    began = time.monotonic()
    say("drawing")
    figure, movie = path_figure(pair, found, originals=pictures), path_gif(pair, found)
    seconds["pictures"] = time.monotonic() - began
    report = _report(args, pair, config, found, calibration, ends, seconds)
    text = json.dumps(_plain(report), indent=2, allow_nan=False) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    for name, data in (("path.png", figure), ("path.gif", movie), ("report.json", text.encode())):
        write_whole(out / name, data)
    if args.json:
        print(text, end="")
    else:
        _table(report)
        print(f"wrote {out}/path.png, path.gif, report.json")


def _report(
    args: argparse.Namespace, pair: Pair, config: GeodesicConfig, found: Comparison, calibration: Calibration | None,
    ends: Ends, seconds: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    import benchmarks

    settings = dataclasses.asdict(config)
    report: dict[str, Any] = {
        "pair": pair.name, "seed": args.seed, "from": _named(args.start), "to": _named(args.end), "metric": args.metric,
        "through": None if args.through is None else _named(args.through), "classifier": args.classifier,
        "calibration": None if calibration is None else {**calibration.statistics, "floor": calibration.floor},
        "config": settings,
    }  # fmt: skip
    if ends.inversions:
        report["inversion"] = ends.inversions
    for name, d in found.diagnostics.items():
        result = found.results.get(name)
        entry: dict[str, Any] = {
            key: float(getattr(d, key)[0])
            for key in ("energy", "length", "plain_length", "pixel_length", "critic_min", "critic_mean", "critic_low",
                        "below_floor", "speed_ratio", "radius_min", "detour", "curvature")
        }  # fmt: skip
        entry["evaluations"] = 0 if result is None else int(result.evaluations[0])
        entry["converged"] = True if result is None else bool(result.flags.converged[0])
        if result is not None:
            entry["flags"] = {k: bool(v[0]) for k, v in result.flags._asdict().items()}
        report[name] = entry
    fade = np.asarray(found.cross_fade_critic[0])
    report["cross_fade"] = {"critic_min": float(fade.min()), "critic_mean": float(fade.mean())}
    report["protocol"] = f"{args.points} points at equal feature distance; energy and length in mode '{config.mode}'"
    report["seconds"] = seconds
    report["versions"], report["hardware"] = benchmarks.versions(), benchmarks.hardware()
    return report


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


def _table(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = {"length": "length", "plain_length": "plain\nlength", "critic_min": "critic\nmin",
               "critic_mean": "critic\nmean", "speed_ratio": "speed\nratio", "radius_min": "radius\nmin, %",
               "evaluations": "calls"}  # fmt: skip
    table = Table("method", *columns.values(), title=f"{report['pair']}: {report['protocol']}", title_justify="left")
    for name in ("linear", "slerp", "matched", "plain", "geodesic"):
        if name in report:
            row = report[name]
            cell = lambda v: "" if v is None or (isinstance(v, float) and not math.isfinite(v)) else f"{v:.4g}"
            table.add_row(name, *(cell(row[c]) for c in columns))
    for name, record in report.get("inversion", {}).items():
        print(f"{name} {record['file']}: found to {record['error']:.3g} root mean square, in the pair's range")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
