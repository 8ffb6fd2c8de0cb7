"""ONNX files to nets that keep the protocol of a pair: channels-last samples, class numbers, one score per sample."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from pairs import InputError, Net, Prior
from pairs.graph import Face, Graph, LabelForm, Layout, graph_net, prepare, run_graph
from pairs.graph.face import labels_inward
from pairs.graph.values import shown

from .foreign.onnx import OnnxFile, OnnxInput, read_onnx
from .onnx_activations import final_range, last_activation, without_sigmoid

__all__ = ["OnnxNet", "onnx_critic", "onnx_generator"]

Source = str | os.PathLike[str] | bytes

_FEW = 4  # a shorter axis is taken for the channels


@dataclasses.dataclass(frozen=True)
class OnnxNet:
    """A net from an ONNX file.

    Attributes:
      net: the net, which a checkpoint can rebuild.
      face: how the graph meets the protocol.
      notes: what was changed or inferred, in sentences.
      sample_range: of a generator, where its last operator fixes it.
      stripped: a final sigmoid was taken off a critic.
      provenance: name, format and digest of the file.
    """

    net: Net
    face: Face
    notes: tuple[str, ...]
    sample_range: tuple[float, float] | None
    stripped: bool
    provenance: dict[str, Any]


def onnx_generator(
    source: Source,
    prior: Prior,
    *,
    sample_shape: Sequence[int] | None = None,
    layout: Layout | None = None,
    classes: int | None = None,
    labels: str | None = None,
    output: str | None = None,
) -> OnnxNet:
    """A generator ``(batch, *latent[, labels]) -> (batch, *sample)``, channels last.

    Args:
      source: path or bytes of an ONNX file.
      prior: law of the latents; its size must be that of the graph's latent input.
      sample_shape: channels last; needed where the graph returns flat images.
      layout: order of the axes in the graph; read off the shape of the output where it can be.
      classes: number of labels; read off the graph where it can be.
      labels: name of the input that takes labels, where the shapes do not say it.
      output: name of the output that holds the samples, where there are several.

    Raises:
      InputError: the file is refused, see :func:`checkpoints.foreign.onnx.read_onnx`; or something is ambiguous,
        and the line says which argument decides it.
    """
    file = _with_output(read_onnx(source), output, "generator")
    main, label = _roles(file, "generator", prior.size, labels)
    declared = file.inputs[main].shape
    inner = _filled(declared[1:], prior.shape)
    if math.prod(inner) != prior.size:
        problem = f"has shape {list(prior.shape)}, the generator takes {list(inner)}"
        raise InputError("prior", problem, f"give a prior of size {math.prod(inner)}")
    form, classes = _labels(file, label, classes, "generator")
    face = Face("generator", "channels_first", main, inner, (1,), label, form, classes, False, declared[:1] == (1,))
    graph, params = prepare(file.graph, file.parameters)
    face = _sample_face(face, _result_shape(graph, face, params), sample_shape, layout)
    notes = [*file.notes, *_batch_note(face)]
    return OnnxNet(graph_net(graph, face, params), face, tuple(notes), final_range(graph), False, _provenance(file))


def onnx_critic(
    source: Source,
    sample_shape: Sequence[int],
    *,
    layout: Layout | None = None,
    classes: int | None = None,
    labels: str | None = None,
    output: str | None = None,
    sigmoid: Literal["strip", "refuse"] = "strip",
) -> OnnxNet:
    """A critic ``(batch, *sample[, labels]) -> (batch,)``.

    Args:
      source: path or bytes of an ONNX file.
      sample_shape: of the pair, channels last.
      layout: order of the axes in the graph; read off its input where it can be.
      classes: number of labels of the pair; a critic without labels then leaves them out.
      labels: name of the input that takes labels, where the shapes do not say it.
      output: name of the output that holds the scores, where several have one number per sample.
      sigmoid: whether a final sigmoid is taken off (and said) or refused.

    Raises:
      InputError: as :func:`onnx_generator`.
    """
    sample = tuple(sample_shape)
    file = _with_output(read_onnx(source), output, "critic")
    main, label = _roles(file, "critic", math.prod(sample), labels)
    declared = file.inputs[main].shape
    layout, inner = _critic_layout(declared[1:], sample, layout)
    form, found = _labels(file, label, classes, "critic")
    face = Face("critic", layout, main, inner, sample, label, form, found, False, declared[:1] == (1,))
    notes, graph = [*file.notes, *_batch_note(face)], file.graph
    if label is None and classes:
        face = dataclasses.replace(face, ignores_labels=True)
        notes.append("The critic takes no labels and leaves them out.")
    node, stripped = last_activation(graph), False
    if node is not None and node.op == "Sigmoid":
        if sigmoid == "refuse":
            raise InputError("critic", "ends in a Sigmoid, so its score is a probability", "use sigmoid='strip'")
        graph, stripped = without_sigmoid(graph), True
        notes.append("The final Sigmoid was taken off: the score is the logit.")
    graph, params = prepare(graph, file.parameters)
    net = graph_net(graph, face, params)
    x = jax.ShapeDtypeStruct((2, *sample), jnp.float32)
    jax.eval_shape(net, x, *([jax.ShapeDtypeStruct((2,), jnp.int32)] if label else []))
    return OnnxNet(net, face, tuple(notes), None, stripped, _provenance(file))


def _provenance(file: OnnxFile) -> dict[str, Any]:
    return {"file": file.name, "format": "ONNX", "sha256": file.sha256, "opset": file.graph.opset}


def _batch_note(face: Face) -> list[str]:
    return ["The graph was exported for a batch of one and is mapped over the samples."] if face.one_by_one else []


def _with_output(file: OnnxFile, output: str | None, role: str) -> OnnxFile:
    if output is None and len(file.outputs) == 1:
        return file
    if output is None or output not in file.outputs:
        names = ", ".join(shown(n) for n in file.outputs[:8])
        problem = f"is '{shown(output)}'" if output is not None else f"is not decided: there are {len(file.outputs)}"
        raise InputError(f"{role}_output", problem, f"give one of {names}")
    return dataclasses.replace(file, graph=dataclasses.replace(file.graph, output=output))


def _roles(file: OnnxFile, role: str, size: int, labels: str | None) -> tuple[str, str | None]:
    """The main input, and the one that takes labels."""
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
    """By type, else as the one input that has not the size of a latent or a sample."""
    whole = [n for n, i in inputs.items() if i.integer]
    if len(whole) == 1:
        return whole[0]
    fits = [n for n, i in inputs.items() if None not in i.shape[1:] and math.prod(map(int, i.shape[1:])) == size]
    return next(n for n in inputs if n != fits[0]) if len(fits) == 1 else None


def _labels(file: OnnxFile, label: str | None, classes: int | None, role: str) -> tuple[LabelForm, int]:
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


def _filled(declared: tuple[int | None, ...], known: tuple[int, ...]) -> tuple[int, ...]:
    """Declared lengths, with the known ones where the graph leaves them free."""
    if None not in declared and declared:
        return tuple(int(n) for n in declared if n is not None)
    if len(declared) != len(known):
        return known
    return tuple(k if n is None else n for n, k in zip(declared, known, strict=True))


def _result_shape(graph: Graph, face: Face, params: dict[str, Any]) -> tuple[int, ...]:
    """Shape of one result in the order of the graph, found by tracing."""
    batch = 1 if face.one_by_one else 3
    values = {face.main: jax.ShapeDtypeStruct((batch, *face.inner), jnp.float32)}
    arrays = {n: jax.ShapeDtypeStruct(a.shape, a.dtype) for n, a in params.items()}
    found: list[tuple[int, ...]] = []

    def trace(values: dict[str, Any], arrays: dict[str, Any]) -> Any:
        labels = {} if face.labels is None else {face.labels: labels_inward(face, jnp.zeros(batch, jnp.int32))}
        y = run_graph(graph, {**values, **arrays, **labels})
        found.append(tuple(y.shape))
        return jnp.zeros(())

    jax.eval_shape(trace, values, arrays)
    if not found[0] or found[0][0] != batch:
        problem = f"returns shape {list(found[0])} for {batch} latents"
        raise InputError("generator", problem, "export it with a free batch size (dynamic_axes or dynamic_shapes)")
    return found[0][1:]


def _sample_face(
    face: Face, result: tuple[int, ...], sample_shape: Sequence[int] | None, layout: Layout | None
) -> Face:
    """The face with the sample shape and the order of the axes decided."""
    if sample_shape is not None:
        sample = tuple(sample_shape)
        if math.prod(sample) != math.prod(result):
            problem = f"is {list(sample)}, the generator returns {list(result)}"
            raise InputError("sample_shape", problem, "give a shape with as many elements, channels last")
        return dataclasses.replace(face, sample=sample, layout=_layout(result, sample, layout))
    if len(result) < 2:
        return dataclasses.replace(face, sample=result or (1,), layout=layout or "channels_first")
    if layout is None:
        first, last = result[0] <= _FEW, result[-1] <= _FEW
        if first == last or len(result) < 3:
            problem = f"of the generator's output {list(result)} is not clear"
            raise InputError("layout", problem, "give layout='channels_first' or 'channels_last'")
        layout = "channels_first" if first else "channels_last"
    sample = (*result[1:], result[0]) if layout == "channels_first" else result
    return dataclasses.replace(face, sample=sample, layout=layout)


def _layout(inner: tuple[int, ...], sample: tuple[int, ...], layout: Layout | None) -> Layout:
    """The order that turns ``inner`` into ``sample``."""
    turned = (sample[-1], *sample[:-1])
    if layout is not None or len(sample) < 2 or sample[-1] == 1:
        return layout or ("channels_last" if inner == sample else "channels_first")
    fits: list[Layout] = [o for o, s in (("channels_first", turned), ("channels_last", sample)) if s == inner]
    if len(fits) != 1:
        problem = f"of {list(inner)} for samples {list(sample)} is not clear"
        raise InputError("layout", problem, "give layout='channels_first' or 'channels_last'")
    return fits[0]


def _critic_layout(
    declared: tuple[int | None, ...], sample: tuple[int, ...], layout: Layout | None
) -> tuple[Layout, tuple[int, ...]]:
    """The order of the axes and the shape of what the critic takes; a fully declared shape decides before ``layout``."""
    turned = (sample[-1], *sample[:-1])
    free = None in declared or not declared
    inner = _filled(declared, turned if free and layout != "channels_last" and len(sample) > 1 else sample)
    if math.prod(inner) != math.prod(sample):
        problem = f"takes samples of shape {list(inner)}, the generator returns {list(sample)} (channels last)"
        raise InputError("critic", problem, "use a critic of the same data")
    if not free and len(sample) > 1 and (inner == turned) != (inner == sample):
        return ("channels_first" if inner == turned else "channels_last"), inner
    return _layout(inner, sample, layout), inner
