"""How long is it from a checkpoint to 10,000 refined samples: tune, then refine, as a user would call them.

``python -m benchmarks.studies.whole_job PAIR DATA --out benchmarks/results/whole_job.json``

Both are whole processes, start and compilation included, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.io.command import Parser, guard, seed_number
from pairs.io.reports import hardware, versions, write_json

__all__ = ["main"]


def _timed(*arguments: str) -> dict[str, float]:
    """Wall and processor seconds of ``python -m dcd ...``."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "dcd", *arguments], check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise InputError("command", f"dcd {arguments[0]} ended with {done.returncode}", "see its message above")
    return {"wall": wall, "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m benchmarks.studies.whole_job", description="Seconds of tune, then refine.")
    parser.add_argument("pair", help="a bundled name, a stored pair or a manifest")
    parser.add_argument("data", help="real images the generator was made for")
    parser.add_argument("--files", help="folder of the weight files, where PAIR is a manifest")
    parser.add_argument("--n", type=int, default=10_000, help="samples to refine (default 10,000)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args: argparse.Namespace = parser.parse_args(argv)
    files = ("--files", args.files) if args.files else ()
    with tempfile.TemporaryDirectory() as folder:
        tuned, refined = Path(folder, "tuned"), Path(folder, "refined")
        seconds: dict[str, Any] = {
            "tune": _timed("tune", args.pair, args.data, *files, "--seed", str(args.seed), "--out", str(tuned))
        }
        chain = ("--tuned", str(tuned / "tuned.toml"), "--n", str(args.n), "--seed", str(args.seed))
        seconds["refine"] = _timed("refine", *chain, "--out", str(refined))
        found = json.loads((tuned / "report.json").read_text())
    report = {
        "pair": found["pair"],
        "data": found["data"],
        "n": args.n,
        "seed": args.seed,
        "seconds": seconds,
        "whole": sum(v["wall"] for v in seconds.values()),
        "gain": found["gain"],
        "choice": found["choice"],
        "search_seconds": found["seconds"],
        "evaluations": found["evaluations"],
    }
    write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    print(f"tune {seconds['tune']['wall']:.0f} s, refine {seconds['refine']['wall']:.0f} s")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
