"""Memory of a refinement to disk against the number of samples, and of one process that refines again and again.

``python -m benchmarks.studies.flat_memory --minutes M --out FILE``

First ``ganrefine refine --shard 1000`` runs in a process of its own for each number of samples, judged by a bundled
feature net; the peak of its memory is what the system reports when it ends. Then this process refines to disk for M
minutes, each time with another number of samples, batch and shard out of few, every third run cut short at a random
moment and finished afterwards; after each run it counts its memory, open files and compiled programs.
"""

from __future__ import annotations

import argparse
import gc
import os
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
import dcd
from dcd.langevin import driver, loop
from pairs import Normal, Pair, Record, make_pair
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json
from pairs.sequential.spec import init_sequential

from ..commands.argument_types import Count, FilePath, Number

__all__ = ["main", "peak_of", "small_pair"]

SIZES = (20_000, 200_000, 1_000_000)
BATCHES, SHARDS, COUNTS = (16, 32, 64), (64, 100, 256), (300, 500, 800)


class Cut(Exception):
    """Stands for a signal in the middle of a run."""


def small_pair(name: str) -> Pair:
    """Drawn weights, two dense layers, 28x28."""
    keys = jax.random.split(jax.random.key(0))
    layers = [{"layer": "dense", "out": 784}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 28, 28]}]
    critic = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = init_sequential(keys[0], layers, (16,)), init_sequential(keys[1], critic, (28, 28, 1))
    return make_pair(*nets, Normal((16,)), sample_range=(-1.0, 1.0), critic_kind="logit", record=Record(name=name))


def peak_of(pair: Path, n: int, out: Path) -> dict[str, float]:
    """Peak memory in MiB and seconds of one command."""
    argv = [sys.executable, "-m", "ganrefine", "refine", str(pair), "--n", str(n), "--shard", "1000", "--steps", "1"]
    began = time.monotonic()
    process = subprocess.Popen([*argv, "--batch", "1000", "--json", "--out", str(out)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the command ended with {os.waitstatus_to_exitcode(status)}")
    return {"n": n, "peak_mib": usage.ru_maxrss / 1024, "seconds": time.monotonic() - began}


def _now() -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    compiled: tuple[Any, ...] = (driver.begin, loop._call, loop._loop)
    programs = sum(f._cache_size() for f in compiled)
    return {
        "mib": pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "files": len(os.listdir("/proc/self/fd")),
        "programs": programs,
    }


def _again(pair: Pair, minutes: float, rng: np.random.Generator, root: Path) -> list[dict[str, int]]:
    rows, until, config = [], time.monotonic() + 60 * minutes, dcd.Langevin("latent", 2, 0.05)
    while time.monotonic() < until:
        number = len(rows)
        batch, shard, n = (int(rng.choice(v)) for v in (BATCHES, SHARDS, COUNTS))
        stop = int(rng.integers(1, n * config.steps)) if number % 3 == 0 else 2**62

        def cut(done: int, total: int, stop: int = stop) -> None:
            if done >= stop:
                raise Cut

        with tempfile.TemporaryDirectory(dir=root) as folder:
            for note in (cut, None):
                try:
                    dcd.refine_to(
                        pair, config, jax.random.key(number), n, folder, shard=shard, batch=batch, on_progress=note
                    )
                except Cut:
                    continue
        rows.append(_now())
    return rows


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.flat_memory", description="Memory.")
    parser.add_argument("--minutes", type=Number(0.01, 1e4), default=60.0)
    sizes = "samples of the runs whose peak is measured; none at all to run for M minutes only"
    parser.add_argument("--sizes", type=Count(1, 10**9), nargs="*", default=list(SIZES), help=sizes)
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=FilePath(), required=True)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        pair = small_pair("fashion-mnist-small")
        checkpoints.save_pair(root / "pair", pair)
        sizes = [peak_of(root / "pair", n, root / f"out-{n}") for n in args.sizes]
        rows = _again(pair, args.minutes, np.random.default_rng(args.seed), root)
    tenth = max(1, len(rows) // 10)
    mean = lambda part, key: float(np.mean([r[key] for r in part]))
    report: dict[str, Any] = {
        "sizes": sizes,
        "minutes": args.minutes,
        "runs": len(rows),
        "shapes": {"batch": BATCHES, "shard": SHARDS, "n": COUNTS},
        **{
            key: {
                "second_tenth": mean(rows[tenth : 2 * tenth] or rows, key),
                "last_tenth": mean(rows[-tenth:], key),
                "most": max(r[key] for r in rows),
            }
            for key in rows[0]
        },
        "seed": args.seed,
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(args.out, report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the command line."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
