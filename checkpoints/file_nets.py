"""One weight file that describes its net to candidates for that net: ONNX, Keras, a whole PyTorch module."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairs import InputError, Net, Prior
from pairs.graph import Layout
from pairs.sequential.spec import parse_layers, sequential_net

from .conversion import Row, convert_tensors
from .digest import file_digest
from .foreign.limits import shown
from .foreign.module_pieces import Piece, Pieces, pieces_of_module
from .foreign.onnx import read_onnx
from .foreign.state_dicts import below
from .foreign.tensors import ForeignFile, read_foreign
from .graphs.nets import OnnxNet, onnx_critic, onnx_generator
from .net_layers import LayerChoice, critic_choices, generator_choices, looks_like_images

__all__ = ["FileNet", "NoLayersError", "critic_nets", "generator_nets", "is_onnx", "latent_words"]

_ENDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
Shape = tuple[int, ...]


class NoLayersError(Exception):
    """The file holds tensors without the layers that use them."""


@dataclasses.dataclass(frozen=True)
class FileNet:
    """A net from a file.

    Attributes:
      net: The net, which a checkpoint can rebuild.
      shape: Shape of its result, channels last.
      sample_range: Of a generator, where its last layer fixes it.
      classes: Number of labels, ``None`` without labels.
      stripped: A final sigmoid was left out of a critic.
      notes: What was changed or inferred, in sentences.
      doubt: What was taken that the file does not say.
      table: Layers and tensors side by side; empty for a graph.
      provenance: Name, format and digest of the file.
      exchangeable: Parts whose order neither file nor sizes say, in words.
    """

    net: Net
    shape: Shape
    sample_range: tuple[float, float] | None
    classes: int | None
    stripped: bool
    notes: tuple[str, ...]
    doubt: str | None
    table: tuple[Row, ...]
    provenance: dict[str, Any]
    exchangeable: str | None = None


def is_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a file is named as an ONNX file."""
    return Path(path).suffix.lower() == ".onnx"


def latent_words(path: str | os.PathLike[str], key: str | None = None) -> str | None:
    """The shape of the latents that a generator takes, as in ``normal:96``; ``None`` where its file does not say.

    Args:
      path: Weight file.
      key: Part of the file.
    """
    if is_onnx(path):
        given = [i.shape[1:] for i in read_onnx(path).inputs.values() if not i.integer]
        return "x".join(map(str, given[0])) if given and given[0] and None not in given[0] else None
    foreign = read_foreign(path)
    pieces, entry = _pieces(foreign, path, key)
    if entry is not None:
        return "x".join(map(str, entry))
    takes = pieces.parts[0].takes
    labels = sum(e.size for e in pieces.embeddings)
    return None if takes is None else str(takes - labels if takes > labels else takes)


def generator_nets(
    path: str | os.PathLike[str],
    prior: Prior,
    *,
    sample_shape: Sequence[int] | None,
    layout: Layout | None,
    classes: int | None,
    labels: str | None,
    output: str | None,
    key: str | None,
) -> list[FileNet]:
    """The generators that a file allows, the usual one first. Arguments as :func:`onnx_generator` has them.

    Raises:
      InputError: A refused file, or something that is not said.
      NoLayersError: A state dict without layers.
    """
    sample = None if sample_shape is None else tuple(sample_shape)
    if is_onnx(path):
        made = onnx_generator(
            path, prior, sample_shape=sample, layout=layout, classes=classes, labels=labels, output=output
        )
        if sample is None and looks_like_images(made.face.sample):
            problem = f"is not said: the generator returns {made.face.sample[0]} numbers"
            remedy = f"give --sample HxWxC for images, or --sample {made.face.sample[0]} for vectors"
            raise InputError("sample_shape", problem, remedy)
        return [_graph(made)]
    foreign = read_foreign(path)
    pieces, entry = _pieces(foreign, path, key)
    if entry is not None and entry != prior.shape:
        problem = f"has shape {list(prior.shape)}, the generator takes {list(entry)}"
        raise InputError("prior", problem, f"give --prior normal:{'x'.join(map(str, entry))}, or another kind")
    choices = generator_choices(pieces, prior.shape, sample, classes)
    return [_layered(choice, foreign, path, prior.shape, pieces, "generator", key) for choice in choices]


def critic_nets(
    path: str | os.PathLike[str],
    sample_shape: Sequence[int],
    *,
    layout: Layout | None,
    classes: int | None,
    labels: str | None,
    output: str | None,
    key: str | None,
) -> list[FileNet]:
    """The critics that a file allows, the usual one first. Arguments as :func:`onnx_critic` has them.

    Raises:
      InputError: A refused file, or something that is not said.
      NoLayersError: A state dict without layers.
    """
    sample = tuple(sample_shape)
    if is_onnx(path):
        return [_graph(onnx_critic(path, sample, layout=layout, classes=classes, labels=labels, output=output))]
    foreign = read_foreign(path)
    pieces, entry = _pieces(foreign, path, key)
    if entry is not None and entry != sample:
        problem = f"takes samples of shape {list(entry)}, the generator returns {list(sample)}"
        raise InputError("critic", problem, "give the critic of the same data, or --sample in the generator's size")
    choices = critic_choices(pieces, sample, classes)
    return [_layered(choice, foreign, path, sample, pieces, "critic", key) for choice in choices]


def _pieces(foreign: ForeignFile, path: Any, key: str | None) -> tuple[Pieces, Shape | None]:
    """The parts that the file describes, and the shape of the input where it says that."""
    if foreign.layers is not None:
        return Pieces((Piece("", [dict(spec) for spec in foreign.layers]),)), tuple(foreign.values["input_shape"])
    return pieces_of_module(foreign.modules[_module(foreign, path, key)]), None


def _module(foreign: ForeignFile, path: Any, key: str | None) -> str:
    names = list(foreign.modules)
    if not names:
        raise NoLayersError(f"'{path}' holds tensors without layers")
    if key is None and len(names) == 1:
        return names[0]
    if key not in names:
        listed = ", ".join(shown(n) or "(the file itself)" for n in names[:8])
        problem = f"of '{path}' is {'not given' if key is None else repr(shown(key))}"
        raise InputError("key", problem, f"give --generator-key and --critic-key, of {listed}")
    return key


def _graph(made: OnnxNet) -> FileNet:
    classes = made.face.classes or None
    return FileNet(
        made.net,
        tuple(made.face.sample),
        made.sample_range,
        classes,
        made.stripped,
        made.notes,
        None,
        (),
        made.provenance,
    )


def _layered(
    choice: LayerChoice, foreign: ForeignFile, path: Any, entry: Shape, pieces: Pieces, net: str, key: str | None
) -> FileNet:
    module = None if foreign.layers is not None else _module(foreign, path, key)
    tensors = below(foreign.tensors, module) if module else foreign.tensors
    layers = parse_layers(choice.layers, f"{net}.layers")
    made = convert_tensors(tensors, layers, entry, f"{net}.layers")
    notes = [f"{row.path} '{row.kind}': {row.note}" for row in made.table if row.note]
    if choice.stripped:
        notes.append("its final sigmoid was left out: the score is the logit")
    doubt = None
    if choice.words is not None:
        whose = f"the file does not hold the forward of the class {shown(pieces.kind)}" if pieces.kind else ""
        doubt = f"{whose or 'the file does not say how labels come in'}; taken: {choice.words}"
    about = {"file": shown(Path(path).name), "format": foreign.format, "sha256": file_digest(Path(path)), "key": module}
    bare = [layer.converted() for layer in layers]
    return FileNet(
        sequential_net(bare, made.params, entry),
        choice.shape,
        _end(choice),
        choice.classes,
        choice.stripped,
        tuple(notes),
        doubt,
        made.table,
        about,
        choice.exchangeable,
    )


def _end(choice: LayerChoice) -> tuple[float, float] | None:
    """The range that the last layer fixes."""
    idle = ("flatten", "unflatten", "reshape", "dropout")
    last: Mapping[str, Any] = next((s for s in reversed(choice.layers) if s["layer"] not in idle), {"layer": ""})
    if last["layer"] == "clip":
        return float(last["low"]), float(last["high"])
    return _ENDS.get(last["layer"])
