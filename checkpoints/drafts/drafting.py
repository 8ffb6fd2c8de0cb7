"""A manifest for the bare weights of a generator and a critic.

Tensors tell the modules, their order, channels and kernels. The sample's size tells strides, paddings and reshapes
(:mod:`checkpoints.drafts.sizes`). The running statistics of BatchNorm tell the prior, the activations before them and
eps (:mod:`checkpoints.drafts.statistics`); where there are none, convention fills in. Real samples decide what is left:
the candidate whose samples are nearest to them is taken (:mod:`checkpoints.drafts.evidence`), and the critic that tells
them from samples. What was read off, inferred and guessed is kept apart.

The draft cannot tell nets with labels, blocks or attention, and layers without tensors beyond activations, reshapes and
resampling by two.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError
from pairs.checks import check_choice, check_count
from pairs.errors import printable

from ..foreign.tensors import read_tensors
from ..module_names import modules_of
from .critics import BY_CRITIC, MadeCritic, by_critic, make_critic
from .evidence import Answer
from .generators import ENDS, MadeGenerator, make_generator
from .modules import Part, in_order, parts_of, undecided
from .text import NetText, manifest_text
from .trial import Tensors

__all__ = ["Draft", "draft_manifest"]

_LEAST = 64
_SETTLED = {
    "activations": " places, ",
    "sizes": "sizes from",
    "norm": "has a scale and a bias alone",
    "upsampling": "resampling has no tensors",
    "pooling": "resampling has no tensors",
}
"""Words of the guess that an answer takes the place of, by question."""


@dataclasses.dataclass(frozen=True)
class Draft:
    """A manifest, and where each of its statements comes from.

    Attributes:
      text: The manifest.
      read: What tensors say.
      inferred: What sizes, statistics and data decide.
      guessed: What convention filled in; check these first.
      ranking: What data said of each open question, with the figures of all candidates.
    """

    text: str
    read: tuple[str, ...]
    inferred: tuple[str, ...]
    guessed: tuple[str, ...]
    ranking: tuple[Answer, ...] = ()


def draft_manifest(
    generator: str | os.PathLike[str],
    critic: str | os.PathLike[str] | None,
    sample: tuple[int, ...],
    *,
    end: str | None = None,
    critic_kind: str | None = None,
    keys: tuple[str | None, str | None] = (None, None),
    folder: str | os.PathLike[str] | None = None,
    data: ArrayLike | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Draft:
    """Write the manifest of two sequential nets.

    Args:
      generator: Weight file of the generator.
      critic: Weight file of the critic; ``None`` for the manifest of a generator alone.
      sample: Shape of a sample: ``(H, W, C)``, ``(L, C)`` for sequences, ``(n,)`` for vectors.
      end: Last activation of the generator: ``tanh``, ``sigmoid`` or ``none``; by data, or ``tanh``, by default.
      critic_kind: What the critic was trained for; by data, or ``logit``, by default.
      keys: Part of each file that is the state dict.
      folder: Folder the manifest will lie in, for the paths in it; that of the generator by default.
      data: Real samples ``(n, *sample)``; bytes where their range is open, else numbers in the range of the samples.
      on_progress: Function that is called with a line where several ends are tried with the critic, which takes long.

    Raises:
      InputError: A file that cannot be read, a net that cannot be drafted, with the reason, or data of another shape.
    """
    if end is not None:
        check_choice("end", end, ENDS)
    for number in sample:
        check_count("sample", number)
    real = None if data is None else _rows(data, sample)
    read: list[str] = []
    open_: list[str] = []
    files = {"generator": Path(generator), **({} if critic is None else {"critic": Path(critic)})}
    loaded: dict[str, tuple[tuple[Part, ...], Tensors]] = {}
    for (section, file), key in zip(files.items(), keys, strict=False):
        modules = in_order(modules_of(read_tensors(file, key)))
        parts = parts_of(modules, section)
        open_ += [f"{section}: order of {' and '.join(names)}, as in the file" for names in undecided(parts)]
        tensors = {f"{m}.{n}" if m else n: a for m, group in modules.items() for n, a in group.items()}
        read.append(f"{section}: " + ", ".join(f"{p.name} {p.sort} {'x'.join(map(str, p.shape))}" for p in parts))
        loaded[section] = parts, tensors
    maker = make_generator(*loaded["generator"], sample, end, real)
    judge = None
    if "critic" in files:
        judged = lambda maker: make_critic(*loaded["critic"], maker, sample, real)
        maker, judge = by_critic(maker, judged(maker), judged, real is not None, on_progress)
    inferred, guessed = _words(maker, judge, end, critic_kind, loaded["generator"][0])
    pair: dict[str, Any] = {
        "name": printable(files["generator"].resolve().parent.name)[:200] or "pair",
        "sample_range": [] if maker.span is None else [int(v) for v in maker.span],
    }
    nets = [NetText("generator", files["generator"], keys[0], maker.specs)]
    if judge is not None:
        pair["critic_kind"] = critic_kind or judge.kind or "logit"
        pair |= {"real_is_low": True} if judge.reversed else {}
        nets.append(NetText("critic", files["critic"], keys[1], judge.specs))
    where = Path(folder) if folder is not None else files["generator"].parent
    text = manifest_text(pair, maker.prior, nets, where)
    ranking = (*maker.answers, *(judge.answers if judge is not None else ()))
    return Draft(text, tuple(read), inferred, (*open_, *guessed), ranking)


def _rows(data: ArrayLike, sample: tuple[int, ...]) -> np.ndarray:
    """Samples in PyTorch's order, bytes or float32."""
    rows = np.asarray(data)
    if rows.shape[1:] != sample:
        shown = "x".join(map(str, rows.shape[1:]))
        raise InputError("data", f"are {shown}, a sample is {'x'.join(map(str, sample))}", "give data of that shape")
    if len(rows) < _LEAST:
        raise InputError("data", f"are {len(rows)} samples", f"give at least {_LEAST}, better 500 or more")
    if rows.dtype != np.uint8:
        rows = rows.astype(np.float32)
        if not np.all(np.isfinite(rows)):
            raise InputError("data", "hold NaN or infinity", "check them")
    return np.moveaxis(rows, -1, 1) if len(sample) > 1 else rows


def _words(
    maker: MadeGenerator, judge: MadeCritic | None, end: str | None, kind: str | None, parts: tuple[Part, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was inferred, and what was guessed."""
    inferred, guessed = [], []
    asked = {a.question for a in maker.answers}
    asked_critic = judge is not None and any(a.question == BY_CRITIC for a in judge.answers)
    span = "any range" if maker.span is None else f"{list(maker.span)}"
    if not asked_critic and "end and range" not in asked and end is None:
        guessed.append(f"generator ends in {maker.end}, samples in {span}")
    if judge is not None and kind is None:
        untold = "critic_kind logit, which weights do not tell from wasserstein or least_squares; data do"
        guessed.append(judge.said[-1] if judge.said else untold)
    if "prior" not in asked and not any(p.sort == "batch_norm" for p in parts):
        guessed.append(f"prior {maker.prior['kind']}")
    for made in (maker, judge):
        if made is None:
            continue
        section = made.net.section
        inferred += [f"{section}: {line}" for line in made.net.inferred]
        settled = [_SETTLED[a.question] for a in made.answers if a.question in _SETTLED]
        settled += [_SETTLED["upsampling"]] if made.net.mode is not None else []
        guessed += [f"{section}: {g}" for g in made.net.guessed if not any(words in g for words in settled)]
        for answer in made.answers:
            why = "by convention" if maker.far else "by the data"
            words = f"{section}: {answer.question} {answer.taken}, {why}"
            if answer.question == BY_CRITIC:
                words = f"generator: {BY_CRITIC} {answer.taken}, since samples alone do not decide"
            if not (asked_critic and answer.question == "end and range"):
                (inferred if answer.decided else guessed).append(words)
    if judge is not None and judge.said:
        inferred.append(f"critic: {judge.said[0]}")
        if judge.reversed:
            guessed.append("critic: real_is_low, its scores are low on data")
    return tuple(inferred), tuple(guessed)
