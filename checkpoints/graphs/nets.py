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
from pairs.graph import Face, Graph, Layout, graph_net, prepare, run_graph
from pairs.graph.face import labels_inward
from pairs.graph.values import shown

from ..foreign.onnx import OnnxFile, read_onnx
from .activations import final_range, last_activation, without_sigmoid
from .roles import find_roles, label_form
from .shapes import critic_layout, filled, sample_face

__all__ = ["OnnxNet", "onnx_critic", "onnx_generator"]

Source = str | os.PathLike[str] | bytes


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
    main, label = find_roles(file, "generator", prior.size, labels)
    declared = file.inputs[main].shape
    inner = filled(declared[1:], prior.shape)
    if math.prod(inner) != prior.size:
        problem = f"has shape {list(prior.shape)}, the generator takes {list(inner)}"
        raise InputError("prior", problem, f"give a prior of size {math.prod(inner)}")
    form, classes = label_form(file, label, classes, "generator")
    face = Face("generator", "channels_first", main, inner, (1,), label, form, classes, False, declared[:1] == (1,))
    graph, params = prepare(file.graph, file.parameters)
    face = sample_face(face, _result_shape(graph, face, params), sample_shape, layout)
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
    main, label = find_roles(file, "critic", math.prod(sample), labels)
    declared = file.inputs[main].shape
    layout, inner = critic_layout(declared[1:], sample, layout)
    form, found = label_form(file, label, classes, "critic")
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
        names = ", ".join(shown(n) for n in list(file.outputs)[:8])
        problem = f"is '{shown(output)}'" if output is not None else f"is not decided: there are {len(file.outputs)}"
        raise InputError(f"{role}_output", problem, f"give one of {names}")
    return dataclasses.replace(file, graph=dataclasses.replace(file.graph, output=file.outputs[output]))


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
