"""Damaged and hostile files in large numbers: what each reader does with seeded mutations of sound files.

ONNX files (where the package onnx is installed) are read and their graph is traced; of sealed pairs see
:mod:`benchmarks.studies.fuzz_store`.

A case is a sound file of one format with one to four mutations: bits flipped, bytes set, cut out,
doubled or inserted, numbers replaced by extreme ones, two files spliced, or the file cut short
(:mod:`benchmarks.studies.file_mutations`). Half
of the cases of an archive change the content of a member and make the archive agree with it, so
that the reader behind the checksum is met. A case passes if

- it is read, or refused by the project's own error in one line;
- no import, compilation, execution, process, network connection or file opened for writing is seen by
  an audit hook while it is read;
- it takes at most five seconds of processor time;
- the peak memory of the process stays within the peak before the first case, twice the file, and 100 MB.

``python -m benchmarks.studies.fuzz_files --cases 55000 --out FILE`` writes the counts and every violation.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checkpoints import onnx_generator
from checkpoints.foreign.tensors import read_foreign
from pairs import InputError, Normal
from pairs.io.images import read_images
from pairs.io.reports import hardware, versions, write_json

from .file_mutations import mutated, mutated_inside
from .fuzz_store import fuzz_store
from .sound_files import KERAS, SOUND
from .sound_graphs import ONNX

__all__ = ["Watch", "fuzz", "read_any"]

_EVENTS = (
    "import",
    "exec",
    "compile",
    "os.",
    "subprocess",
    "socket",
    "shutil",
    "pickle",
    "ctypes",
    "pty",
    "webbrowser",
)
_PASSED = ("os.listdir", "os.scandir")
_SECONDS, _MEGABYTES = 5.0, 100.0
_ARCHIVES = (".pth", ".npz", ".keras")


class Watch:
    """An audit hook: it notes events that reading a file has no use for, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        self.passed: tuple[str, ...] = _PASSED
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        wanted = event.startswith(_EVENTS) and event not in self.passed
        if event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1]):
            wanted = True
        if wanted:
            self.seen.append(f"{event} {ascii(arguments)[:120]}")


def read_any(path: Path) -> None:
    """Read a file by the reader of its kind.

    Args:
      path: of weights or images.
    """
    if path.suffix == ".onnx":
        onnx_generator(path, Normal((6,)))
    elif "images" in path.name or "picture" in path.name:
        read_images(path)
    else:
        read_foreign(path)


def _hang(*_: Any) -> None:
    raise TimeoutError("more than ten seconds")


def fuzz(
    cases: int,
    seed: int,
    folder: Path,
    watch: Watch,
    makers: dict[str, Callable[[], bytes]] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Run ``cases`` cases, the same number of each format.

    Args:
      cases: how many.
      seed: of all choices; a case is a function of it and of the case's number.
      folder: where cases are written, one at a time.
      watch: the audit hook.
      makers: sound files by name; all by default.
      on_progress: called with the number of cases done.

    Returns:
      ``{counts, violations, slowest_seconds, peak_growth_mb}``.
    """
    sound = {name: make() for name, make in (makers or SOUND).items()}
    names, counts, violations, slowest = list(sound), {}, [], 0.0
    for name in names:  # everything that is imported once is imported now
        (folder / name).write_bytes(sound[name])
        for content in (sound[name], sound[name][: len(sound[name]) // 2], sound[name][:3] + bytes(40)):
            (folder / name).write_bytes(content)
            try:
                read_any(folder / name)
            except InputError:
                pass
    before = _peak()
    for i in range(cases):
        draw, name = random.Random(f"{seed}-{i}"), names[i % len(names)]
        other = sound[draw.choice(names)]
        inside = name.endswith(_ARCHIVES) and draw.random() < 0.5 and sound[name][:2] == b"PK"
        content = (mutated_inside if inside else mutated)(sound[name], other, draw)
        (folder / name).write_bytes(content)
        outcome, problem, seconds = _outcome(folder / name, watch)
        grown, slowest = _peak() - before, max(slowest, seconds)
        if seconds > _SECONDS:
            problem = f"took {seconds:.1f} s"
        if grown > 2 * len(content) / 1e6 + _MEGABYTES:
            problem, before = f"took {grown:.0f} MB", _peak()
        if problem:
            violations.append({"case": i, "file": name, "problem": problem})
        entry = counts.setdefault(name, {"cases": 0, "read": 0, "refused": 0})
        entry["cases"] += 1
        entry[outcome] = entry.get(outcome, 0) + 1
        if on_progress is not None and i % 1000 == 999:
            on_progress(i + 1)
    growth = round(_peak() - before, 1)
    return {"counts": counts, "violations": violations, "slowest_seconds": round(slowest, 3), "peak_growth_mb": growth}


def _outcome(path: Path, watch: Watch) -> tuple[str, str | None, float]:
    watch.seen.clear()
    signal.setitimer(signal.ITIMER_PROF, 10.0)
    began, problem = time.process_time(), None
    watch.on = True
    try:
        read_any(path)
        outcome = "read"
    except InputError as error:
        outcome = "refused"
        if not str(error).isprintable():
            problem = f"a message that is not one printable line: {ascii(str(error))[:200]}"
    except BaseException as error:  # whatever else comes out is what is looked for
        outcome, problem = "failed", f"{type(error).__name__}: {ascii(str(error))[:200]}"
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
    if watch.seen:
        problem = f"seen: {watch.seen[0]}"
    return outcome, problem, time.process_time() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.fuzz_files", description=__doc__)
    parser.add_argument("--cases", type=int, default=55_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the result")
    args = parser.parse_args()
    signal.signal(signal.SIGPROF, _hang)
    warnings.simplefilter("ignore")
    began = time.process_time()
    tell = lambda done: print(f"{done} of {args.cases}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch()
        found = fuzz(args.cases, args.seed, Path(folder), watch, on_progress=tell)
        more = [fuzz_store(max(1, args.cases // 25), args.seed, Path(folder), mutated)]
        if importlib.util.find_spec("onnx") is not None:
            more.append(fuzz(max(1, args.cases // 12), args.seed, Path(folder), watch, ONNX))
        if importlib.util.find_spec("h5py") is not None:
            watch.passed += ("subprocess.Popen", "os.posix_spawn", "os.fork")  # the trial of a file is a process
            more.append(fuzz(args.cases // 100, args.seed, Path(folder), watch, KERAS))
        for part in more:
            found["counts"] |= part["counts"]
            found["violations"] += part["violations"]
            for name in ("slowest_seconds", "peak_growth_mb"):
                found[name] = max(found[name], part.get(name, 0.0))
    limits = {"seconds": _SECONDS, "megabytes_beside_twice_the_file": _MEGABYTES}
    report = {
        "cases": sum(entry["cases"] for entry in found["counts"].values()),
        "seed": args.seed,
        "limits": limits,
        **found,
    }
    report |= {
        "processor_seconds": round(time.process_time() - began, 1),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    print(json.dumps({k: report[k] for k in ("cases", "counts", "slowest_seconds", "peak_growth_mb")}, indent=1))
    print(f"{len(found['violations'])} violations")
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
