r"""What a run has finished, kept on disk until the run ends, so that the same run goes on after a stop of any kind.

A run is a list of steps, each a function of the run's settings and of the steps before it. What a step gives lies in
``NAME.npz``, written whole or not at all, under a seal

.. math:: \mathrm{SHA256}\big(\text{run} \,\|\, \text{NAME} \,\|\, \text{content}\big),

so that a file that was cut, changed, renamed or made by another run is never used. A run that goes on reads its steps
instead of making them, and ends with what a run would give that was never stopped. :mod:`pairs.io.work_folder` claims
the folder.
"""

from __future__ import annotations

import dataclasses
import glob
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ..arrays import on_device
from ..errors import InputError
from .claim import RUN_FILE
from .sealed_arrays import read_sealed, write_sealed

__all__ = ["INPUTS", "Entry", "Work", "as_json"]

INPUTS = "inputs"
"""Name of the step that says what a part began with."""

RARELY = 20
"""A state is saved again after so many times the seconds that saving it took: a twentieth of the time, at most."""
_RECORD = "record"


class Entry(NamedTuple):
    """What a step gave.

    Attributes:
      arrays: Arrays by name.
      record: JSON values.
    """

    arrays: dict[str, np.ndarray]
    record: Any


@dataclasses.dataclass
class _Clock:
    """Seconds of this sitting and of those before, what this one wrote, and when it saved states."""

    began: float = dataclasses.field(default_factory=time.monotonic)
    before: float = 0.0
    own: set[str] = dataclasses.field(default_factory=set)
    saved: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Work:
    """Steps that are kept; without a folder every step is made anew and nothing is written.

    Attributes:
      root: The folder, or None.
      run: What names the run, in the bytes of ``run.json``.
      prefix: What the names of this part begin with.
      field: The argument that refusals name.
      clock: Shared by all parts.

    Example:
      >>> Work().step("drawn", lambda: (3, 4))
      [3, 4]
    """

    root: Path | None = None
    run: bytes = b""
    prefix: str = ""
    field: str = "work"
    clock: _Clock = dataclasses.field(default_factory=_Clock)

    def part(self, name: str) -> Work:
        """The same folder, for steps whose names begin with ``name``."""
        return dataclasses.replace(self, prefix=f"{self.prefix}{name}.")

    @property
    def seconds(self) -> float:
        """Seconds since the run began, those of earlier sittings up to their last step included."""
        return self.clock.before + time.monotonic() - self.clock.began

    def read(self, name: str) -> Entry | None:
        """What the step gave, or None where it is not finished.

        Raises:
          InputError: The file is damaged or belongs elsewhere.
        """
        path = self._path(name)
        if path is None or not path.exists():
            return None
        try:
            arrays = read_sealed(path.read_bytes(), self._about(name))
        except OSError as error:
            problem = f"{path} cannot be read ({error.strerror})"
            raise InputError(self.field, problem, "delete that file and run again") from None
        if arrays is None:
            raise InputError(self.field, f"{path} is damaged", "delete that file and run again")
        told = json.loads(arrays[_RECORD].tobytes())
        if path.name not in self.clock.own:
            self.clock.before = max(self.clock.before, told["seconds"])
        return Entry({k[2:]: v for k, v in arrays.items() if k.startswith("a.")}, told["record"])

    def write(self, name: str, arrays: Mapping[str, np.ndarray] | None = None, record: Any = None) -> None:
        """Keep what a step gave.

        Raises:
          InputError: The folder cannot be written, or has vanished.
        """
        path = self._path(name)
        if path is None:
            return
        if not path.with_name(RUN_FILE).exists():  # writing would make the folder anew, without its run
            raise InputError(self.field, f"{path.parent} has vanished", "run again, in a folder that stays")
        told = json.dumps({"record": record, "seconds": self.seconds}, default=_plain).encode()
        self.clock.own.add(path.name)
        content = {f"a.{k}": v for k, v in (arrays or {}).items()} | {_RECORD: np.frombuffer(told, np.uint8)}
        try:
            write_sealed(path, content, self._about(name))
        except InputError as error:
            remedy = "make room and run again: finished steps are kept; or choose another folder"
            raise InputError(self.field, error.problem, remedy) from None

    def step(self, name: str, make: Callable[[], Any]) -> Any:
        """JSON values that ``make`` gives, or that it gave before; the same in both cases, tuples as lists."""
        found = self.read(name)
        if found is not None:
            return found.record
        made = as_json(make())
        self.write(name, record=made)
        return made

    def agree(self, **given: Any) -> None:
        """Refuse to go on with other inputs than those with which this part began.

        Args:
          **given: Inputs in JSON form, or digests of them.

        Raises:
          InputError: One of them differs; the error names the first.
        """
        if self.root is None:
            return
        known = self.step(INPUTS, lambda: given)
        for name, value in as_json(given).items():
            if known.get(name) != value:
                remedy = f"give the same to go on, choose another folder, or delete {self.root} to begin anew"
                raise InputError(self.field, f"{self.root} holds a run with another {name}", remedy)

    def arrays(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Arrays that ``make`` gives, or that it gave before."""
        found = self.read(name)
        if found is not None:
            return found.arrays
        made = make()
        self.write(name, made)
        return made

    def save(self, name: str, tree: Any, record: Any, final: bool = True) -> None:
        """Keep a pytree of arrays, in place of the one that was kept under this name.

        Args:
          name: The step.
          tree: The arrays.
          record: JSON values beside them.
          final: Whether it must be kept; else it is left out where saving took a good part of the time since then.
        """
        if self.root is None:
            return
        key = self.prefix + name
        ended, took = self.clock.saved.get(key, (0.0, 0.0))
        began = time.monotonic()
        if not final and began - ended < RARELY * took:
            return
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        self.write(name, {jax.tree_util.keystr(path): _storable(leaf) for path, leaf in leaves}, record)
        self.clock.saved[key] = (time.monotonic(), time.monotonic() - began)

    def load(self, name: str, like: Any) -> tuple[Any, Any] | None:
        """A pytree of :meth:`save`, to the bit, and its record.

        Args:
          name: The step.
          like: A tree of the same structure, with the shapes and types of its leaves.

        Raises:
          InputError: Damaged, or of another structure, as other versions of this program may write.
        """
        found = self.read(name)
        if found is None:
            return None
        leaves, structure = jax.tree_util.tree_flatten_with_path(like)
        wanted = {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
        if {n: np.shape(v) for n, v in wanted.items()} != {n: v.shape for n, v in found.arrays.items()}:
            problem = f"{self._path(name)} does not fit this run"
            raise InputError(self.field, problem, f"delete {self.root} and run again")
        stored = [_restored(found.arrays[n], leaf) for n, leaf in wanted.items()]
        return jax.tree.unflatten(structure, stored), found.record

    def forget(self) -> None:
        """Remove all steps of this part, where later ones make them needless."""
        for path in () if self.root is None else self.root.glob(f"{glob.escape(self.prefix)}*.npz"):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path | None:
        return None if self.root is None else self.root / f"{self.prefix}{name}.npz"

    def _about(self, name: str) -> bytes:
        return self.run + f"{self.prefix}{name}".encode()


def as_json(value: Any) -> Any:
    """A value as it is after it was kept: tuples as lists, numbers of NumPy and JAX as Python's."""
    return json.loads(json.dumps(value, default=_plain))


def _storable(leaf: Any) -> np.ndarray:
    """A leaf in a type that NPZ files know; types of JAX's own as whole numbers of their size."""
    a = np.asarray(leaf)
    return a.view(f"u{a.dtype.itemsize}") if a.dtype.kind == "V" else a


def _restored(array: np.ndarray, like: Any) -> Any:
    dtype = np.dtype(getattr(like, "dtype", array.dtype))
    stored = dtype.kind == "V" and array.dtype.kind == "u" and array.dtype.itemsize == dtype.itemsize
    return on_device(array.view(dtype) if stored else array)  # a training may have widened the type


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(type(value).__name__)
