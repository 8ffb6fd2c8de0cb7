"""Weights of a published family to a verified pair, without a manifest."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from collections.abc import Sequence

from pairs import InputError, Net, Normal, Record, make_pair
from pairs.checks import check_choice, check_number
from pairs.gan.stylegan2 import StyleGan2Config
from pairs.sequential.spec import sequential_net

from ..conversion import Row, convert_tensors
from ..digest import file_digest
from ..golden import check_golden
from ..importing import Imported
from .family import NetPlan
from .recognition import Recognition, StateDict, recognise_files

__all__ = ["import_family", "recognise"]

_FACTOR = re.compile(r"(?<=kernel) times [0-9.e+-]+")


def recognise(
    files: Sequence[str | os.PathLike[str]],
    family: str | None = None,
    check: str | os.PathLike[str] | None = None,
    run: bool = True,
    space: str = "z",
    truncation: float = 1.0,
) -> Imported | None:
    """The verified pair of one or two files of a published family; ``None`` for other nets.

    Args:
      files: Generator and critic in any order, or one file with both, or a generator alone.
      family: Name of the family, where the tensors fit several.
      check: Golden file that the pair must reproduce.
      run: Run both nets on a few samples, see :func:`pairs.check_pair`.
      space: Latents of a StyleGAN2 generator: ``z``, or ``w`` for its whitened styles.
      truncation: Factor by which a StyleGAN2 generator draws its styles to their average.

    Raises:
      InputError: See :func:`import_family`.
    """
    check_choice("space", space, ("z", "w"))
    check_number("truncation", truncation, above=0)
    found = recognise_files(files, family)
    return None if found is None else _imported(_in_space(found, space, truncation), check, run)


def import_family(
    files: Sequence[str | os.PathLike[str]],
    family: str | None = None,
    check: str | os.PathLike[str] | None = None,
    run: bool = True,
    space: str = "z",
    truncation: float = 1.0,
) -> Imported:
    """The verified pair of one or two files of a published family, recognised by the names of their tensors.

    Args:
      files: Generator and critic in any order, or one file with both, or a generator alone.
      family: Name of the family (:data:`~checkpoints.families.table.FAMILIES`), where the tensors fit several.
      check: Golden file that the pair must reproduce.
      run: Run both nets on a few samples, see :func:`pairs.check_pair`.
      space: Latents of a StyleGAN2 generator: ``z``, or ``w`` for its whitened styles.
      truncation: Factor by which a StyleGAN2 generator draws its styles to their average.

    Returns:
      The pair, its tables, and what was decided; the first note says what was recognised.

    Raises:
      InputError: A file that cannot be read; nets of no family; nets that fit several families, with the option that
        decides; tensors that are missing, left over or of another shape; a golden file that is not reproduced.
    """
    made = recognise(files, family, check, run, space, truncation)
    if made is None:
        from .table import FAMILIES

        held = ", ".join(f"'{path}'" for path in files)
        known = ", ".join(f.title for f in FAMILIES)
        raise InputError("files", f"{held} hold no net of {known}", "describe the layers in a pair.toml")
    return made


def _in_space(found: Recognition, space: str, truncation: float) -> Recognition:
    """The recognised nets with another input, where one was asked for."""
    if space == "z" and truncation == 1:
        return found
    state, plan = found.generator
    if plan.native is None or not isinstance(plan.native.settings, StyleGan2Config):
        field = "space" if space != "z" else "truncation"
        raise InputError(field, f"is given, and {found.title} has no styles", "leave it out")
    settings = dataclasses.replace(plan.native.settings, space=space, truncation=truncation)
    note = "latents are whitened styles: standard normal, with mean and covariance of 20,000 mapped latents"
    notes = plan.notes + ((note,) if space == "w" else ())
    notes += (f"styles are drawn to their average by {truncation:g}",) if truncation != 1 else ()
    shape = (settings.style,) if space == "w" else plan.input_shape
    native = dataclasses.replace(plan.native, settings=settings)
    made = dataclasses.replace(plan, native=native, input_shape=shape, notes=notes)
    return dataclasses.replace(found, generator=(state, made))


def _imported(found: Recognition, check: str | os.PathLike[str] | None, run: bool) -> Imported:
    family, title = found.families[0], found.title
    parts = {"generator": found.generator, **({"critic": found.critic} if found.critic else {})}
    nets: dict[str, Net] = {}
    tables: dict[str, tuple[Row, ...]] = {}
    notes = [f"recognised: {title}", *found.notes]
    for section, (state, plan) in parts.items():
        nets[section], tables[section] = _net(section, family.title, state, plan)
        notes += [f"{section}: {line}" for line in (*state.said, *plan.notes)]
        done = collections.Counter(_FACTOR.sub(" multiplied", row.note) for row in tables[section] if row.note)
        notes += [f"{section}: {note}, in {count} layer{'s' * (count > 1)}" for note, count in done.items()]
    generator = found.generator[1]
    size = generator.output_shape[0]
    record = Record(
        name=f"{family.name}-{size}",
        family=[f.name for f in found.families],
        source=family.source,
        imported={section: _provenance(state) for section, (state, _) in parts.items()},
        notes=notes,
    )
    pair = make_pair(
        nets["generator"],
        nets.get("critic"),
        Normal(generator.input_shape),
        sample_range=family.sample_range,
        critic_kind=family.critic_kind if "critic" in nets else None,
        classes=generator.classes,
        record=record,
        check=run,
    )
    deviations = None if check is None else check_golden(pair, check)
    return Imported(pair, tables, tuple(notes), (), deviations)


def _net(section: str, title: str, state: StateDict, plan: NetPlan) -> tuple[Net, tuple[Row, ...]]:
    field = f"{section} ({title})"
    if plan.native is not None:
        try:
            return plan.native.build(state.tensors, plan.native.settings)
        except InputError as error:
            raise InputError(field, f"{error.field} {error.problem}".strip(), error.remedy) from None
    try:
        made = convert_tensors(state.tensors, plan.layers, plan.input_shape, f"{section}.layers", ignore=plan.ignore)
    except InputError as error:
        raise InputError(field, error.problem, "give the whole state dict of the published net") from None
    return sequential_net([layer.converted() for layer in plan.layers], made.params, plan.input_shape), made.table


def _provenance(state: StateDict) -> dict[str, str | None]:
    digest = file_digest(state.path)
    return {"file": state.path.name, "format": state.format, "sha256": digest, "key": state.key or None}
