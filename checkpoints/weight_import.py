"""Weight files that describe their nets to a verified pair, without a manifest; see ``ganrefine import``."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pairs import CriticKind, InputError, Pair, Prior, Record, make_pair
from pairs.graph import Layout
from pairs.prior_text import parse_prior

from .file_nets import FileNet, critic_nets, generator_nets, latent_words
from .golden import Deviations, check_golden, measure_golden
from .importing import Imported
from .lookup import stored_pair
from .remedies import asked
from .reversal import reversed_critic
from .stored_generator import kept_from, kept_nets, kept_words

__all__ = ["import_weights"]

Source = str | os.PathLike[str]
_MOST = 64


def import_weights(
    generator: Source,
    critic: Source | None = None,
    *,
    prior: Prior | str | None = None,
    sample_range: tuple[float, float] | None | Literal["infer"] = "infer",
    critic_kind: CriticKind | None = None,
    classes: int | None = None,
    sample_shape: Sequence[int] | None = None,
    layout: Layout | None = None,
    keys: tuple[str | None, str | None] = (None, None),
    labels: tuple[str | None, str | None] = (None, None),
    outputs: tuple[str | None, str | None] = (None, None),
    real_is_low: bool = False,
    check: Source | None = None,
    name: str | None = None,
) -> Imported:
    """A pair from an ONNX, Keras or whole-module file of each net; formats may differ.

    Args:
      generator: File of the generator; or a stored pair, whose generator, prior and range are kept.
      critic: File of the critic; without it the pair has none, and ``tune`` or ``adapt`` make one.
      prior: Law of the latents, or its words, ``"normal:96"``.
      sample_range: Of the samples, ``None`` where they are unbounded; by default read off the last layer.
      critic_kind: What a score means; ``"logit"`` where a final sigmoid was left out.
      classes: Number of labels, where the files do not say it.
      sample_shape: Channels last; needed where the generator returns images as vectors.
      layout: Order of the axes in ONNX graphs, where shapes do not say it.
      keys: Part of each file that is the module, where it holds several.
      labels: Names of the graphs' inputs for labels, where they cannot be told.
      outputs: Names of the graphs' outputs, where there are several.
      real_is_low: The critic was trained towards low scores on real samples; its sign is turned.
      check: Golden file that the pair must reproduce. It also settles what the files do not say.
      name: Of the pair; by default that of the generator's file.

    Returns:
      The pair with its tables, notes and doubts.

    Raises:
      InputError: A refused file; something that is not said, with the option that says it; parts of a module that
        could be exchanged, without a golden file; a golden file that is not reproduced; or a pair that fails
        :func:`pairs.check_pair`.
    """
    base = stored_pair(generator)
    if base is not None:
        if critic is None or prior is not None or sample_range != "infer" or sample_shape is not None:
            problem = f"is '{os.fspath(generator)}', a stored pair with a prior and a range of its own"
            raise InputError(
                "file", problem, "give the file of a new critic with it, and no --prior, --range, --sample"
            )
        prior, sample_range = base.prior, base.sample_range
    sample = None if sample_shape is None else tuple(sample_shape)
    if sample is not None and not 1 <= len(sample) <= 3:
        raise InputError("sample_shape", f"has {len(sample)} axes", "give HxWxC, LxC or N")
    prior = _prior(generator, prior, keys[0], critic, sample)
    with asked(generator, critic, sample):
        makers = (
            [_kept(base)]
            if base is not None
            else generator_nets(
                generator,
                prior,
                sample_shape=sample,
                layout=layout,
                classes=classes,
                labels=labels[0],
                output=outputs[0],
                key=keys[0],
            )
        )
        span = _range(makers[0], sample_range)
        found = makers[0].classes
        if classes is not None and found is None:
            raise InputError("classes", f"are {classes}, and the generator takes no labels", "leave them out")
        judges: list[FileNet] = []
        if critic is not None:
            judges = critic_nets(
                critic,
                makers[0].shape,
                layout=layout,
                classes=found or classes,
                labels=labels[1],
                output=outputs[1],
                key=keys[1],
            )
    kind = _kind(judges[0], critic_kind) if judges else _none(critic_kind)
    if judges and judges[0].classes and judges[0].classes != found:
        problem = f"has {judges[0].classes} classes, the generator {found or 'takes no labels'}"
        raise InputError("critic", problem, "give the critic that was trained with this generator")
    stem = name or Path(generator).name.partition(".")[0] or "pair"
    words, kept = ({}, {}) if base is None else (kept_words(base), kept_nets(base))

    def pair(g: FileNet, d: FileNet | None, checked: bool) -> Pair:
        about = {"generator": g.provenance, **({} if d is None else {"critic": d.provenance})}
        notes = {"notes": _notes(g, d, real_is_low)}
        record = Record(name=stem, **words, imported=about, **(notes if notes["notes"] else {}))
        return make_pair(
            g.net,
            d and d.net,
            prior,
            sample_range=span,
            critic_kind=kind,
            classes=found,
            record=record,
            check=checked,
            **kept,
        )

    g, d = _settled(makers, judges, pair, check)
    made = pair(g, d, True)
    deviations = None if check is None else check_golden(made, check)
    if d is not None and real_is_low:  # the golden file holds the scores as they were
        made = made.replace(critic=reversed_critic(d.net, kind or "logit"))
    return _imported(made, g, d, deviations, real_is_low)


def _kept(pair: Pair) -> FileNet:
    """The generator of a stored pair."""
    about = kept_from(pair)
    return FileNet(pair.generator, pair.sample_shape, pair.sample_range, pair.classes, False, (), None, (), about)


def _settled(
    makers: list[FileNet], judges: list[FileNet], pair, check: Source | None
) -> tuple[FileNet, FileNet | None]:
    """The candidates that reproduce the golden file best; the first ones without it."""
    options: list[tuple[FileNet, FileNet | None]] = list(itertools.product(makers, judges or [None]))
    if check is None or len(options) == 1:
        return options[0]
    off = [measure_golden(pair(g, d, False), check).worst for g, d in options[:_MOST]]
    return options[min(range(len(off)), key=lambda i: (math.isnan(off[i]), off[i]))]


def _imported(pair: Pair, g: FileNet, d: FileNet | None, found: Deviations | None, turned: bool) -> Imported:
    nets = {"generator": g, **({} if d is None else {"critic": d})}
    notes, doubts = list(_notes(g, d, turned)), []
    for net, made in nets.items():
        proven = found is not None and (net == "generator" or found.scores is not None)
        if made.doubt is not None and proven:
            notes.append(f"{net}: {made.doubt}; the stored outputs confirm it")
        elif made.exchangeable is not None:
            problem = f"has parts that could be exchanged, {made.exchangeable}, and the file does not say their order"
            remedy = "give --check FILE with stored outputs, which settle it, or export the model to ONNX"
            raise InputError(net, problem, remedy)
        elif made.doubt is not None:
            doubts.append(f"{net}: {made.doubt}; let --check FILE prove it")
    tables = {net: made.table for net, made in nets.items() if made.table}
    return Imported(pair, tables, tuple(notes), tuple(doubts), found)


def _notes(g: FileNet, d: FileNet | None, turned: bool) -> list[str]:
    notes = [f"generator: {line}" for line in g.notes]
    notes += [f"critic: {line}" for line in (d.notes if d else ())]
    return notes + (["critic: the sign of its score was turned: it was low on real samples"] if d and turned else [])


def _prior(
    generator: Source,
    prior: Prior | str | None,
    key: str | None,
    critic: Source | None,
    sample: tuple[int, ...] | None,
) -> Prior:
    if isinstance(prior, Prior):
        return prior
    if prior is not None:
        return parse_prior(prior)
    with asked(generator, critic, sample):
        words = latent_words(generator, key)
    shape, problem = words or "SIZE", "is missing" if words is None else f"is missing; the generator takes {words}"
    raise InputError("prior", problem, f"give --prior normal:{shape} or --prior uniform:{shape}, as it was trained")


def _range(g: FileNet, given: tuple[float, float] | None | Literal["infer"]) -> tuple[float, float] | None:
    if given != "infer":
        return given
    if g.sample_range is None:
        remedy = "give --range LOW:HIGH, such as --range=-1:1, or --range none where samples are unbounded"
        raise InputError("sample_range", "is not said by the generator's last layer", remedy)
    return g.sample_range


def _kind(d: FileNet, given: CriticKind | None) -> CriticKind:
    if d.stripped and given not in (None, "logit"):
        problem = f"is '{given}', but the critic ended in a sigmoid"
        raise InputError("critic_kind", problem, "give --critic-kind logit: its score is taken before the sigmoid")
    if given is None and not d.stripped:
        remedy = "give --critic-kind wasserstein, logit, energy or least_squares, as it was trained"
        raise InputError("critic_kind", "is not said by the critic's file", remedy)
    return given or "logit"


def _none(given: CriticKind | None) -> None:
    if given is not None:
        raise InputError("critic_kind", f"is '{given}', and there is no critic", "give its file, or leave this out")
