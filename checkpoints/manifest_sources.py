"""The weight files of a manifest, their tensors converted, and modules of equal shape put in order."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError, Net, Pair
from pairs.io.paths import as_path
from pairs.sequential.layers import walk
from pairs.sequential.spec import sequential_net

from .conversion import Conversion
from .digest import file_digest
from .foreign.limits import shown
from .foreign.tensors import read_foreign
from .golden import measure_golden
from .manifest_values import NetManifest
from .matching import Doubt
from .parts import choose_part, convert_net, keys_that_fit

__all__ = ["Source", "folder_of", "inside", "nets_of", "settle"]

_SORTED = ("safetensors", "npz")
"""Formats whose order of tensors is that of their names, not that of the modules."""

_MOST_ORDERS = 120


@dataclasses.dataclass
class Source:
    """One weight file, and the conversion of its tensors in the order of the file.

    Attributes:
      net: What the manifest says of the net.
      tensors: Those of the part that was chosen.
      made: Their conversion.
      format: Of the file.
      provenance: Name, format, digest and part of the file.
      said: What was decided on reading, in sentences.
    """

    net: NetManifest
    tensors: dict[str, np.ndarray]
    made: Conversion
    format: str
    provenance: dict[str, Any]
    said: tuple[str, ...]

    @classmethod
    def read(cls, net: NetManifest, folder: Path) -> Source:
        """The file of a net.

        Args:
          net: The net.
          folder: Where its file lies.

        Raises:
          InputError: A missing, damaged or refused file, or tensors that do not match the layers.
        """
        path = inside(folder, net.file, f"{net.section}.file")
        try:
            foreign = read_foreign(path)
            choice = choose_part(net, foreign, path)
            sha256 = file_digest(path)
        except InputError as error:
            raise InputError(f"{net.section}.{error.field}", error.problem, error.remedy) from None
        if net.sha256 is not None and net.sha256.lower() != sha256:
            problem = f"of '{path}' is {sha256}, the manifest says {net.sha256}"
            raise InputError(f"{net.section}.sha256", problem, "use the file the manifest was written for")
        about = {"file": path.name, "format": foreign.format, "sha256": sha256, "key": choice.key}
        skipped = f"left unread: {', '.join(foreign.skipped)}"[:200]
        said = choice.said + ((skipped,) if foreign.skipped else ())
        try:
            made = convert_net(net, choice.tensors)
        except InputError as error:
            unread = ", ".join(shown(n) for n in list(foreign.skipped)[:4])
            problem = f"{error.problem} (left unread: {unread})" if unread else error.problem
            keys = keys_that_fit(net, foreign) if net.key is None else None
            remedy = f"{error.remedy}; or write {keys}, if the others belong to another net" if keys else error.remedy
            raise InputError(error.field, problem, remedy) from None
        return cls(net, choice.tensors, made, foreign.format, about, said)

    def notes(self) -> Iterator[str]:
        """What was decided, left out or held fixed, one sentence each."""
        where = self.net.section
        yield from (f"{where}: {line}" for line in self.said)
        if self.made.ignored:
            yield f"{where}: ignored {', '.join(self.made.ignored)}"
        for row in self.made.table:
            if row.note:
                yield f"{row.path} '{row.kind}': {row.note}"
        for path, layer, _ in walk(self.net.layers, self.net.input_shape, f"{where}.layers"):
            if layer.kind == "minibatch_stddev":
                yield f"{path} 'minibatch_stddev' mixes the samples of a batch: its channel is held fixed"


def nets_of(sources: Sequence[Source], chosen: Mapping[str, str]) -> dict[str, Net]:
    """The nets by section.

    Args:
      sources: The files.
      chosen: For slots of layers whose modules names do not tell, the module of each.
    """
    nets: dict[str, Net] = {}
    for source in sources:
        net = source.net
        mine = {path: module for path, module in chosen.items() if path.startswith(net.section)}
        made = convert_net(net, source.tensors, mine) if mine else source.made
        # Module prefixes have served; without them equal architectures are equal, and traced once.
        nets[net.section] = sequential_net([layer.converted() for layer in net.layers], made.params, net.input_shape)
    return nets


def settle(
    sources: Sequence[Source],
    check: str | os.PathLike[str] | None,
    pair_of: Callable[[dict[str, Net]], Pair],
) -> dict[str, str]:
    """The order of modules of equal shape that reproduces the golden file.

    Args:
      sources: The files; their conversions become those of the order.
      check: The golden file.
      pair_of: Makes a pair of the nets, unchecked.

    Returns:
      The module of each slot; nothing where names tell everything.

    Raises:
      InputError: Modules could be exchanged, and there is no golden file.
    """
    open_ = [(source, doubt) for source in sources for doubt in source.made.doubts]
    if open_ and check is None:
        raise _undecided(*open_[0])
    if not open_ or check is None:
        return {}
    doubts = [doubt for _, doubt in open_]
    orders = itertools.product(*(itertools.permutations(doubt.modules) for doubt in doubts))
    best, least = {}, float("inf")
    for order in itertools.islice(orders, _MOST_ORDERS):
        chosen = {
            s: m
            for doubt, modules in zip(doubts, order, strict=True)
            for s, m in zip(doubt.slots, modules, strict=True)
        }
        off = measure_golden(pair_of(nets_of(sources, chosen)), check).worst
        if off < least:
            best, least = chosen, off
    for source in sources:
        source.made = convert_net(
            source.net, source.tensors, {p: m for p, m in best.items() if p.startswith(source.net.section)}
        )
    return best


def _undecided(source: Source, doubt: Doubt) -> InputError:
    """The refusal of modules that could be exchanged, with the layers and modules side by side."""
    order = "this file is sorted by name, so its order tells nothing"
    if source.format not in _SORTED:
        order = "the order of the file is that in which modules were registered, and forward may use another"
    given = ", ".join(f'{slot} name = "{module}"' for slot, module in zip(doubt.slots, doubt.modules, strict=True))
    remedy = f"give each a name, such as {given} if that is the order of forward, or check = a golden file"
    return InputError(doubt.slots[0].partition("[")[0], f"{doubt}; {order}", remedy)


def folder_of(files: str | os.PathLike[str]) -> Path:
    """The folder of weight files that an argument names.

    Raises:
      InputError: No file system could take it, or it begins with ``~`` and there is no such home.
    """
    return as_path("files", files)


def inside(folder: Path, name: str, field: str) -> Path:
    """The path of a file that a manifest names.

    Args:
      folder: Where the files lie.
      name: Of the file.
      field: What a refusal names.

    Raises:
      InputError: No file system could take it, or it begins with ``~`` and there is no such home.
    """
    return folder / as_path(field, name)
