"""What a file holds, as JSON: stored pairs and states, manifests, foreign weight files."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import jax

from pairs import InputError
from pairs.errors import printable
from pairs.io.paths import as_path
from pairs.sequential.spec import infer_shapes

from .archive import read_archive_metadata
from .critic_manifest import is_critic_manifest, read_critic_manifest
from .digest import named_leaves
from .foreign.limits import shown
from .foreign.modules import Module
from .foreign.tensors import read_foreign
from .graphs.description import describe_onnx
from .integrity import INTEGRITY
from .lookup import bundled_path
from .manifest import read_manifest
from .manifest_values import NetManifest
from .parts import choose_part, convert_net

__all__ = ["count", "describe"]

_LONG = 200


def describe(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """``{path, kind, about, tensors}``; ``tensors`` maps names to shape and dtype, ``about`` is everything else.

    Files are verified as on loading, but no weights are converted and no net is run. Names from
    foreign files are shown with escapes for whatever a terminal would act on.

    Args:
      name_or_path: a bundled name, a stored pair or state, a manifest, or a foreign file.

    Raises:
      InputError: nothing there, damaged, refused, or of no supported kind.
    """
    return _escaped(_described(bundled_path(os.fspath(name_or_path)) or as_path("path", name_or_path)))


def _escaped(values: Any) -> Any:
    """Every text in a description as a terminal can show it."""
    if isinstance(values, dict):
        return {printable(str(k)): _escaped(v) for k, v in values.items()}
    if isinstance(values, (list, tuple)):
        return [_escaped(v) for v in values]
    return printable(values) if isinstance(values, str) else values


def _described(path: Path) -> dict[str, Any]:
    if path.is_dir() and (path / "pair.toml").is_file() and not (path / INTEGRITY).is_file():
        path = path / "pair.toml"
    if path.suffix == ".toml" and path.is_file():
        return {"path": str(path), "kind": "manifest", **_manifest(path)}
    if path.is_dir() or not path.exists():
        metadata = read_archive_metadata(path)
        tensors = metadata.pop("leaves")
        return {"path": str(path), "kind": metadata.pop("format"), "about": metadata, "tensors": tensors}
    if path.suffix.lower() == ".onnx":
        return {"path": str(path), **describe_onnx(path)}
    foreign = read_foreign(path)
    about: dict[str, Any] = {_word(k): _plain(v) for k, v in {**foreign.values, **foreign.metadata}.items()}
    parts = [_word(p) for p in foreign.parts if p]
    about |= {"state dicts": parts} if parts else {}
    about |= {"left unread": {_word(n): _word(kind) for n, kind in foreign.skipped.items()}} if foreign.skipped else {}
    about |= {f"module {_word(n)}".strip(): _tree(module) for n, module in foreign.modules.items()}
    about |= {"layers": [json.dumps(layer) for layer in foreign.layers]} if foreign.layers is not None else {}
    tensors = {_word(n): {"shape": list(a.shape), "dtype": a.dtype.name} for n, a in foreign.tensors.items()}
    return {"path": str(path), "kind": f"{foreign.format} file", "about": about, "tensors": tensors}


def count(tensors: dict[str, Any]) -> int:
    """Numbers in all tensors together.

    Args:
      tensors: as :func:`describe` gives them.
    """
    return sum(math.prod(entry["shape"]) for entry in tensors.values())


def _manifest(path: Path) -> dict[str, Any]:
    if is_critic_manifest(path):
        alone = read_critic_manifest(path)
        parts, about = (alone.critic,), {"pair": dict(alone.pair)}
    else:
        manifest = read_manifest(path)
        parts, about = manifest.nets, {"pair": dict(manifest.pair), "prior": manifest.prior.record()}
    about |= {net.section: _layers(net, path.parent) for net in parts}
    tensors = {}
    for net in parts:
        shapes = infer_shapes(net.layers, net.input_shape)
        for i, (layer, shape) in enumerate(zip(net.layers, shapes, strict=False)):
            for name, size in named_leaves(_sizes(layer.param_shapes(shape)), net.section).items():
                tensors[f"{net.section}.{i}.{name}"] = {"shape": list(size.shape), "dtype": "float32"}
    return {"about": about, "tensors": tensors}


def _sizes(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {name: _sizes(size) for name, size in shapes.items()}
    return jax.ShapeDtypeStruct(shapes, "float32")


def _tensors(net: NetManifest, folder: Path) -> list[str]:
    """Layers and tensors side by side, where the weight file lies beside the manifest."""
    path = folder / net.file
    if not path.is_file():
        return ["(weight file not here)"]
    try:
        made = convert_net(net, choose_part(net, read_foreign(path), path).tensors)
    except InputError as error:
        return [f"({error})"]
    rows = [f"{row.path} {row.kind} <- '{row.module}': {', '.join(row.tensors)}" for row in made.table]
    return [*rows, *(f"(doubt: {doubt})" for doubt in made.doubts)]


def _layers(net: NetManifest, folder: Path) -> dict[str, Any]:
    shapes = infer_shapes(net.layers, net.input_shape)
    lines = [f"{layer.kind} -> {list(shape)}" for layer, shape in zip(net.layers, shapes[1:], strict=True)]
    return {
        "file": net.file,
        "key": net.key,
        "input_shape": list(net.input_shape),
        "layers": lines,
        "tensors": _tensors(net, folder),
    }


def _tree(module: Module, indent: str = "") -> list[str]:
    lines = [f"{indent}{_word(module.name)} {_word(json.dumps(module.settings, default=str))}"]
    for name, child in module.children.items():
        first, *rest = _tree(child, indent + "  ")
        lines += [f"{indent}  {_word(name)}: {first.strip()}", *rest]
    return lines


def _word(text: str) -> str:
    return text if text.isprintable() and len(text) <= _LONG else shown(text, _LONG)


def _plain(value: Any) -> Any:
    """JSON cannot say bytes, NaN or complex numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (int, type(None))):
        return value if value is None or abs(value) < 2**64 else f"a number of {value.bit_length()} bits"
    return _word(value) if isinstance(value, str) else repr(value[:100] if isinstance(value, bytes) else value)
