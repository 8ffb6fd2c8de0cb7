"""The tensors of a net from its file: of several state dicts the one that fits the layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pairs import InputError

from .conversion import Conversion, convert_tensors
from .foreign import state_dicts
from .foreign.state_dicts import TensorChoice, choose
from .foreign.tensors import ForeignFile
from .manifest_values import NetManifest

__all__ = ["choose_part", "convert_net", "keys_that_fit"]

Tensors = Mapping[str, np.ndarray]


def convert_net(net: NetManifest, tensors: Tensors, chosen: Mapping[str, str] | None = None) -> Conversion:
    """The conversion of a net's tensors; see :func:`checkpoints.conversion.convert_tensors`."""
    field = f"{net.section}.layers"
    return convert_tensors(tensors, net.layers, net.input_shape, field, ignore=net.ignore, chosen=chosen)


def choose_part(net: NetManifest, foreign: ForeignFile, path: Path) -> TensorChoice:
    """The state dict of a file that belongs to a net, without the prefixes of wrappers.

    Args:
      net: The net and its layers.
      foreign: What the file holds.
      path: The file, for messages.

    Raises:
      InputError: No such key, or several state dicts of which none or more than one fits.
    """
    return choose(foreign.tensors, foreign.parts, net.key, lambda tensors: _fits(net, tensors), path)


def keys_that_fit(net: NetManifest, foreign: ForeignFile) -> str | None:
    """The keys of parts whose tensors fit a net, in words, where those of the whole file do not."""
    return state_dicts.keys_that_fit(foreign.tensors, lambda tensors: _fits(net, tensors))


def _fits(net: NetManifest, tensors: Tensors) -> bool:
    try:
        convert_net(net, tensors)
    except InputError:
        return False
    return True
