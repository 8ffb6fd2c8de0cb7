"""The built wheel on several Pythons, with the oldest and the newest dependencies that ``pyproject.toml`` allows.

``python -m benchmarks.studies.wheels --pythons python3.11 python3.12 --work DIR --out FILE``, in a checkout.

For each Python a virtual environment gets the wheel and its ``test`` extra twice: with the newest releases that pip
finds, and with the oldest ones, each requirement ``name>=version`` pinned to ``name==version``. Then the fast tests
run on a copy of the tests without the checkout's packages, so that what they import is the wheel. Each row keeps the
whole list of installed versions: that of the newest is a lock file of the tested set. A row that is done is kept in
``--work`` and not made again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.io.command import Parser, guard
from pairs.io.reports import hardware, versions, write_json

from ..commands.argument_types import FilePath

__all__ = ["main", "oldest", "outcome"]

TESTS = ("tests", "docs", "benchmarks/results", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml")
"""What the tests read besides the installed packages."""
LEAST = re.compile(r"^([A-Za-z0-9._-]+)\s*>=\s*([0-9.]+)")


def oldest(requirements: Sequence[str]) -> list[str]:
    """Pin each requirement to the least version that it allows.

    Example:
      >>> oldest(["jax>=0.10", "orbax-checkpoint>=0.12.2,<0.14"])
      ['jax==0.10', 'orbax-checkpoint==0.12.2']

    Raises:
      InputError: A requirement has no least version.
    """
    pins = []
    for requirement in requirements:
        found = LEAST.match(requirement)
        if found is None:
            raise InputError("dependencies", f"name {requirement!r}, without a least version", "write name>=version")
        pins.append(f"{found[1]}=={found[2]}")
    return pins


def outcome(last_line: str) -> dict[str, int]:
    """Count what the last line of pytest names.

    Example:
      >>> outcome("=== 2 failed, 1786 passed, 3 skipped in 90.00s ===")
      {'failed': 2, 'passed': 1786, 'skipped': 3}
    """
    return {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed|skipped|errors?)", last_line)}


def _call(*argv: Any, **more: Any) -> str:
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, **more)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        remedy = "run it by hand: " + " ".join(map(str, argv))
        raise InputError("command", f"{Path(argv[0]).name} ended with {done.returncode} ({said})", remedy)
    return done.stdout


def _copied(checkout: Path, target: Path) -> None:
    """A folder with the tests and what they read, and none of the packages."""
    for name in TESTS:
        source, copy = checkout / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)


def _row(python: str, pins: str, wheel: Path, project: dict[str, Any], checkout: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _call(python, "-m", "venv", folder / "venv")
        run = folder / "venv" / "bin" / "python"
        given = folder / "pins.txt"
        lists = [project["dependencies"], project["optional-dependencies"]["test"]]
        given.write_text("\n".join(oldest(sum(lists, []))) if pins == "oldest" else "")
        _call(run, "-m", "pip", "install", "--quiet", "--constraint", given, f"{wheel}[test]")
        _call(run, "-m", "pip", "check")
        frozen = _call(run, "-m", "pip", "list", "--format", "json")
        _copied(checkout, folder / "tests")
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        began = time.monotonic()
        argv = [
            run,
            "-m",
            "pytest",
            "tests",
            "-m",
            "not slow",
            "-o",
            "pythonpath=tests/helpers",
            "-p",
            "no:cacheprovider",
        ]
        environment["PYTHONSAFEPATH"] = "1"  # the current folder is not where packages come from
        done = subprocess.run(argv, cwd=folder / "tests", env=environment, capture_output=True, text=True, check=False)
        lines = done.stdout.strip().splitlines() or [""]
        return {
            "python": _call(run, "-c", "import platform; print(platform.python_version())").strip(),
            "dependencies": pins,
            "exit": done.returncode,
            "counts": outcome(lines[-1]),
            "failed": sorted({line.split(" - ")[0].removeprefix("FAILED ") for line in lines if "FAILED" in line[:7]}),
            "test_seconds": time.monotonic() - began,
            "installed": {p["name"]: p["version"] for p in json.loads(frozen)},
        }


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m benchmarks.studies.wheels", description="The wheel on several Pythons.")
    parser.add_argument("--pythons", nargs="+", default=["python3.11", "python3.12", "python3.13"], help="interpreters")
    parser.add_argument("--pins", nargs="+", default=["newest", "oldest"], choices=["newest", "oldest"])
    parser.add_argument("--work", required=True, type=Path, help="folder for the wheel and the rows")
    parser.add_argument("--out", required=True, type=FilePath(), help="JSON file to write")
    args = parser.parse_args(argv)
    checkout = Path(__file__).resolve().parents[2]
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    args.work.mkdir(parents=True, exist_ok=True)
    _call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", args.work, checkout)
    wheel = next(args.work.glob("ganrefine-*.whl"))
    rows = []
    for pins in args.pins:
        for python in args.pythons:
            kept = args.work / f"{Path(python).name}-{pins}.json"
            if not kept.exists():
                write_json(kept, _row(python, pins, wheel, project, checkout))
            rows.append(json.loads(kept.read_text()))
            print(f"Python {rows[-1]['python']}, {pins}: {rows[-1]['counts']}", flush=True)
    report = {"wheel": {"name": wheel.name, "bytes": wheel.stat().st_size}, "rows": rows}
    write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
