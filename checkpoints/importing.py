"""From a manifest and its weight files to a verified pair, with an account of what went where."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairs import InputError, Net, Pair, Record, make_pair

from .conversion import Row
from .critic_manifest import read_critic_manifest
from .golden import Deviations, check_golden
from .manifest import read_manifest
from .manifest_sources import Source, folder_of, inside, nets_of, settle
from .manifest_values import NetManifest
from .reversal import reversed_critic
from .stored_generator import kept_from, kept_nets, kept_words

__all__ = ["Imported", "import_critic", "import_files", "import_manifest"]

_SETTINGS = ("sample_range", "critic_kind", "classes", "check")
"""Settings of ``[pair]`` that a pair has as fields of its own, not in its record."""


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
    about = {k: v for k, v in manifest.pair.items() if k not in _SETTINGS}

    def pair_of(nets: dict[str, Net], provenance: dict[str, Any], checked: bool) -> Pair:
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

    return _imported(manifest.path, manifest.pair, manifest.nets, files, check, pair_of)


def import_critic(
    base: Pair,
    path: str | os.PathLike[str],
    files: str | os.PathLike[str] | None = None,
    check: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Imported:
    """A pair with the critic that a manifest describes; everything else is that of another pair.

    Args:
      base: The pair whose generator, prior and range are kept; a critic of its own is replaced.
      path: The manifest, with ``[pair]`` and ``[critic]`` alone (:mod:`checkpoints.critic_manifest`).
      files: Folder of the weight files; the manifest's own folder by default.
      check: Golden file that the new pair must reproduce, in place of the manifest's.
      name: Of the new pair, where the manifest has none; by default that of ``base``.

    Raises:
      InputError: As :func:`import_files` says; a critic that does not take the samples of the generator, or whose
        classes are others.
    """
    manifest = read_critic_manifest(path, base.sample_shape, base.classes)
    about = {k: v for k, v in manifest.pair.items() if k not in _SETTINGS}
    words = {"name": name or base.name, **kept_words(base), **about}

    def pair_of(nets: dict[str, Net], provenance: dict[str, Any], checked: bool) -> Pair:
        return make_pair(
            base.generator,
            nets["critic"],
            base.prior,
            sample_range=base.sample_range,
            critic_kind=manifest.pair["critic_kind"],
            classes=base.classes,
            record=Record({**words, "imported": {"generator": kept_from(base), **provenance}}),
            check=checked,
            **kept_nets(base),
        )

    try:
        return _imported(manifest.path, manifest.pair, (manifest.critic,), files, check, pair_of)
    except InputError as error:
        if error.field != "critic.layers":
            raise
        problem = f"{error.problem}, for samples {list(base.sample_shape)} of the stored generator"
        raise InputError(error.field, problem, error.remedy) from None


def _imported(
    path: Path,
    settings: Mapping[str, Any],
    nets: Sequence[NetManifest],
    files: str | os.PathLike[str] | None,
    check: str | os.PathLike[str] | None,
    make: Callable[[dict[str, Net], dict[str, Any], bool], Pair],
) -> Imported:
    """Read the files of a manifest's nets, settle their order, make the pair and check it."""
    folder = folder_of(files) if files is not None else path.parent
    if check is None and "check" in settings:
        check = inside(folder, settings["check"], "pair.check")
    sources = [Source.read(net, folder) for net in nets]
    provenance = {source.net.section: source.provenance for source in sources}
    chosen = settle(sources, check, lambda found: make(found, provenance, False))
    pair = make(nets_of(sources, chosen), provenance, True)
    deviations = None if check is None else check_golden(pair, check)
    if settings.get("real_is_low"):  # the golden file holds the scores as they were
        pair = pair.replace(critic=reversed_critic(pair.critic, pair.critic_kind or "logit"))
    tables = {s.net.section: s.made.table for s in sources}
    return Imported(pair, tables, tuple(n for s in sources for n in s.notes()), (), deviations)
