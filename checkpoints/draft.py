"""A manifest for the bare weights of a generator and a critic.

Tensors tell the modules, their order, channels and kernels. The sample's size tells strides, paddings and reshapes
(:mod:`checkpoints.draft_sizes`). The running statistics of BatchNorm tell the prior and the activations before them
(:mod:`checkpoints.draft_statistics`); where there are none, convention fills in. What was read off, inferred
and guessed is kept apart. The draft cannot tell: eps other than PyTorch's, the end of the generator (tanh for [-1, 1],
sigmoid for [0, 1]), what a critic was trained for, nets with labels, blocks or attention, and layers without tensors
beyond activations, reshapes and resampling by two.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pairs import InputError, Normal, Uniform
from pairs.checks import check_choice, check_count

from .draft_layers import DraftedNet
from .draft_modules import Part, parts_of
from .draft_nets import best_chain, draft_critic, draft_generator
from .draft_statistics import Spec
from .foreign.tensors import read_tensors
from .module_names import modules_of

__all__ = ["Draft", "draft_manifest"]

_ROWS = 256
_ENDS = {"tanh": [-1, 1], "sigmoid": [0, 1], "none": []}


@dataclasses.dataclass(frozen=True)
class Draft:
    """A manifest, and where each of its statements comes from.

    Attributes:
      text: The manifest.
      read: What tensors say.
      inferred: What sizes and statistics decide.
      guessed: What convention filled in; check these first.
    """

    text: str
    read: tuple[str, ...]
    inferred: tuple[str, ...]
    guessed: tuple[str, ...]


def draft_manifest(
    generator: str | os.PathLike[str],
    critic: str | os.PathLike[str] | None,
    sample: tuple[int, int, int],
    *,
    end: str = "tanh",
    critic_kind: str = "logit",
    keys: tuple[str | None, str | None] = (None, None),
    folder: str | os.PathLike[str] | None = None,
) -> Draft:
    """Write the manifest of two sequential nets.

    Args:
      generator: Weight file of the generator.
      critic: Weight file of the critic; ``None`` for the manifest of a generator alone.
      sample: Shape of a sample, ``(H, W, C)``.
      end: Last activation of the generator: ``tanh``, ``sigmoid`` or ``none``.
      critic_kind: What the critic was trained for.
      keys: Part of each file that is the state dict.
      folder: Folder the manifest will lie in, for the paths in it; that of the generator by default.

    Raises:
      InputError: A file that cannot be read, or a net that cannot be drafted, with the reason.
    """
    check_choice("end", end, _ENDS)
    for number in sample:
        check_count("sample", number)
    read: list[str] = []
    files = {"generator": Path(generator), **({} if critic is None else {"critic": Path(critic)})}
    loaded: dict[str, tuple[tuple[Part, ...], Mapping[str, np.ndarray]]] = {}
    for (section, file), key in zip(files.items(), keys, strict=False):
        modules = modules_of(read_tensors(file, key))
        parts = parts_of(modules, section)
        tensors = {f"{m}.{n}" if m else n: a for m, group in modules.items() for n, a in group.items()}
        read.append(f"{section}: " + ", ".join(f"{p.name} {p.sort} {'x'.join(map(str, p.shape))}" for p in parts))
        loaded[section] = parts, tensors
    parts, tensors = loaded["generator"]
    made, prior = _generator(parts, tensors, sample, end)
    nets = [(made, files["generator"], keys[0])]
    guessed = [f"generator ends in {end}, samples in {_ENDS[end] or 'any range'}"]
    if "critic" in files:
        nets.append((_critic(*loaded["critic"], made, sample), files["critic"], keys[1]))
        guessed.append(f"critic_kind {critic_kind}")
    folder = Path(folder) if folder is not None else files["generator"].parent
    if not any(p.sort == "batch_norm" for p in loaded["generator"][0]):
        guessed.append(f"prior {prior['kind']}")
    for net, _, _ in nets:
        guessed += [f"{net.section}: {line}" for line in net.guessed]
    inferred = [f"{net.section}: {line}" for net, _, _ in nets for line in net.inferred]
    name = files["generator"].resolve().parent.name or "pair"
    text = _text(name, end, critic_kind, prior, nets, folder)
    return Draft(text, tuple(read), tuple(inferred), tuple(guessed))


def _generator(
    parts: tuple[Part, ...], tensors: Mapping[str, np.ndarray], sample: tuple[int, int, int], end: str
) -> tuple[DraftedNet, dict[str, Any]]:
    first = next((p for p in parts if p.sort in ("dense", "conv")), None)
    if first is None or first is not parts[0]:
        raise InputError("generator", f"begins with '{parts[0].name}', a {parts[0].sort}", "write the manifest by hand")
    size = first.shape[1] if first.sort == "dense" else first.shape[0]
    priors = {
        "normal": Normal((size,)),
        "uniform [-1, 1]": Uniform((size,)),
        "uniform [0, 1]": Uniform((size,), 0.0, 1.0),
    }
    key = jax.random.key(0)
    inputs = {n: p.sample(key, _ROWS) for n, p in priors.items()}
    ends: list[Spec] = [] if end == "none" else [{"layer": end}]
    if not any(p.sort == "conv" for p in parts):
        ends.append({"layer": "unflatten", "shape": [sample[2], sample[0], sample[1]]})

    def made(number: int) -> DraftedNet:
        net = DraftedNet("generator", tensors, dict(inputs), usual=0, chain=number)
        draft_generator(parts, net, sample)
        net.finish(ends)
        return net

    net = best_chain(made)
    prior = next(iter(net.inputs))
    low = {"uniform [0, 1]": {"low": 0.0, "high": 1.0}}.get(prior, {})
    return net, {"kind": prior.split()[0], **low, "shape": [size]}


def _critic(
    parts: tuple[Part, ...], tensors: Mapping[str, np.ndarray], maker: DraftedNet, sample: tuple[int, int, int]
) -> DraftedNet:
    samples = next(iter(maker.inputs.values()))

    def judged(number: int) -> DraftedNet:
        net = DraftedNet("critic", tensors, {"samples": samples}, usual=1, chain=number)
        draft_critic(parts, net, sample, maker.padded)
        net.finish([{"layer": "squeeze"}])
        return net

    return best_chain(judged)


def _text(
    name: str, end: str, kind: str, prior: dict[str, Any], nets: list[tuple[DraftedNet, Path, str | None]], folder: Path
) -> str:
    lines = ["[pair]", f"name = {_value(name)}", f"sample_range = {_ENDS[end]}"]
    lines += [f"critic_kind = {_value(kind)}"] if len(nets) > 1 else []
    lines += ["", "[prior]", *(f"{k} = {_value(v)}" for k, v in prior.items())]
    for net, file, key in nets:
        path = os.path.relpath(file.resolve(), folder.resolve())
        lines += ["", f"[{net.section}]", f"file = {_value(path)}"]
        lines += [] if key is None else [f"key = {_value(key)}"]
        lines += ["layers = [", *(f"  {_value(spec)}," for spec in net.specs), "]"]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=True)
