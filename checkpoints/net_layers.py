"""From the parts in a file to the whole layer list of a net: reshapes between them, labels, and the two ends.

What lies between two parts is read off their sizes: a vector before an image is viewed as the channels that the image
takes, a square on each; an image before a dense layer is flattened. A label joins latents or samples as sizes say:
where the first layer takes as many numbers more as an embedding has, they are concatenated, and only their order
is open; each order is a candidate.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pairs import InputError
from pairs.sequential.spec import infer_shapes

from .foreign.module_pieces import Piece, Pieces
from .part_orders import DRAFT, Shape, Specs, chain_orders, exchangeable

__all__ = ["LayerChoice", "critic_choices", "generator_choices", "looks_like_images"]

_JOINS = {"concatenate": "concatenated with", "multiply": "multiplied by", "add": "added to"}


@dataclasses.dataclass(frozen=True)
class LayerChoice:
    """One layer list that sizes allow.

    Attributes:
      layers: The layers in the manifest's terms.
      shape: Shape of the result, channels last.
      classes: Number of labels, ``None`` without labels.
      words: What was taken that the file does not say; ``None`` where it says everything.
      stripped: A final sigmoid was left out.
      exchangeable: Parts that could be exchanged by their sizes, in words; ``None`` where sizes fix their order.
    """

    layers: tuple[Mapping[str, Any], ...]
    shape: Shape
    classes: int | None
    words: str | None
    stripped: bool = False
    exchangeable: str | None = None


def generator_choices(
    pieces: Pieces, latent: Shape, sample: Shape | None = None, classes: int | None = None
) -> list[LayerChoice]:
    """The layer lists of a generator, the usual one first.

    Args:
      pieces: The parts in the file.
      latent: Shape of the prior.
      sample: Shape of a sample; needed where the generator returns images as vectors.
      classes: Number of labels given as one-hot vectors; that of an embedding is read off.

    Raises:
      InputError: Sizes that do not fit, or a sample shape that is needed.
    """
    found = []
    for start, shape, words, labels in _starts(pieces, latent, classes, "generator"):
        orders = chain_orders(pieces.parts, start, shape, "generator")
        for parts, specs, shape in orders:
            found.append(_made(pieces, parts, specs, shape, sample, words, labels, exchangeable(orders)))
    return found


def _made(
    pieces: Pieces,
    parts: Sequence[Piece],
    specs: Specs,
    shape: Shape,
    sample: Shape | None,
    words: str | None,
    labels: int | None,
    exchange: str | None,
) -> LayerChoice:
    if sample is None and looks_like_images(shape):
        side = math.isqrt(shape[0] // 3 if shape[0] % 3 == 0 and _square(shape[0] // 3) else shape[0])
        wanted = f"{side}x{side}x{shape[0] // side**2}"
        problem = f"is not said: the generator returns {shape[0]} numbers"
        raise InputError("sample_shape", problem, f"give --sample {wanted}, or --sample {shape[0]} for vectors")
    if sample is not None and sample != shape:
        if math.prod(sample) != math.prod(shape) or len(shape) > 1:
            problem = f"is {'x'.join(map(str, sample))}, the generator returns {'x'.join(map(str, shape))}"
            raise InputError("sample_shape", problem, f"give --sample {'x'.join(map(str, shape))}, or leave it out")
        specs = [*specs, {"layer": "unflatten", "shape": [sample[-1], *sample[:-1]]}]
    said = _said(pieces, parts, words)
    return LayerChoice(tuple(specs), sample or shape, labels, said, exchangeable=exchange)


def critic_choices(pieces: Pieces, sample: Shape, classes: int | None = None) -> list[LayerChoice]:
    """The layer lists of a critic, the usual one first; a final sigmoid is left out.

    Args:
      pieces: The parts in the file.
      sample: Shape of a sample, channels last.
      classes: Number of labels of the generator.

    Raises:
      InputError: Sizes that do not fit, or more than one number per sample.
    """
    found = []
    for start, shape, words, labels in _starts(pieces, sample, classes, "critic"):
        orders = chain_orders(pieces.parts, start, shape, "critic")
        for parts, specs, shape in orders:
            bare = _without_sigmoid(specs)
            if math.prod(shape) != 1:
                problem = f"returns {'x'.join(map(str, shape))} numbers for a sample"
                raise InputError("critic", problem, f"give a critic with one score, or {DRAFT}")
            if shape:
                bare = [*bare, {"layer": "squeeze"}]
            stripped = len(bare) - bool(shape) < len(specs)
            said = _said(pieces, parts, words)
            found.append(LayerChoice(tuple(bare), (), labels, said, stripped, exchangeable(orders)))
    return found


def looks_like_images(shape: Shape) -> bool:
    """Whether a vector has the length of a square image of 8 pixels or more, in one or three colours.

    Example:
      >>> looks_like_images((784,)), looks_like_images((2,)), looks_like_images((28, 28, 1))
      (True, False, False)
    """
    if len(shape) != 1 or shape[0] < 64:
        return False
    return _square(shape[0]) or (shape[0] % 3 == 0 and shape[0] >= 192 and _square(shape[0] // 3))


def _square(n: int) -> bool:
    return math.isqrt(n) ** 2 == n


def _said(pieces: Pieces, parts: Sequence[Piece], words: str | None) -> str | None:
    if pieces.kind is None and words is None:
        return None
    names = ", then ".join(f"'{p.name}'" for p in parts)
    return f"{f'{words}, ' if words else ''}{names or 'its layers'} as one chain"


def _without_sigmoid(specs: Specs) -> Specs:
    """The list without its last sigmoid; reshapes after it stay."""
    idle = ("squeeze", "flatten", "unflatten", "reshape", "identity", "dropout")
    last = next((i for i in reversed(range(len(specs))) if specs[i]["layer"] not in idle), None)
    return specs if last is None or specs[last]["layer"] != "sigmoid" else [*specs[:last], *specs[last + 1 :]]


def _starts(
    pieces: Pieces, shape: Shape, classes: int | None, net: str
) -> list[tuple[Specs, Shape, str | None, int | None]]:
    """The first layers, which bring in the label, with the shape after them, words about them, and the classes."""
    if len(pieces.embeddings) > 1:
        raise InputError(net, f"has {len(pieces.embeddings)} embeddings", DRAFT)
    first = pieces.parts[0]
    plain = math.prod(shape) if first.flat or net == "generator" else shape[-1]
    if not pieces.embeddings:
        if classes is None or first.takes is None or first.takes == plain:
            return [([], shape, None, None)]
        branch: Specs = [{"layer": "one_hot", "classes": classes}]
        if first.takes != plain + classes:
            problem = f"takes {first.takes} numbers or channels, {plain} and {classes} classes are there"
            raise InputError(net, problem, f"correct --prior, --sample or --classes, or {DRAFT}")
        if not first.flat and net == "critic":
            branch.append({"layer": "spread", "size": list(shape[:-1])})
        return _joined(first, shape, [("concatenate", branch)], classes, "the label's one-hot vector", net)
    table = pieces.embeddings[0]
    branch = [{"layer": "embed", "name": table.name, "classes": table.classes, "out": table.size}]
    planes = table.size // max(1, math.prod(shape[:-1])) if net == "critic" and not first.flat else 0
    more = table.size
    if planes:
        branch.append({"layer": "unflatten", "shape": [planes, *shape[:-1]]})
        more = planes if planes * math.prod(shape[:-1]) == table.size else -1
    if first.takes == plain + more:
        ways = ["concatenate"]
    elif first.takes == plain == more:
        ways = ["multiply", "add"]
    else:
        rest = (first.takes or 0) - table.size
        if net == "generator" and rest > 0:
            problem = (
                f"has {plain} numbers, the generator takes {first.takes}, {table.size} of them from '{table.name}'"
            )
            raise InputError("prior", problem, f"give --prior normal:{rest} or another kind of that size, or {DRAFT}")
        problem = f"takes {first.takes} numbers or channels; how '{table.name}' joins {plain} is not in the file"
        raise InputError(net, problem, f"correct --prior or --sample, or {DRAFT}")
    return _joined(first, shape, [(way, branch) for way in ways], table.classes, f"'{table.name}'", net)


def _joined(
    first: Piece, shape: Shape, ways: Sequence[tuple[str, Specs]], classes: int, label: str, net: str
) -> list[tuple[Specs, Shape, str | None, int | None]]:
    start: Specs = [{"layer": "flatten"}] if len(shape) > 1 and (first.flat or net == "generator") else []
    what, found = "latents" if net == "generator" else "samples", []
    for way, branch in ways:
        orders = [[[], branch], [branch, []]] if way == "concatenate" else [[[], branch]]
        for number, branches in enumerate(orders):
            specs = [*start, {"layer": way, "branches": branches}]
            words = (what, label) if number == 0 else (label, what)
            after = infer_shapes(specs, shape, f"{net}.layers")[-1]
            found.append((specs, after, f"{words[0]} {_JOINS[way]} {words[1]}", classes))
    return found
