"""Pairs on disk: a sealed Orbax directory with everything that makes a pair a pair.

Weights, architecture of each net, prior (with the arrays of a class mixture), sample
shape and range, critic kind, calibration, classes, and the record. Loading builds
the architectures by name from code in this package, never from the file; nets
without a registered architecture need ``like``.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from pairs import Architecture, ClassMixture, InputError, Net, NoCritic, Pair, Record, build, prior_from_record
from pairs.arrays import on_device

from .archive import read_archive, write_archive
from .digest import named_leaves
from .leaves import pack, unpack

__all__ = ["PAIR_FORMAT", "load_pair", "save_pair"]

PAIR_FORMAT = "ganrefine-pair"
_NETS = ("generator", "critic", "encoder", "features", "classifier")
_PLAIN = ("sample_shape", "sample_range", "critic_kind", "calibrated", "classes")


def save_pair(path: str | os.PathLike[str], pair: Pair, overwrite: bool = False) -> Path:
    """Write ``pair`` as a new directory, atomically, and return its absolute path.

    Raises:
      InputError: the destination exists (``overwrite=True`` replaces a checkpoint, nothing
        else), its folder is not writable, or the pair holds leaves that are not arrays.
    """
    arrays: dict[str, np.ndarray] = {}
    nets: dict[str, Any] = {}
    for name in _NETS:
        net: Net | None = getattr(pair, name)
        if net is None or (name == "critic" and not pair.has_critic):
            nets[name] = None
            continue
        made_by = net.architecture
        nets[name] = {"architecture": made_by and {"name": made_by.name, "config": made_by.config.to_dict()}}
        # What JAX computes with is what is stored: 64-bit numpy weights become 32-bit here, not on loading.
        arrays |= {f"{name}.{k}": pack(jnp.asarray(v), k) for k, v in named_leaves(net.params, name).items()}
    if isinstance(pair.prior, ClassMixture):
        arrays |= {f"prior.{k}": np.asarray(getattr(pair.prior, k)) for k in ("means", "scales", "weights")}
    metadata = {
        "nets": nets,
        "prior": Record(pair.prior.record()).to_dict(),
        "record": pair.record.to_dict(),
        **{name: getattr(pair, name) for name in _PLAIN},
    }
    return write_archive(path, PAIR_FORMAT, arrays, Record(metadata).to_dict(), overwrite=overwrite)


def load_pair(path: str | os.PathLike[str], like: Pair | None = None) -> Pair:
    """The pair stored at ``path``, bit for bit.

    Args:
      path: a directory written by :func:`save_pair`.
      like: a pair with the same nets, for architectures that this package does not know;
        only the functions and the structure of its parameters are used.

    Raises:
      InputError: nothing there, damaged in any way, unknown architecture, or weights that do
        not fit the architecture (or ``like``).
    """
    arrays, metadata = read_archive(path, PAIR_FORMAT)
    nets = {name: _net(name, metadata["nets"].get(name), arrays, like) for name in _NETS}
    nets["critic"] = nets["critic"] or Net((), NoCritic())
    prior = prior_from_record(metadata["prior"])
    if isinstance(prior, ClassMixture):
        leaves = {k: on_device(arrays[f"prior.{k}"]) for k in ("means", "scales", "weights")}
        prior = dataclasses.replace(prior, **leaves)
    plain = {name: metadata[name] for name in _PLAIN}
    plain["sample_shape"] = tuple(plain["sample_shape"])
    plain["sample_range"] = plain["sample_range"] and tuple(plain["sample_range"])
    return Pair(prior=prior, record=Record(metadata["record"]), **nets, **plain)


def _net(name: str, entry: dict[str, Any] | None, arrays: dict[str, np.ndarray], like: Pair | None) -> Net | None:
    if entry is None:
        return None
    made_by = entry["architecture"] and Architecture(
        entry["architecture"]["name"], Record(entry["architecture"]["config"])
    )
    model: Net | None = getattr(like, name) if like is not None else None
    if model is not None:
        apply, template = model.apply, model.params
    elif made_by is not None:
        apply, template = build(made_by)
    else:
        raise InputError(name, "was saved without an architecture", "give load_pair a pair with the same nets, like=")
    stored = {k.removeprefix(f"{name}."): a for k, a in arrays.items() if k.startswith(f"{name}.")}
    return Net(unpack(stored, template, name), apply, made_by or (model.architecture if model else None))
