r"""Long runs to disk: samples in shards, each written whole or not at all, resumable to the bit.

Shard i holds samples :math:`i s \dots \min((i + 1) s, n) - 1`. Sample j is a function of (pair, settings, key, j), so
that a run that was killed continues with the first shard it lacks, and its files are those of an uninterrupted run,
byte for byte on the same devices and versions. ``run.json`` says whose files these are; ``index.json`` lists all shards
once they are there, each with its SHA-256.

Part I of N is the range of shards :math:`\lfloor (I - 1) S / N \rfloor \dots \lfloor I S / N \rfloor - 1` of S. Parts
may run at the same time, on machines that share the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from pairs import InputError, Pair
from pairs.arguments import checked_key
from pairs.checks import check_count, check_labels
from pairs.io.claim import RUN_FILE, claimed, run_text
from pairs.io.files import write_bytes
from pairs.io.pixels import to_uint8
from pairs.io.sealed_arrays import read_sealed, write_sealed

from ..langevin.driver import DEFAULT_BATCH, Progress
from ..langevin.result import Result
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of
from ..selection.candidates import MOST_OUTPUTS
from ..tuning.choices import Choice, run_choice
from .identity import name_run
from .shard_index import INDEX_FILE, index_text

__all__ = ["refine_to"]


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
    label: int | None = None,
    budget: float = 1.0,
    part: tuple[int, int] = (1, 1),
    on_progress: Progress | None = None,
    on_shard: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Refine ``n`` samples into ``folder/shard-00000.npz``, ``shard-00001.npz`` and so on.

    A shard holds ``before`` and ``after`` ``(m, *sample)``, the critic's ``start_score`` and ``score``, ``stopped`` and
    ``acceptance`` (the mean over the steps), each ``(m,)``, ``labels`` of a conditional pair, and a ``seal`` over all
    of them, the run and the shard's place in it. The same call continues a run that was cut short; finished shards are
    left alone. No two processes compute the same shard at the same time.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key; samples are those of :func:`dcd.refine` with the same key.
      n: Number of samples.
      folder: A new or empty folder, or that of the same run.
      shard: Samples per file; a multiple of ``batch`` wastes nothing.
      batch: Chains that run side by side.
      uint8: Whether samples are stored as bytes 0 to 255 and not as floats; by default where the pair has a range.
      label: Class of all samples of a conditional pair; all in turn by default.
      budget: Acceptance budget of OBRS, which selects the chains' starts; 1 selects nothing.
      part: I and N: the shards of this call are part I of N.
      on_progress: Called with the sample steps done, finished shards included, and with all of this part.
      on_shard: Called with each shard of this part, in order, when it is there.

    Returns:
      The files of this part, in order.

    Raises:
      InputError: n, shard, batch, label, part or key unfit; a folder that holds another run, other files, or a damaged
        shard of this part, or at which another process is at work: nothing is computed then. A folder that cannot be
        written or vanishes: shards that are finished stay. A damaged shard of another part: it is found after this
        part is computed, when all shards are there; those of this part are finished and stay.

    Example:
      >>> import jax, jax.numpy as jnp, tempfile, pairs
      >>> net = pairs.wrap(lambda p, x: x * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> files = refine_to(pair, Langevin(steps=1), jax.random.key(0), 5, tempfile.mkdtemp(), shard=4, batch=4)
      >>> [np.load(f)["after"].shape for f in files]
      [(4, 2), (1, 2)]
    """
    key = checked_key(key, pair=pair)
    for name, value in (("n", n), ("shard", shard), ("batch", batch)):
        check_count(name, value, 1)
    shards = -(-n // shard)
    low, high = _range_of(part, shards)
    uint8 = pair.sample_range is not None if uint8 is None else uint8
    if uint8 and pair.sample_range is None:
        raise InputError("uint8", "needs a range of samples and the pair declares none", "store floats: uint8=False")
    if label is not None:
        check_labels(pair, np.asarray([label]), 1, "label")
    choice = Choice("given", config, budget)
    if budget < 1 and n > MOST_OUTPUTS:
        raise InputError("n", f"is {n} with selection of starts", f"give at most {MOST_OUTPUTS}, or a budget of 1")
    run = name_run(pair, config, key, n=n, shard=shard, batch=batch, uint8=uint8, label=label, budget=budget)
    text = run_text(run)
    about = lambda i: text + f"shard {i}".encode()
    root, digests = Path(folder), dict[int, str]()
    paths = [root / f"shard-{i:05d}.npz" for i in range(low, high)]
    sizes = [min(shard, n - i * shard) for i in range(low, high)]
    total, done = config.steps * sum(sizes), 0
    with claimed(root, run, low, high), _named_folder():
        for i, path, size in zip(range(low, high), paths, sizes, strict=True):
            if path.exists():
                digests[i], done = _digest(path, about(i)), done + size * config.steps
        for i, path, size in zip(range(low, high), paths, sizes, strict=True):
            if i not in digests:
                labels = None if label is None else np.full(size, label)
                note = None if on_progress is None else (lambda s, _, d=done: on_progress(d + s, total))
                result = run_choice(
                    pair, choice, key, size, batch=batch, first_index=i * shard, labels=labels, on_progress=note
                )
                arrays = _arrays(pair, result, i * shard, uint8, labels)
                if not (root / RUN_FILE).exists():  # writing would make the folder anew, without its run
                    raise InputError("folder", f"{root} has vanished", "run again, in a folder that stays")
                digests[i] = hashlib.sha256(write_sealed(path, arrays, about(i))).hexdigest()
                done += size * config.steps
            if on_shard is not None:
                on_shard(path)
        _join(root, run, shards, digests, about)
    if on_progress is not None:
        on_progress(total, total)
    return paths


def _range_of(part: tuple[int, int], shards: int) -> tuple[int, int]:
    mine, parts = part
    check_count("part", parts, 1)
    check_count("part", mine, 1, parts)
    if parts > shards:
        raise InputError("part", f"is one of {parts}, of {shards} shards", f"give at most {shards} parts")
    return (mine - 1) * shards // parts, mine * shards // parts


@contextlib.contextmanager
def _named_folder() -> Any:
    """What cannot be written is the argument ``folder`` here, and finished shards are kept."""
    try:
        yield
    except InputError as error:
        remedy = "make room and run again: finished shards are kept; or choose another folder"
        raise (InputError("folder", error.problem, remedy) if error.field == "out" else error) from None


def _digest(path: Path, about: bytes) -> str:
    """SHA-256 of a shard whose seal holds.

    Raises:
      InputError: The file is damaged or belongs elsewhere.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            "folder", f"{path} cannot be read ({error.strerror})", "delete that file and run again"
        ) from None
    if read_sealed(content, about) is None:
        raise InputError("folder", f"{path} is damaged", "delete that file and run again")
    return hashlib.sha256(content).hexdigest()


def _join(root: Path, run: dict[str, Any], shards: int, digests: dict[int, str], about: Callable[[int], bytes]) -> None:
    """Write the index if all shards are there, those of other parts included."""
    paths = [root / f"shard-{i:05d}.npz" for i in range(shards)]
    if not all(i in digests or path.exists() for i, path in enumerate(paths)):
        return
    for i, path in enumerate(paths):
        if i not in digests:
            digests[i] = _digest(path, about(i))
    text = index_text(run, paths, [digests[i] for i in range(shards)])
    there = root / INDEX_FILE
    if not there.exists() or there.read_bytes() != text:
        write_bytes(there, text)


def _arrays(pair: Pair, result: Result, first: int, uint8: bool, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    span = pair.sample_range if uint8 else None
    form = np.asarray if span is None else lambda x: to_uint8(x, span)
    steps = len(result.trace.score)
    count = len(result.before)
    arrays = {
        "before": form(result.before),
        "after": form(result.after),
        "start_score": result.start_score,
        "score": result.score,
        "stopped": result.stopped,
        "acceptance": np.asarray(result.trace.acceptance, np.float32).mean(0) if steps else np.ones(count, np.float32),
    }
    own = labels_of(pair, np.arange(count) + first) if labels is None else labels
    return arrays if own is None else {**arrays, "labels": np.asarray(own)}
