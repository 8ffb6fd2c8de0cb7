"""A drafted pair as the text of a manifest."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .trial import Spec

__all__ = ["NetText", "manifest_text"]


@dataclasses.dataclass(frozen=True)
class NetText:
    """One net of a manifest.

    Attributes:
      section: ``generator`` or ``critic``.
      file: Its weight file.
      key: Part of the file that is the state dict.
      specs: Its layers.
    """

    section: str
    file: Path
    key: str | None
    specs: Sequence[Spec]


def manifest_text(
    pair: Mapping[str, Any], prior: Mapping[str, Any], nets: Sequence[NetText], folder: str | os.PathLike[str]
) -> str:
    """The manifest.

    Args:
      pair: Settings of the pair.
      prior: Settings of the prior.
      nets: The nets.
      folder: Folder in which the manifest will lie, for the paths in it.
    """
    lines = ["[pair]", *(f"{k} = {_value(v)}" for k, v in pair.items())]
    lines += ["", "[prior]", *(f"{k} = {_value(v)}" for k, v in prior.items())]
    for net in nets:
        path = os.path.relpath(net.file.resolve(), Path(folder).resolve())
        lines += ["", f"[{net.section}]", f"file = {_value(path)}"]
        lines += [] if net.key is None else [f"key = {_value(net.key)}"]
        lines += ["layers = [", *(f"  {_value(spec)}," for spec in net.specs), "]"]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=True)
