r"""Long runs to disk: samples in shards, each written whole or not at all, resumable to the bit.

Shard i holds samples :math:`i s \dots \min((i + 1) s, n) - 1`. Sample j is a function of (pair, settings, key, j), so
that a run that was killed continues with the first shard it lacks, and its files are those of an uninterrupted run,
byte for byte on the same devices and versions. ``run.json`` says whose files these are: it holds the settings, the key,
n and a digest of the weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import InputError, Pair, Record
from pairs.arguments import checked_key
from pairs.checks import check_count
from pairs.io.files import write_whole
from pairs.io.pixels import to_uint8

from .chain import refine
from .driver import DEFAULT_BATCH, Progress
from .result import Result
from .settings import Langevin
from .starts import labels_of

__all__ = ["pair_digest", "refine_to"]

RUN_FILE = "run.json"


def refine_to(
    pair: Pair,
    config: Langevin,
    key: Array,
    n: int,
    folder: str | os.PathLike[str],
    *,
    shard: int = 1000,
    batch: int = DEFAULT_BATCH,
    uint8: bool | None = None,
    on_progress: Progress | None = None,
) -> list[Path]:
    """Refine ``n`` samples into ``folder/shard-00000.npz``, ``shard-00001.npz`` and so on.

    A shard holds ``before`` and ``after`` ``(m, *sample)``, the critic's ``start_score`` and ``score`` and ``stopped``,
    each ``(m,)``, and ``labels`` of a conditional pair. The same call continues a run that was cut short; finished
    shards are left alone.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key; samples are those of :func:`dcd.refine` with the same key.
      n: Number of samples.
      folder: A new or empty folder, or that of the same run.
      shard: Samples per file; a multiple of ``batch`` wastes nothing.
      batch: Chains that run side by side.
      uint8: Whether samples are stored as bytes 0 to 255 and not as floats; by default where the pair has a range.
      on_progress: Called with the sample steps done, finished shards included, and with all of them.

    Returns:
      The files, in order.

    Raises:
      InputError: n, shard, batch or key unfit; a folder that cannot be written, holds another run, other files, or a
        damaged shard. Nothing is written then.

    Example:
      >>> import jax.numpy as jnp, tempfile, pairs
      >>> net = pairs.wrap(lambda p, x: x * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> files = refine_to(pair, Langevin(steps=1), jax.random.key(0), 5, tempfile.mkdtemp(), shard=4, batch=4)
      >>> [np.load(f)["after"].shape for f in files]
      [(4, 2), (1, 2)]
    """
    key = checked_key(key, pair=pair)
    for name, value in (("n", n), ("shard", shard), ("batch", batch)):
        check_count(name, value, 1)
    uint8 = pair.sample_range is not None if uint8 is None else uint8
    if uint8 and pair.sample_range is None:
        raise InputError("uint8", "needs a range of samples and the pair declares none", "store floats: uint8=False")
    run = {
        "n": n,
        "shard": shard,
        "batch": batch,
        "uint8": uint8,
        "config": config.to_dict(),
        "key": {"impl": str(jax.random.key_impl(key)), "data": np.asarray(jax.random.key_data(key)).tolist()},
        "pair": {"name": pair.name, "digest": pair_digest(pair)},
    }
    root = Path(folder)
    ours = _claim(root, run)
    paths = [root / f"shard-{i:05d}.npz" for i in range(-(-n // shard))]
    missing = [i for i, path in enumerate(paths) if not _finished(path, min(shard, n - i * shard))]
    total = n * config.steps
    for i in missing:
        first, count = i * shard, min(shard, n - i * shard)
        note = None if on_progress is None else (lambda s, _, f=first: on_progress(f * config.steps + s, total))
        result = refine(pair, config, key, count, batch=batch, first_index=first, on_progress=note)
        if not ours:
            _write(root / RUN_FILE, lambda file: file.write(_text(run)))
            ours = True
        arrays = _arrays(pair, result, first, uint8)
        _write(paths[i], lambda file, arrays=arrays: np.savez(file, **arrays))
    if on_progress is not None:
        on_progress(total, total)
    return paths


def pair_digest(pair: Pair) -> str:
    """SHA-256 over what a chain uses of a pair: weights of both nets, prior, range, shape and classes."""
    about = [Record(pair.prior.record()).to_dict(), pair.sample_shape, pair.sample_range, pair.classes]
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path((pair.generator.params, pair.critic.params, pair.prior)):
        a = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {a.dtype.name} {a.shape}\0".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()


def _arrays(pair: Pair, result: Result, first: int, uint8: bool) -> dict[str, Any]:
    span = pair.sample_range if uint8 else None
    form = np.asarray if span is None else lambda x: to_uint8(x, span)
    score = result.trace.score[-1] if len(result.trace.score) else result.start_score
    arrays = {
        "before": form(result.before),
        "after": form(result.after),
        "start_score": result.start_score,
        "score": np.asarray(score),
        "stopped": result.stopped,
    }
    labels = labels_of(pair, np.arange(len(result.before)) + first)
    return arrays if labels is None else {**arrays, "labels": np.asarray(labels)}


def _text(run: dict[str, Any]) -> bytes:
    return (json.dumps(run, indent=2, sort_keys=True) + "\n").encode()


def _claim(root: Path, run: dict[str, Any]) -> bool:
    """Whether this run already lives in ``root``; refuses a folder that is not this run's and not empty."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if (root / RUN_FILE).exists():
            return _same(root, run)
        # a killed run may leave files that begin with a dot
        strangers = [p.name for p in root.iterdir() if not p.name.startswith(".")]
        probe = root / f".{RUN_FILE}.part"
        probe.write_bytes(_text(run))
        probe.unlink()
    except OSError as error:
        raise _unwritable(root, error) from error
    if strangers:
        raise InputError("folder", f"{root} holds {sorted(strangers)[0]} and no {RUN_FILE}", "choose an empty folder")
    return False


def _same(root: Path, run: dict[str, Any]) -> bool:
    try:
        there = json.loads((root / RUN_FILE).read_bytes())
    except ValueError:
        there = None
    if not isinstance(there, dict):
        raise InputError("folder", f"{root / RUN_FILE} is not readable", "choose an empty folder")
    here = json.loads(_text(run))
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            raise InputError("folder", f"{root} holds a run with another {name}", "choose an empty folder")
    return True


def _finished(path: Path, count: int) -> bool:
    """Whether a shard is there and whole."""
    if not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as file:
            whole = file.testzip() is None
        with np.load(path) as arrays:
            whole = whole and len(arrays["stopped"]) == count
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        whole = False
    if not whole:
        raise InputError("folder", f"{path} is damaged", "delete that file and run again")
    return True


def _write(path: Path, put: Callable[[Any], Any]) -> None:
    """Write ``path`` whole or not at all; what a killed run left of it goes first."""
    try:
        for part in path.parent.glob(f".{path.name}.*.part"):
            part.unlink()
        write_whole(path, put)
    except InputError as error:
        raise InputError("folder", error.problem, error.remedy) from error
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _unwritable(root: Path, error: OSError) -> InputError:
    return InputError("folder", f"{root} cannot be written ({error.strerror})", "choose a folder with room to write to")
