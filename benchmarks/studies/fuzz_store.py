"""Mutations of a sealed pair: a changed file is an error, or changes nothing that is read.

A case is a stored pair with one file mutated as :func:`benchmarks.studies.file_mutations.mutated` does, cut to nothing,
removed, or joined by a file that was not there. It passes if loading ends in the project's own error in one line, or
gives the pair that was stored, to the bit, within five seconds of processor time.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from checkpoints import load_pair, save_pair
from pairs import InputError, Normal, Pair, make_pair
from pairs.sequential.spec import init_sequential

__all__ = ["fuzz_store"]

_SECONDS = 5.0


def _stored(path: Path) -> Pair:
    keys = jax.random.split(jax.random.key(0))
    maker = init_sequential(keys[0], [{"layer": "dense", "out": 4}, {"layer": "tanh"}], (3,))
    judge = init_sequential(keys[1], [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (4,))
    pair = make_pair(maker, judge, Normal((3,)), sample_range=(-1.0, 1.0), critic_kind="logit", check=False)
    save_pair(path, pair)
    return pair


def fuzz_store(cases: int, seed: int, folder: Path, mutated: Callable[[bytes, bytes, random.Random], bytes]) -> Any:
    """Run ``cases`` cases.

    Args:
      cases: How many.
      seed: Of all choices; a case is a function of it and of its number.
      folder: Where the pair is stored.
      mutated: Makes one content of two, see the module of that name.

    Returns:
      ``{counts, violations, slowest_seconds}``.
    """
    sound, copy = folder / "sealed", folder / "changed"
    pair = _stored(sound)
    files = sorted(str(p.relative_to(sound)) for p in sound.rglob("*") if p.is_file())
    shutil.copytree(sound, copy)
    counts = {"cases": 0, "read": 0, "refused": 0, "failed": 0}
    violations, slowest = [], 0.0
    for i in range(cases):
        draw = random.Random(f"{seed}-{i}")
        name = files[i % len(files)]
        content = (sound / name).read_bytes()
        changed, other = copy / name, (sound / draw.choice(files)).read_bytes() or b"\0"
        kind = draw.randrange(12)
        if kind == 0:
            changed.unlink()
        elif kind == 1:
            (copy / f"{name}.more").write_bytes(other)
        else:
            changed.write_bytes(b"" if kind == 2 else mutated(content, other, draw))
        outcome, problem, seconds = _outcome(copy, pair)
        slowest = max(slowest, seconds)
        counts["cases"] += 1
        counts[outcome] += 1
        if problem or seconds > _SECONDS:
            violations.append({"case": i, "file": f"sealed/{name}", "problem": problem or f"took {seconds:.1f} s"})
        changed.write_bytes(content)
        (copy / f"{name}.more").unlink(missing_ok=True)
    return {"counts": {"sealed pair": counts}, "violations": violations, "slowest_seconds": round(slowest, 3)}


def _outcome(path: Path, pair: Pair) -> tuple[str, str | None, float]:
    began = time.process_time()
    try:
        found = load_pair(path)
    except InputError as error:
        one_line = str(error).isprintable()
        return "refused", None if one_line else ascii(str(error))[:200], time.process_time() - began
    except Exception as error:  # whatever else comes out is what is looked for
        return "failed", f"{type(error).__name__}: {ascii(str(error))[:200]}", time.process_time() - began
    seconds = time.process_time() - began
    same = jax.tree.structure(found) == jax.tree.structure(pair) and all(
        np.array_equal(a, b) for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(pair), strict=True)
    )
    return "read", None if same else "another pair was read", seconds
