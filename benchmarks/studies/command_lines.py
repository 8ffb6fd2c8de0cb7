"""Command lines drawn at random from the parsers' own definitions: each ends in one line and exit 0 or 2.

``python -m benchmarks.studies.command_lines --lines N --seed S --out FILE``

:mod:`benchmarks.studies.random_arguments` draws the lines. Parsing, checks, reading of pairs and data, estimates and
choices of feature nets are the program's own. What begins to sample, train or solve is replaced by
:class:`WorkReached` (:data:`WORK` names each place), so that a line that would run counts as accepted without running;
what those functions refuse later is not seen here.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import ganrefine
from pairs import Pair
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from ..commands.argument_types import Count, FilePath
from .random_arguments import commands, draw_line, make_inputs

__all__ = ["Ended", "WORK", "WorkReached", "main", "run_line", "work_replaced"]

WORK = (
    "benchmarks.refinement:refine_and_judge",
    "benchmarks.streaming:stream_and_judge",
    "benchmarks.training:train",
    "benchmarks.paths.choices:blend_evidence",
    "benchmarks.paths.choices:trained_critic",
    "benchmarks.paths.weights:weigh",
    "benchmarks.paths.run:find_stops",
    "benchmarks.paths.run:compare",
    "benchmarks.evaluation:as_reference",
    "benchmarks.evaluation:evaluate_one",
    "benchmarks.interpolation:measure",
    "benchmarks.speed:measure",
    "benchmarks.features.classifier_training:train",
    "benchmarks.features.choice:fit_of",
    "benchmarks.features.choice:self_supervised_features",
    "dcd:adapt",
    "dcd:critic_variants",
    "dcd:recover",
    "dcd.amortisation.judging:pools",
)
"""What stands for the work of a command."""
ONCE = (
    "checkpoints.lookup:load_pair",
    "benchmarks.features.bundle:load_features",
    "benchmarks.features:load_features",
    "benchmarks.paths.nets:load_features",
    "benchmarks.paths.beside:load_features",
    "benchmarks.estimates:gradient_operations",
    "benchmarks.estimates:seconds_of",
    "dcd.diagnostics.operations:gradient_operations",
    "benchmarks.time_estimates:seconds_of",
    "benchmarks.features.choice:load_features",
    "benchmarks.estimates:activation_bytes",
)
"""What is read once for all lines and kept, to save time alone."""


class WorkReached(BaseException):
    """A command passed its checks and would begin to work."""


class Ended(NamedTuple):
    """How a line ended: exit code, lines on standard error, and ``accepted``, ``refused``, ``help`` or a fault."""

    code: int
    lines: list[str]
    kind: str


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its results kept; pairs, which are kept too, are told apart by identity."""
    known: dict[str, Any] = {}

    def call(*args: Any) -> Any:
        key = repr([id(a) if isinstance(a, Pair) else a for a in args])
        if key not in known:
            known[key] = function(*args)
        return known[key]

    return call


@contextlib.contextmanager
def work_replaced() -> Iterator[None]:
    """Within this context a command ends in :class:`WorkReached` where it would begin to work."""

    def reach(*args: Any, **kwargs: Any) -> None:
        raise WorkReached

    with contextlib.ExitStack() as stack:
        for place in WORK:
            module, name = place.split(":")
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, reach))
        for place in ONCE:
            module, name = place.split(":")
            kept = _kept(getattr(importlib.import_module(module), name))
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, kept))
        yield


def run_line(line: Sequence[str]) -> Ended:
    """Run one line in this process, within :func:`work_replaced`; a traceback is a fault by the error's name."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code, kind = ganrefine.main(line), "accepted"
    except WorkReached:
        code, kind = 0, "accepted"
    except SystemExit as left:
        code, kind = int(left.code or 0), "help"
    except Exception as error:
        code, kind = 1, f"{type(error).__name__}: {error}"[:300]
    text = err.getvalue()
    if line[:1] == ["import"] and "error: " in text:
        text = text[text.index("error: ") :]  # the note with which importing begins is progress
    lines = text.splitlines()
    if code == 2:
        kind = "refused" if len(lines) == 1 and lines[0].startswith("error: ") and "; " in lines[0] else "unclear"
    elif len(lines) > 1 and code == 0:
        kind = "many lines"
    return Ended(code, lines, kind)


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.command_lines", description="Command lines drawn at random."
    )
    parser.add_argument("--lines", type=Count(1, 10**7), default=20_000)
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=FilePath(), required=True)
    args = parser.parse_args(argv)
    target = args.out.absolute()
    rng, names = np.random.default_rng(args.seed), commands()
    ended: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in names}
    faults, began = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), work_replaced():
        inputs = make_inputs(Path(folder))
        for i in range(args.lines):
            name = names[i % len(names)]
            line = draw_line(name, inputs, rng)
            found = run_line(line)
            fine = found.kind in ("accepted", "refused", "help")
            ended[name][found.kind if fine else "fault"] += 1
            if not fine:
                faults.append({"line": line, "code": found.code, "kind": found.kind, "stderr": found.lines[:5]})
            if i % 1000 == 999:
                print(f"{i + 1} lines, {len(faults)} faults, {time.monotonic() - began:.0f} s", file=sys.stderr)
    report = {
        "lines": args.lines,
        "seed": args.seed,
        "faults": faults,
        "ended": {name: dict(counts) for name, counts in ended.items()},
        "replaced": list(WORK),
        "seconds": time.monotonic() - began,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(target, report)
    print(f"{args.lines} lines, {len(faults)} faults")
    return 0 if not faults else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
