r"""A generator, and an encoder, behind an invertible map of the latents.

.. math:: G'(u) = G(c(f(u))), \qquad E'(x) = f^{-1}(c^{-1}(E(x)))

with a flow f (:mod:`pairs.flows.couplings`) and the chart c of the prior that the generator was trained with
(:mod:`pairs.flows.charts`). The inner net keeps its own architecture, so that a checkpoint which can rebuild the inner
net can rebuild this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jax import Array

from ..errors import InputError
from ..heads.affine_score import nested
from ..prior_records import prior_from_record
from ..priors import Prior
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, build, register
from .charts import from_latents, to_latents
from .couplings import Flow

__all__ = ["FlowEncoderApply", "FlowGeneratorApply", "flow_encoder", "flow_generator", "flow_latents"]


@dataclasses.dataclass(frozen=True)
class FlowGeneratorApply:
    """``params = {"inner", "flow", "prior"}``; equal where flow and inner functions are equal."""

    inner: Callable[..., Array]
    flow: Flow

    def __call__(self, params: Any, u: Array, *labels: Array) -> Array:
        """Samples of ``u``, ``(batch, *sample)``."""
        z = flow_latents(self.flow, params["flow"], params["prior"], u, *labels)[0]
        return self.inner(params["inner"], z, *labels)


@dataclasses.dataclass(frozen=True)
class FlowEncoderApply:
    """``params = {"inner", "flow", "prior"}``, as :class:`FlowGeneratorApply`."""

    inner: Callable[..., Array]
    flow: Flow

    def __call__(self, params: Any, x: Array, *labels: Array) -> Array:
        """Points ``(batch, *latent)`` that the generator behind the flow takes to the encoder's latents."""
        prior, own = params["prior"], labels if self.flow.classes else ()
        z = self.inner(params["inner"], x, *labels)
        v = from_latents(prior, z, *own).reshape(len(z), -1)
        return self.flow.inverse(params["flow"], v, *own)[0].reshape(z.shape)


def flow_latents(flow: Flow, params: Any, prior: Prior, u: Array, *labels: Array) -> tuple[Array, Array, Array]:
    """Where a flow sends points of its base law.

    Args:
      flow: The map.
      params: Its parameters.
      prior: Prior of the latents.
      u: Points ``(batch, *latent)``.
      *labels: Classes ``(batch,)`` of a conditional pair.

    Returns:
      Latents ``(batch, *latent)``, their places on the chart ``(batch, *latent)``, and the flow's log volume change
      ``(batch,)``.
    """
    own = labels if flow.classes else ()
    v, log_det = flow.forward(params, u.reshape(len(u), -1), *own)
    v = v.reshape(u.shape)
    return to_latents(prior, v, *own), v, log_det


def flow_generator(generator: Net, prior: Prior, flow: Flow, params: Any) -> Net:
    """The generator behind a flow; rebuildable by checkpoints if the generator is.

    Args:
      generator: Net whose latents follow ``prior``.
      prior: Its prior.
      flow: Map of the chart of the prior.
      params: Parameters of the flow.
    """
    return _behind("latent-flow/generator", FlowGeneratorApply(generator.apply, flow), generator, prior, params)


def flow_encoder(encoder: Net, prior: Prior, flow: Flow, params: Any) -> Net:
    """The encoder of the generator behind a flow, from the encoder of the generator itself."""
    return _behind("latent-flow/encoder", FlowEncoderApply(encoder.apply, flow), encoder, prior, params)


def _behind(name: str, apply: FlowGeneratorApply | FlowEncoderApply, inner: Net, prior: Prior, params: Any) -> Net:
    values = {"inner": inner.params, "flow": params, "prior": prior}
    if inner.architecture is None:
        return Net(values, apply)
    sizes = dataclasses.asdict(apply.flow)
    config = Record(inner=nested(inner.architecture), flow=sizes, prior=Record(prior.record()).to_dict())
    return Net(values, apply, Architecture(name, config))


def _template(config: Record, kind: type[FlowGeneratorApply] | type[FlowEncoderApply]) -> tuple[Any, Any]:
    inner, prior = config["inner"], prior_from_record(config["prior"])
    flow = _flow(config["flow"], prior)
    apply, shapes = build(Architecture(inner["name"], Record(inner["config"])))
    return kind(apply, flow), {"inner": shapes, "flow": flow.shapes(), "prior": prior}


def _flow(sizes: Any, prior: Prior) -> Flow:
    """A flow from its stored sizes, which may be anything."""
    fields = {field.name for field in dataclasses.fields(Flow)}
    if not isinstance(sizes, dict) or not {"size", "layers", "width"} <= set(sizes) <= fields:
        raise InputError("flow", "has other fields than a flow", f"give {', '.join(sorted(fields))}")
    flow = Flow(**sizes)
    if flow.size != prior.size:
        raise InputError("flow.size", f"is {flow.size} for latents of {prior.size}", f"give {prior.size}")
    return flow


@register("latent-flow/generator")
def _build_generator(config: Record) -> tuple[FlowGeneratorApply, Any]:
    return _template(config, FlowGeneratorApply)


@register("latent-flow/encoder")
def _build_encoder(config: Record) -> tuple[FlowEncoderApply, Any]:
    return _template(config, FlowEncoderApply)
