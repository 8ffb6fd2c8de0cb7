"""Which input of an ONNX file takes latents or samples, which one labels, and in what form."""

from __future__ import annotations

import math
import re

from pairs import InputError
from pairs.graph import Graph, LabelForm
from pairs.graph.values import shown

from ..foreign.onnx import OnnxFile, OnnxInput

__all__ = ["find_roles", "label_form"]

_LIKE_LABELS = re.compile(r"(?i)label|class|cond|one.?hot|categor|target|(^|[^a-z0-9])(y|c|cls|lbl)($|[^a-z0-9])")


def find_roles(file: OnnxFile, role: str, size: int, labels: str | None) -> tuple[str, str | None]:
    """The main input, and the one that takes labels.

    Args:
      file: the parsed file.
      role: ``"generator"`` or ``"critic"``, for the error.
      size: number of elements of a latent or a sample.
      labels: name of the input that takes labels, where the user says it.

    Raises:
      InputError: three inputs or more, or two that cannot be told apart.
    """
    main, label = _roles(file, role, size, labels)
    if file.inputs[main].integer:
        what = "latents" if role == "generator" else "samples"
        raise InputError(
            role, f"takes {what} '{shown(main)}' as whole numbers", "export it with a float input for them"
        )
    return main, label


def _roles(file: OnnxFile, role: str, size: int, labels: str | None) -> tuple[str, str | None]:
    names = list(file.inputs)
    if not 1 <= len(names) <= 2:
        problem = f"has {len(names)} inputs ({', '.join(shown(n) for n in names[:6])})"
        raise InputError(role, problem, "export it with its latents or samples, and labels at most")
    if labels is not None and (labels not in names or len(names) == 1):
        raise InputError(f"{role}_labels", f"is '{shown(labels)}'", f"give one of {', '.join(map(shown, names))}")
    if len(names) == 1:
        return names[0], None
    if labels is None:
        labels = _label_input(file.inputs, size)
    if labels is None:
        problem = f"could be {' or '.join(repr(shown(n)) for n in names)}"
        raise InputError(f"{role}_labels", problem, "name the input that takes labels")
    return next(n for n in names if n != labels), labels


def _label_input(inputs: dict[str, OnnxInput], size: int) -> str | None:
    """By type, else as the one input that has not the size of a latent or a sample and is called like labels."""
    whole = [n for n, i in inputs.items() if i.integer]
    if len(whole) == 1:
        return whole[0]
    fits = [n for n, i in inputs.items() if _size(i) == size]
    other = next(n for n in inputs if n != fits[0]) if len(fits) == 1 else ""
    return other if _LIKE_LABELS.search(other) else None  # else it may be a second latent


def _size(declared: OnnxInput) -> int | None:
    """Number of elements of one sample, where it is declared."""
    known = [n for n in declared.shape[1:] if n is not None]
    return math.prod(known) if len(known) == len(declared.shape) - 1 else None


def label_form(file: OnnxFile, label: str | None, classes: int | None, role: str) -> tuple[LabelForm, int]:
    """What the input for labels takes, and the number of classes (0 without labels).

    Raises:
      InputError: the number is neither declared, nor found in the graph, nor given; or two of these differ.
    """
    if label is None:
        return "number", 0
    declared = file.inputs[label]
    tail = declared.shape[1:]
    if len(tail) == 1 and tail[0] not in (None, 1):
        form, found = "one_hot", tail[0]
    else:
        form = "number" if not tail else "column" if declared.integer or tail[0] == 1 else "one_hot"
        found = _embedding_rows(file.graph, label) if declared.integer else None
    if found is not None and classes not in (None, found):
        raise InputError("classes", f"are {classes}, the {role} has {found}", f"give classes={found}")
    found = found if found is not None else classes
    if len(tail) > 1 or found is None:
        problem = f"of the {role} are not said by its input '{shown(label)}' {list(declared.shape)}"
        raise InputError("classes", problem, "give their number, or export with labels (batch,) or (batch, classes)")
    return form, found


def _embedding_rows(graph: Graph, label: str) -> int | None:
    """Rows of the table that class numbers are looked up in."""
    rows = {
        graph.parameters[n.inputs[0]][0][0]
        for n in graph.nodes
        if n.op == "Gather" and n.inputs[1] == label and n.inputs[0] in graph.parameters and not n.get("axis", 0)
    }
    return rows.pop() if len(rows) == 1 else None
