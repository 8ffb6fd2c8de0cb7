"""Architectures by name: how a stored pair finds the code that runs its weights.

A checkpoint holds numbers and, for each net, an :class:`Architecture`: the name of a builder registered here and the
JSON configuration that the builder takes. Loading never imports or runs code named by a file. A name of this project is
found through the table below, which says what module registers it; an unknown name is an error.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from .errors import InputError
from .record import Record

__all__ = ["Architecture", "register", "build", "known"]

Apply = Callable[..., Any]
Builder = Callable[[Record], tuple[Apply, Any]]
"""``config -> (apply, template)``: the template is the pytree of shapes of the parameters."""

_BUILDERS: dict[str, Builder] = {}

_MODULES = {
    "affine": "heads.affine_score",
    "ascending/generator": "heads.ascending_generator",
    "benchmarks/classifier": "feature_nets.classifier",
    "benchmarks/random": "feature_nets.fixed_random",
    "benchmarks/strided": "feature_nets.strided",
    "biggan/generator": "gan.biggan",
    "factory": "user_nets",
    "feature-critic": "heads.on_features",
    "graph": "graph.evaluate",
    "label-term": "heads.label_term",
    "latent-flow/encoder": "flows.latent_flow",
    "latent-flow/generator": "flows.latent_flow",
    "r3gan/critic": "gan.r3gan",
    "r3gan/generator": "gan.r3gan",
    "score-head": "heads.trained_score",
    "sequential": "sequential.spec",
    "sngan/critic": "gan.sngan",
    "sngan/generator": "gan.sngan",
    "stylegan2/critic": "gan.stylegan2_critic",
    "stylegan2/generator": "gan.stylegan2",
    "sum": "heads.sum_of_scores",
    "vae/elbo": "vae.energy",
    "vae/feature-map": "vae.feature_map",
    "vae/mlp": "vae.nets",
    "vae/posterior-mean": "vae.nets",
    "vae/split-critic": "vae.label_codes",
    "vae/split-encoder": "vae.label_codes",
    "wgan-gp/critic": "gan.wgan_gp",
    "wgan-gp/generator": "gan.wgan_gp",
}
"""The module below this package that registers each name of this project."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Name of a registered builder and its configuration."""

    name: str
    config: Record


def register(name: str) -> Callable[[Builder], Builder]:
    """Decorator: make ``name`` loadable from checkpoints."""

    def add(builder: Builder) -> Builder:
        if name in _BUILDERS:
            raise InputError("architecture", f"'{name}' is registered twice", "choose another name")
        _BUILDERS[name] = builder
        return builder

    return add


def known() -> tuple[str, ...]:
    """Names that can be loaded, sorted: those of this project and those registered by the user's code."""
    return tuple(sorted({*_BUILDERS, *_MODULES}))


def build(architecture: Architecture) -> tuple[Apply, Any]:
    """``(apply, template)`` of an architecture; the template holds ``jax.ShapeDtypeStruct`` leaves.

    Raises:
      InputError: nobody registered the name.
    """
    name = architecture.name
    if name not in _BUILDERS and name in _MODULES:
        importlib.import_module(f"{__package__}.{_MODULES[name]}")
    if name not in _BUILDERS:
        remedy = f"known are {', '.join(known())}; import the module that registers it, or load with like="
        raise InputError("architecture", f"{name!r} is not known here", remedy)
    return _BUILDERS[name](architecture.config)
