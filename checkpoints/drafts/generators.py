"""The generator of a draft: layers, prior, last activation and range, by convention or by evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from pairs import InputError, Normal, Uniform

from .candidates import candidates
from .evidence import Answer, Question, directions, projected_distance, rank
from .layers import DraftedNet
from .modules import Part
from .nets import best_chain, draft_generator, other_chains
from .trial import Spec, Tensors, advance

__all__ = ["ENDS", "MadeGenerator", "make_generator"]

Span = tuple[float, float] | None

ENDS = ("tanh", "sigmoid", "none")
"""Last activations that are tried."""

_ROWS = 256
_EVIDENCE = 512
_CLEAR = 0.75  # ends whose distances differ by less are left to the critic
_FAR = 0.45  # of the distance of the data's mean image from the data
_USUAL: Mapping[str, Span] = {"tanh": (-1, 1), "sigmoid": (0, 1), "none": None}
_TRIED: Sequence[tuple[str, Span]] = (
    ("tanh", (-1, 1)),
    ("sigmoid", (0, 1)),
    ("tanh", (0, 1)),
    ("none", (-1, 1)),
    ("none", (0, 1)),
)


@dataclasses.dataclass(frozen=True)
class MadeGenerator:
    """A drafted generator.

    Attributes:
      net: What was drafted from tensors, sizes and statistics.
      specs: Its layers.
      prior: Settings of the prior.
      end: Last activation.
      span: Range of the samples.
      samples: Some samples, in PyTorch's order.
      answers: What the data decided.
      rivals: The same with other ends, where the samples alone do not decide between them.
      far: The samples are too far from the data to decide anything by them.
    """

    net: DraftedNet
    specs: tuple[Spec, ...]
    prior: Mapping[str, Any]
    end: str
    span: Span
    samples: np.ndarray
    answers: tuple[Answer, ...]
    rivals: tuple[MadeGenerator, ...] = ()
    far: bool = False


def make_generator(
    parts: Sequence[Part], tensors: Tensors, sample: tuple[int, ...], end: str | None, data: np.ndarray | None
) -> MadeGenerator:
    """Draft a generator.

    Args:
      parts: Its modules.
      tensors: Those of its file.
      sample: Shape of a sample, channels last.
      end: Last activation, where it is known.
      data: Real samples in PyTorch's order; bytes where their range is open.

    Raises:
      InputError: A net that cannot be drafted.
    """
    first = next((p for p in parts if p.sort in ("dense", "conv")), None)
    if first is None or first is not parts[0]:
        raise InputError("generator", f"begins with '{parts[0].name}', a {parts[0].sort}", "write the manifest by hand")
    size = first.shape[1] if first.sort == "dense" else first.shape[0]
    priors = {
        "normal": Normal((size,)),
        "uniform [-1, 1]": Uniform((size,)),
        "uniform [0, 1]": Uniform((size,), 0.0, 1.0),
    }
    rows = _ROWS if data is None else max(_ROWS, min(_EVIDENCE, len(data)))
    latents = {name: np.asarray(p.sample(jax.random.key(0), rows)) for name, p in priors.items()}
    inputs = {name: z[:_ROWS] for name, z in latents.items()}

    def made(number: int, every: int = 1, limit: float = float("inf")) -> DraftedNet:
        shown = {name: z[::every] for name, z in inputs.items()}
        net = DraftedNet("generator", tensors, shown, usual=0, chain=number, limit=limit)
        draft_generator(parts, net, sample)
        net.finish([])
        return net

    net = best_chain(made)
    told = next(iter(net.inputs))
    view = [] if any(p.sort == "conv" for p in parts) or len(sample) == 1 else [sample[-1], *sample[:-1]]
    if data is None:
        usual = end or ("tanh" if len(sample) > 1 else "none")
        body = net.inputs[told]

        def ended(last: str, rivals: tuple[MadeGenerator, ...] = ()) -> MadeGenerator:
            specs, samples = _end(last, view, False), advance(_end(last, view, False), {}, body)
            whole = (*net.specs(), *specs)
            return MadeGenerator(net, whole, _prior(told, size), last, _USUAL[last], samples, (), rivals)

        return ended(usual, () if end else tuple(ended(e) for e in ENDS if e != usual))
    open_priors = [p for p in priors if p == told or not any(p.sort == "batch_norm" for p in parts)]
    return _by_data(net, [net, *other_chains(net, made)], latents, open_priors, end, view, sample, data, size)


def _by_data(
    net: DraftedNet,
    chains: Sequence[DraftedNet],
    latents: Mapping[str, np.ndarray],
    priors: Sequence[str],
    end: str | None,
    view: Sequence[int],
    sample: tuple[int, ...],
    data: np.ndarray,
    size: int,
) -> MadeGenerator:
    found = candidates(chains, sample[-1])
    ends = [(e, span) for e, span in _spans(data) if end in (None, e)]
    if not ends:
        raise InputError("end", f"is {end}, which does not reach the data", "leave it out, or scale the data")
    views = (False, True) if view and sample[-1] > 1 else (False,)
    questions = [
        Question("end and range", tuple(f"{e} {'unbounded' if s is None else list(s)}" for e, s in ends), _CLEAR),
        Question("prior", tuple(priors)),
        Question("view", ("channels first", "channels last")[: len(views)]),
        *found.questions,
    ]
    onto = directions((sample[-1], *sample[:-1]))
    bodies: dict[tuple[int, ...], np.ndarray] = {}

    def body(choice: Mapping[str, int]) -> np.ndarray:
        key = tuple(choice[q.name] for q in (questions[1], *found.questions))
        if key not in bodies:
            bodies[key] = advance(found.specs(choice), net.tensors, latents[priors[choice["prior"]]][:_EVIDENCE])
        return bodies[key]

    def samples(choice: Mapping[str, int]) -> np.ndarray:
        last, _ = ends[choice["end and range"]]
        return advance(_end(last, view, views[choice["view"]]), net.tensors, body(choice))

    def cost(choice: Mapping[str, int]) -> float:
        span, x = ends[choice["end and range"]][1], samples(choice)
        n = min(len(x), len(data))
        if data.dtype == np.uint8:
            low, high = span or (0.0, 1.0)
            x, y = (x[:n] - low) / (high - low), data[:n].astype(np.float32) / 255
        else:
            x, y = x[:n], data[:n]
        return projected_distance(x, y, onto) if np.all(np.isfinite(x)) else float("inf")

    choice, answers = rank(questions, cost)
    real = data.astype(np.float32) / 255 if data.dtype == np.uint8 else data
    blank = projected_distance(np.broadcast_to(real.mean(0), real.shape), real, onto)
    far = cost(choice) > _FAR * blank
    if far:  # such samples do not tell one candidate from another
        words = f"samples are too far from the data to decide anything by them ({cost(choice):.3f}, "
        net.guessed.append(f"{words}where their mean image alone is at {blank:.3f})")
        choice = dict.fromkeys(choice, 0)
        answers = [
            dataclasses.replace(a, taken=q.options[0], decided=False) for a, q in zip(answers, questions, strict=True)
        ]
    told = tuple(a for a in answers if len(a.ranking) > 1)

    def made(choice: Mapping[str, int], rivals: tuple[MadeGenerator, ...] = ()) -> MadeGenerator:
        last, span = ends[choice["end and range"]]
        specs = (*found.specs(choice), *_end(last, view, views[choice["view"]]))
        prior = _prior(priors[choice["prior"]], size)
        shown = samples(choice)
        return MadeGenerator(found.nets[choice.get("sizes", 0)], specs, prior, last, span, shown, told, rivals, far)

    if far:
        return made(choice)
    others = [{**choice, "end and range": i} for i in range(len(ends)) if i != choice["end and range"]]
    near = [other for other in others if _CLEAR * cost(other) <= cost(choice)]
    return made(choice, tuple(made(other) for other in near))


def _spans(data: np.ndarray) -> Sequence[tuple[str, Span]]:
    if data.dtype == np.uint8:
        return _TRIED
    low, high = float(data.min()), float(data.max())
    if low < -1 or high > 1:
        return [("none", None)]  # no other end reaches the data
    return [(e, (0, 1)) for e in ("sigmoid", "tanh", "none")] if low >= 0 else [(e, (-1, 1)) for e in ("tanh", "none")]


def _end(end: str, view: Sequence[int], channels_last: bool) -> list[Spec]:
    last: list[Spec] = [] if end == "none" else [{"layer": end}]
    more = {"channels_last": True} if channels_last else {}
    return last + ([{"layer": "unflatten", "shape": list(view), **more}] if view else [])


def _prior(name: str, size: int) -> dict[str, Any]:
    bounds = {"low": 0.0, "high": 1.0} if name == "uniform [0, 1]" else {}
    return {"kind": name.split()[0], **bounds, "shape": [size]}
