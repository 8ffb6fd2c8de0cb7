"""From a manifest and its weight files to a verified pair, with an account of what went where."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError, Net, Pair, Record, make_pair
from pairs.sequential.layers import walk
from pairs.sequential.spec import sequential_net

from .conversion import Conversion, Row
from .digest import file_digest
from .foreign.tensors import read_foreign
from .golden import Deviations, check_golden, measure_golden
from .manifest import Manifest, read_manifest
from .manifest_values import NetManifest
from .matching import Doubt
from .parts import choose_part, convert_net
from .reversal import reversed_critic

__all__ = ["Imported", "import_files", "import_manifest"]

_SORTED = ("safetensors", "npz")
"""Formats whose order of tensors is that of their names, not that of the modules."""

_MOST_ORDERS = 120


@dataclasses.dataclass(frozen=True)
class Imported:
    """A pair, and how it was made.

    Attributes:
      pair: The pair.
      tables: For each net, layers and tensors side by side.
      notes: What was decided, left out or held fixed, one sentence each.
      doubts: What names did not decide and nothing has checked, one sentence each.
      check: Deviations from the golden file, where one was given.
    """

    pair: Pair
    tables: Mapping[str, tuple[Row, ...]]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    check: Deviations | None


def import_manifest(
    path: str | os.PathLike[str],
    files: str | os.PathLike[str] | None = None,
    check: str | os.PathLike[str] | None = None,
) -> Pair:
    """The verified pair that a manifest describes.

    Args:
      path: The manifest.
      files: Folder of the weight files; the manifest's own folder by default.
      check: Golden file that the pair must reproduce, in place of the manifest's.

    Raises:
      InputError: See :func:`import_files`.
    """
    return import_files(path, files, check).pair


def import_files(
    path: str | os.PathLike[str],
    files: str | os.PathLike[str] | None = None,
    check: str | os.PathLike[str] | None = None,
) -> Imported:
    """The verified pair that a manifest describes, with its tables and notes.

    Args:
      path: The manifest.
      files: Folder of the weight files; the manifest's own folder by default.
      check: Golden file that the pair must reproduce, in place of the manifest's. It also settles which of several
        modules of equal shape belongs to which layer.

    Raises:
      InputError: Bad manifest; missing, damaged or refused weight file; tensors that do not match
        the layers (all of them are named); modules of equal shape that could be exchanged, which names and check do
        not decide; a golden file that is not reproduced; or a pair that fails :func:`pairs.check_pair`.
    """
    manifest = read_manifest(path)
    folder = _folder(files) if files is not None else manifest.path.parent
    if check is None and "check" in manifest.pair:
        check = _inside(folder, manifest.pair["check"], "pair.check")
    sources = [_Source.read(net, folder) for net in manifest.nets]
    chosen, settled = _settle(manifest, sources, check)
    open_ = [(source, doubt) for source in sources for doubt in source.made.doubts]
    if open_ and not settled:
        raise _undecided(open_)
    pair = _pair(manifest, sources, chosen)
    deviations = None if check is None else check_golden(pair, check)
    if manifest.pair.get("real_is_low"):  # the golden file holds the scores as they were
        pair = pair.replace(critic=reversed_critic(pair.critic, pair.critic_kind or "logit"))
    tables = {s.net.section: s.made.table for s in sources}
    return Imported(pair, tables, tuple(n for s in sources for n in s.notes()), (), deviations)


def _undecided(found: list[tuple[_Source, Doubt]]) -> InputError:
    """The refusal of modules that could be exchanged, with the layers and modules side by side."""
    source, doubt = found[0]
    order = "this file is sorted by name, so its order tells nothing"
    if source.format not in _SORTED:
        order = "the order of the file is that in which modules were registered, and forward may use another"
    given = ", ".join(f'{slot} name = "{module}"' for slot, module in zip(doubt.slots, doubt.modules, strict=True))
    remedy = f"give each a name, such as {given} if that is the order of forward, or check = a golden file"
    return InputError(doubt.slots[0].partition("[")[0], f"{doubt}; {order}", remedy)


@dataclasses.dataclass
class _Source:
    """One weight file, and the conversion of its tensors in the order of the file."""

    net: NetManifest
    tensors: dict[str, np.ndarray]
    made: Conversion
    format: str
    provenance: dict[str, Any]
    said: tuple[str, ...]

    @classmethod
    def read(cls, net: NetManifest, folder: Path) -> _Source:
        path = _inside(folder, net.file, f"{net.section}.file")
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
        return cls(net, choice.tensors, convert_net(net, choice.tensors), foreign.format, about, said)

    def notes(self) -> Iterator[str]:
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


def _settle(
    manifest: Manifest, sources: list[_Source], check: str | os.PathLike[str] | None
) -> tuple[dict[str, str], bool]:
    """The order of modules of equal shape that reproduces the golden file, and whether there was one to go by."""
    doubts = [doubt for source in sources for doubt in source.made.doubts]
    if not doubts or check is None:
        return {}, not doubts
    orders = itertools.product(*(itertools.permutations(doubt.modules) for doubt in doubts))
    best, least = {}, float("inf")
    for order in itertools.islice(orders, _MOST_ORDERS):
        chosen = {
            s: m
            for doubt, modules in zip(doubts, order, strict=True)
            for s, m in zip(doubt.slots, modules, strict=True)
        }
        off = measure_golden(_pair(manifest, sources, chosen, checked=False), check).worst
        if off < least:
            best, least = chosen, off
    for source in sources:
        source.made = convert_net(
            source.net, source.tensors, {p: m for p, m in best.items() if p.startswith(source.net.section)}
        )
    return best, True


def _pair(manifest: Manifest, sources: list[_Source], chosen: Mapping[str, str], checked: bool = True) -> Pair:
    nets: dict[str, Net] = {}
    for source in sources:
        net = source.net
        mine = {path: module for path, module in chosen.items() if path.startswith(net.section)}
        made = convert_net(net, source.tensors, mine) if mine else source.made
        # Module prefixes have served; without them equal architectures are equal, and traced once.
        nets[net.section] = sequential_net([layer.converted() for layer in net.layers], made.params, net.input_shape)
    about = {k: v for k, v in manifest.pair.items() if k not in ("sample_range", "critic_kind", "classes", "check")}
    provenance = {source.net.section: source.provenance for source in sources}
    return make_pair(
        nets["generator"],
        nets.get("critic"),
        manifest.prior,
        sample_range=manifest.sample_range,
        critic_kind=manifest.pair.get("critic_kind") if "critic" in nets else None,
        classes=manifest.classes,
        record=Record({**about, "imported": provenance}),
        check=checked,
    )


def _folder(files: str | os.PathLike[str]) -> Path:
    try:
        return Path(files).expanduser()
    except RuntimeError as error:
        raise InputError("files", f"'{files}' has no home folder ({error})", "give a folder") from None


def _inside(folder: Path, name: str, field: str) -> Path:
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:
        raise InputError(field, f"'{name}' names a user who has no home folder", "give a path") from None
