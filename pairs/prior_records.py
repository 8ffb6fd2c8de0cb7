"""Priors from their JSON form."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from .class_mixture import ClassMixture
from .errors import InputError
from .priors import Normal, Prior, Sphere, TruncatedNormal, Uniform
from .record import Record

__all__ = ["prior_from_record"]

_KINDS: dict[str, type[Prior]] = {p.kind: p for p in (Normal, Uniform, Sphere, TruncatedNormal)}


def prior_from_record(record: Record | dict[str, Any]) -> Prior:
    """Inverse of :meth:`Prior.record`; a class mixture comes back with shapes in place of arrays."""
    data = dict(record)
    kind = data.pop("kind", None)
    if kind == ClassMixture.kind:
        shape, classes = tuple(data["shape"]), data["classes"]
        full: Any = jax.ShapeDtypeStruct((classes, *shape), jnp.float32)
        weights: Any = jax.ShapeDtypeStruct((classes,), jnp.float32)
        return ClassMixture(shape, full, full, weights)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError("prior.kind", f"is {kind!r}", f"use one of {', '.join([*_KINDS, ClassMixture.kind])}")
    fields = {f.name for f in dataclasses.fields(_KINDS[kind])}
    unknown = sorted(set(data) - fields)
    if unknown:
        raise InputError(f"prior.{unknown[0]}", f"is not a setting of '{kind}'", f"use {', '.join(sorted(fields))}")
    shape = data.get("shape")
    data["shape"] = (shape,) if isinstance(shape, int) else tuple(shape or ())
    return _KINDS[kind](**data)
