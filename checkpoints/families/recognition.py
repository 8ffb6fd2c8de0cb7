"""Which published family the nets in some files belong to.

Every state dict in the files is shown to every family. A family fits if one state dict is its generator and, where
the files hold more nets, another one is its critic. Two families that would build the same nets are one answer; two
that would build different ones (their tensors do not differ) are an error that names the option to decide with.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError
from pairs.io.paths import as_path

from ..foreign.limits import shown
from ..foreign.modules import Module
from ..foreign.state_dicts import candidates, is_average, unwrapped
from ..foreign.tensors import ForeignFile, read_foreign
from .family import Family, NetPlan
from .names import Names
from .table import FAMILIES, find_family

_DESCRIBED = (".onnx", ".h5", ".hdf5", ".keras")
"""Formats that say what their nets compute."""

__all__ = ["Recognition", "StateDict", "recognise_files"]


@dataclasses.dataclass(frozen=True)
class StateDict:
    """One net's tensors.

    Attributes:
      path: The file.
      key: Where in the file; empty for the file itself.
      format: Of the file.
      tensors: By name, without the prefixes of wrappers.
      said: What was taken off.
      module: The tree of modules with their settings, where the file holds whole modules.
    """

    path: Path
    key: str
    format: str
    tensors: dict[str, np.ndarray] = dataclasses.field(repr=False)
    said: tuple[str, ...] = ()
    module: Module | None = dataclasses.field(default=None, repr=False)

    @property
    def where(self) -> str:
        """File and key, for messages."""
        return f"'{shown(self.key)}' in '{self.path.name}'" if self.key else f"'{self.path.name}'"


@dataclasses.dataclass(frozen=True)
class Recognition:
    """Nets of a family.

    Attributes:
      families: The family, or several that build the same nets.
      generator: Its state dict and plan.
      critic: The same of the critic, ``None`` where the files hold none.
      notes: What was chosen, one sentence each.
    """

    families: tuple[Family, ...]
    generator: tuple[StateDict, NetPlan]
    critic: tuple[StateDict, NetPlan] | None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the nets are, in words."""
        first, *others = (f.title for f in self.families)
        names = [first, *(o.removeprefix(f"{first.partition(' ')[0]} ") for o in others)]
        both = ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else first
        return f"{both} ({self.generator[1].words})"


def recognise_files(files: Sequence[str | os.PathLike[str]], family: str | None = None) -> Recognition | None:
    """The family of the nets in one or two files.

    Args:
      files: Generator and critic in any order, or one file with both, or a generator alone.
      family: Name of the family, where the tensors fit several.

    Returns:
      The family and its nets; ``None`` where the nets belong to no family known here.

    Raises:
      InputError: A file that cannot be read; a tensor that a recognised net lacks; nets that several families
        would build differently; a file that does not belong to the other one; an unknown family.
    """
    if any(Path(path).suffix in _DESCRIBED for path in files):
        return None
    among = FAMILIES if family is None else (find_family(family),)
    held = [state for path in files for state in _state_dicts(path, read_foreign(path))]
    found = [recognition for one in among for recognition in _fitting(one, held)]
    if not found:
        if family is not None:
            problem = f"{', '.join(s.where for s in held)} hold no generator of {among[0].title}"
            raise InputError("family", problem, "leave it out, or describe the layers in a pair.toml")
        return None
    complete = [r for r in found if r.critic is not None] or found
    joined = _joined(complete)
    if len(joined) > 1:
        titles = " and ".join(r.families[0].title for r in joined)
        names = " or ".join(f"--family {r.families[0].name}" for r in joined)
        raise InputError("family", f"is not decided by the tensors, which fit {titles}", f"give {names}")
    (made,) = joined
    used = {made.generator[0].path} | ({made.critic[0].path} if made.critic else set())
    idle = [str(path) for path in files if as_path("files", path) not in used]
    if idle:
        problem = f"'{idle[0]}' holds no critic of {made.title}"
        raise InputError("files", problem, "give the discriminator that was trained with it, or the generator alone")
    return made


def _state_dicts(path: str | os.PathLike[str], foreign: ForeignFile) -> Iterator[StateDict]:
    for key, inside in candidates(foreign.tensors, foreign.parts).items():
        tensors, said = unwrapped(inside)
        yield StateDict(as_path("files", path), key, foreign.format, tensors, said, foreign.modules.get(key))


def _fitting(family: Family, held: Sequence[StateDict]) -> Iterator[Recognition]:
    """The family's nets among the state dicts: at most one answer."""
    names = {id(state): Names(state.tensors, f"{family.title} in {state.where}", state.module) for state in held}
    plans = [(s, p) for s in held if (p := family.generator(names[id(s)])) is not None]
    if not plans:
        return
    generator, made = _one(plans, family)
    notes: list[str] = []
    if len(plans) > 1:
        others = ", ".join(s.where for s, _ in plans if s is not generator)
        notes.append(f"generator: {generator.where} was taken, the average of the weights; {others} would fit too")
    rest = [s for s in held if s not in (p[0] for p in plans)]
    critics = [(s, p) for s in rest if (p := family.critic(names[id(s)], made)) is not None]
    yield Recognition((family,), (generator, made), _one(critics, family) if critics else None, tuple(notes))


def _one(plans: Sequence[tuple[StateDict, NetPlan]], family: Family) -> tuple[StateDict, NetPlan]:
    averages = [p for p in plans if is_average(p[0].key)]
    if len(plans) == 1:
        return plans[0]
    if len(averages) == 1:
        return averages[0]
    where = ", ".join(s.where for s, _ in plans)
    raise InputError("files", f"hold several nets of {family.title}: {where}", "save the one that is meant alone")


def _joined(found: Iterable[Recognition]) -> list[Recognition]:
    """Answers that build the same nets, put together."""
    groups: dict[Any, list[Recognition]] = {}
    for one in found:
        critic = one.critic and (id(one.critic[0]), one.critic[1].layers, one.critic[1].native)
        kind = one.families[0].critic_kind if one.critic else None
        generator = (id(one.generator[0]), one.generator[1].layers, one.generator[1].native)
        groups.setdefault((generator, critic, kind), []).append(one)
    return [dataclasses.replace(g[0], families=tuple(r.families[0] for r in g)) for g in groups.values()]
