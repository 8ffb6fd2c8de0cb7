"""Two ONNX files to a verified pair."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from pairs import CriticKind, InputError, Pair, Prior, Record, make_pair
from pairs.graph import Layout
from pairs.prior_text import parse_prior

from .nets import onnx_critic, onnx_generator

__all__ = ["import_onnx"]

Source = str | os.PathLike[str] | bytes


def import_onnx(
    generator: Source,
    critic: Source | None = None,
    *,
    prior: Prior | str,
    sample_range: tuple[float, float] | None | Literal["infer"] = "infer",
    critic_kind: CriticKind | None = None,
    classes: int | None = None,
    name: str | None = None,
    sample_shape: Sequence[int] | None = None,
    layout: Layout | None = None,
    generator_labels: str | None = None,
    critic_labels: str | None = None,
    generator_output: str | None = None,
    critic_output: str | None = None,
    sigmoid: Literal["strip", "refuse"] = "strip",
    check: bool = True,
) -> Pair:
    """A pair from a generator and a critic in ONNX files; what was changed stands in ``record["notes"]``.

    Args:
      generator: path or bytes.
      critic: path or bytes; a pair without one gets a critic from ``tune`` or ``adapt``.
      prior: law of the latents, or its words, ``"normal:96"``.
      sample_range: of the samples, ``None`` where they are unbounded; by default read off the last operator (Tanh,
        Sigmoid, Softsign or Clip).
      critic_kind: what a score means; ``"logit"`` where a final sigmoid was taken off.
      classes: number of labels, where the graph does not say it.
      name: of the pair; by default the name of the generator's file.
      sample_shape: channels last; needed where the generator returns flat images.
      layout: order of the axes in both graphs, where the shapes do not say it.
      generator_labels: name of the generator's input for labels, where types and shapes do not say it.
      critic_labels: name of the critic's input for labels.
      generator_output: name of the generator's output, where there are several.
      critic_output: name of the critic's output, where there are several.
      sigmoid: whether a final sigmoid of the critic is taken off or refused.
      check: run both nets on a few samples, see :func:`pairs.check_pair`.

    Returns:
      The pair; both nets are of the registered architecture ``graph``, so that it can be stored and loaded
      without the package ``onnx``.

    Raises:
      InputError: a refused file; something that is not decided, with the argument that decides it; or a
        pair that fails the check.
    """
    prior = parse_prior(prior) if isinstance(prior, str) else prior
    g = onnx_generator(
        generator,
        prior,
        sample_shape=sample_shape,
        layout=layout,
        classes=classes,
        labels=generator_labels,
        output=generator_output,
    )
    if sample_range == "infer":
        if g.sample_range is None:
            problem = "is not said by the generator's last operator"
            raise InputError("sample_range", problem, "give (low, high), or None where samples are unbounded")
        sample_range = g.sample_range
    found = g.face.classes or None
    notes = [f"Generator: {n}" for n in g.notes]
    stem = name or g.provenance["file"].removesuffix(".onnx")
    if critic is None:
        if critic_kind is not None:
            raise InputError("critic_kind", f"is '{critic_kind}', and there is no critic", "give its file, or None")
        record = Record(name=stem, imported={"generator": g.provenance}, notes=notes)
        return make_pair(
            g.net, None, prior, sample_range=sample_range, critic_kind=None, classes=found, record=record, check=check
        )
    d = onnx_critic(
        critic,
        g.face.sample,
        layout=layout or g.face.layout,
        classes=found,
        labels=critic_labels,
        output=critic_output,
        sigmoid=sigmoid,
    )
    if d.face.labels is not None and found is None:
        raise InputError("critic", "takes labels, the generator does not", "give the conditional generator")
    kind = _kind(critic_kind, d.stripped)
    notes += [f"Critic: {n}" for n in d.notes]
    record = Record(name=stem, imported={"generator": g.provenance, "critic": d.provenance}, notes=notes)
    return make_pair(
        g.net, d.net, prior, sample_range=sample_range, critic_kind=kind, classes=found, record=record, check=check
    )


def _kind(given: CriticKind | None, stripped: bool) -> CriticKind:
    if stripped and given not in (None, "logit"):
        problem = f"is '{given}', but the critic ended in a Sigmoid"
        raise InputError("critic_kind", problem, "use 'logit', or export the critic without its sigmoid")
    if given is None and not stripped:
        raise InputError("critic_kind", "is not said by the graph", "give wasserstein, logit or energy")
    return given or "logit"
