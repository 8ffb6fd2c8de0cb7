"""Commands that are killed at random end with the result of a run that was left in peace.

``python -m benchmarks.studies.endurance --kills N --seed S [--case NAME] --out FILE``

With ``--case`` one command is run again, and its entry in the file replaced.

Each command of :data:`CASES` runs once undisturbed. Then runs of it are sent SIGKILL, SIGTERM or SIGINT, in turn, at a
random moment, three times each, before they may finish. Counted as faults: a traceback, more than one line about a
signal, another exit code than that of the signal, an exit code other than 0 at the end, a file that differs from the
undisturbed one, and a temporary file that is left. Bytes are compared; times, and the memory that a report states, are
left out of JSON files, and stored weights are compared by leaf.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
from checkpoints.archive import read_archive, read_archive_metadata
from pairs import InputError, Normal, Record, make_pair
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json
from pairs.sequential.spec import init_sequential

from ..commands.argument_types import Count, FilePath

__all__ = ["CASES", "compare", "main", "make_inputs"]

CHAIN = "--steps 4 --preset ddls"
FEW = "--critic-steps 220 --steps 2 --confirm 500 --first 16 --boosts 1 --pool 64 --evaluations 2000 --batch 16"
CASES = {
    "refine in shards": (0.3, f"refine --n 1200 --shard 64 {CHAIN}"),
    "refine": (0.1, f"refine --n 200 {CHAIN}"),
    "train": (0.15, "train soft-intro-vae toy:rings --steps 60 --batch 32 --plain --checkpoint-every 10"),
    "adapt": (0.2, "adapt PAIR DATA --critic-steps 320 --contrast 40"),
    "tune": (0.25, f"tune PAIR DATA {FEW} --features mnist-classifier-a"),
}
"""Share of the kills, and command line."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_BEGUN = 1.0
"""Seconds after which a command has surely begun, even on a machine that is busy."""
_TIMES = ("seconds", "hardware", "versions", "peak_memory")


def make_inputs(folder: Path) -> dict[str, str]:
    """A small pair on disk and noise as data, by the words of :data:`CASES`."""
    keys = jax.random.split(jax.random.key(0))
    layers = [{"layer": "dense", "out": 784}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 28, 28]}]
    critic = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = init_sequential(keys[0], layers, (4,)), init_sequential(keys[1], critic, (28, 28, 1))
    record = Record(name="small")
    pair = make_pair(*nets, Normal((4,)), sample_range=(-1.0, 1.0), critic_kind="logit", record=record)
    checkpoints.save_pair(folder / "pair", pair)
    (folder / "data").mkdir()
    images = np.random.default_rng(0).integers(0, 255, (2600, 28, 28, 1)).astype(np.uint8)
    np.savez(folder / "data" / "train.npz", x=images)
    return {"PAIR": str(folder / "pair"), "DATA": str(folder / "data")}


def compare(one: Path, other: Path) -> list[str]:
    """What differs between the results of two runs, and temporary files that are left in the second."""
    left = [f"{p.name} is left" for p in other.rglob("*") if p.name.endswith(".part") or "-tmp" in p.name]
    stored = [p.parent for p in one.rglob("_CHECKPOINT_METADATA")]
    inside = lambda root, p: any((root / s.relative_to(one)) in (p, *p.parents) for s in stored)
    names = [
        sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not inside(root, p))
        for root in (one, other)
    ]
    if names[0] != names[1]:
        return [*left, f"files {sorted({*names[0]} ^ {*names[1]})}"]
    differ = [f"{name} differs" for name in names[0] if _content(one / name) != _content(other / name)]
    return left + differ + [f"{s.name} differs" for s in stored if not _same_weights(s, other / s.relative_to(one))]


def _content(path: Path) -> Any:
    return _timeless(json.loads(path.read_text())) if path.suffix == ".json" else path.read_bytes()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in _TIMES}
    return [_timeless(v) for v in value] if isinstance(value, list) else value


def _same_weights(one: Path, other: Path) -> bool:
    """Whether two stored pairs, or two states of a training, hold the same arrays; ``one`` is the undisturbed side."""
    kind = read_archive_metadata(one)["format"]
    wanted, _ = read_archive(one, kind)
    try:
        found, _ = read_archive(other, kind)
    except InputError:  # whatever is wrong with it, it is not the same
        return False
    return wanted.keys() == found.keys() and all(np.array_equal(wanted[name], found[name]) for name in wanted)


def _start(words: list[str]) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "ganrefine", *words]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _stopped(words: list[str], number: signal.Signals, wait: float) -> tuple[bool, list[str]]:
    """Whether the signal came before the end, and the faults."""
    process = _start(words)
    time.sleep(wait)
    process.send_signal(number)
    said = process.communicate(timeout=600)[1]
    if process.returncode == 0:
        return False, []
    if wait < _BEGUN:  # Python itself may not have begun
        return True, []
    wanted = -number if number == signal.SIGKILL else 128 + number
    faults = [] if process.returncode == wanted else [f"exit code {process.returncode} after {number.name}"]
    if "Traceback" in said:
        faults.append(f"traceback after {number.name}: {said[-600:]}")
    if number != signal.SIGKILL and said.count("stopped by") != 1:
        faults.append(f"no line about {number.name}: {said[-200:]!r}")
    return True, faults


def _finish(words: list[str]) -> list[str]:
    process = _start(words)
    said = process.communicate(timeout=900)[1]
    return [] if process.returncode == 0 else [f"exit code {process.returncode} at the end: {said[-300:]!r}"]


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.endurance", description="Kills at random.")
    parser.add_argument("--kills", type=Count(1, 10**6), default=100)
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--case", choices=list(CASES))
    parser.add_argument("--out", type=FilePath(), required=True)
    args = parser.parse_args(argv)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell; processes begun inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    rng, began = np.random.default_rng(args.seed), time.monotonic()
    found: dict[str, dict[str, Any]] = json.loads(args.out.read_text())["cases"] if args.case else {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        inputs = make_inputs(root)
        for number, (case, (share, line)) in enumerate(CASES.items()):
            if args.case not in (None, case):
                continue
            words = [inputs.get(word, word) for word in line.split()]
            at = time.monotonic()
            faults = _finish([*words, "--out", str(root / f"calm-{number}")])
            took, kills, runs = time.monotonic() - at, 0, 0
            wanted = max(2, round(share * args.kills))
            while kills < wanted:
                out = root / f"killed-{number}-{runs}"
                for _ in range(min(3, wanted - kills)):
                    came, wrong = _stopped(
                        [*words, "--out", str(out)], SIGNALS[kills % 3], float(rng.uniform(0.1, took))
                    )
                    kills, faults = kills + came, faults + wrong
                at = time.monotonic()
                faults += [*_finish([*words, "--out", str(out)]), *compare(root / f"calm-{number}", out)]
                took = min(took, time.monotonic() - at)
                runs += 1
            found[case] = {
                "line": line,
                "seconds_at_least": took,
                "kills": kills,
                "runs": runs,
                "faults": faults,
                "seed": args.seed,
            }
            print(f"{case}: {kills} kills, {runs} runs, {len(faults)} faults", file=sys.stderr, flush=True)
    report = {
        "kills": sum(f["kills"] for f in found.values()),
        "faults": sum(len(f["faults"]) for f in found.values()),
        "cases": found,
        "seconds": time.monotonic() - began,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    return 0 if not report["faults"] else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
