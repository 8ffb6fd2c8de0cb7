"""What a manifest states of two nets, and which of its statements are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from checkpoints.drafts.drafting import Draft
from checkpoints.manifest import Manifest
from pairs.sequential.layers import Layer

__all__ = ["judge", "statements"]

_NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm")
_WEIGHTED = ("dense", "conv", "conv_transpose", *_NORMS, "prelu")
_SHAPING = ("flatten", "unflatten", "reshape", "squeeze", "upsample", "avg_pool", "max_pool", "global_mean_pool")
_WORDS = {
    "sizes": ("sizes ",),
    "activations": (" before '", " places, ", "activations "),
    "normalisation": ("scale and a bias alone", "norm ", "eps "),
    "resampling": ("resampling ", "upsampling ", "pooling "),
    "prior": ("prior ",),
    "end": ("ends in ", "end and range "),
    "critic_kind": ("critic_kind ",),
}


def statements(layers: Sequence[Layer], end: bool) -> dict[str, Any]:
    """What a layer list says, by the kind of statement.

    Args:
      layers: The list.
      end: The last activation is a statement of its own.
    """
    body = [(layer.kind, layer) for layer in layers if layer.kind not in ("dropout", "identity", "squeeze")]
    active = [i for i, (kind, _) in enumerate(body) if kind not in _WEIGHTED + _SHAPING]
    last = active[-1] if end and active and not any(k in _WEIGHTED for k, _ in body[active[-1] :]) else None
    told: dict[str, list[Any]] = {n: [] for n in ("modules", "sizes", "activations", "normalisation", "resampling")}
    for i, (kind, layer) in enumerate(body):
        get = lambda name, layer=layer: getattr(layer, name, None)
        if kind in _WEIGHTED:
            told["modules"].append((kind in _NORMS, get("out"), get("kernel"), get("bias")))
            told["activations"].append("|")
        if kind in _NORMS:
            told["normalisation"].append((kind, get("eps"), get("groups") if kind == "group_norm" else None))
        elif kind in _WEIGHTED or kind in ("unflatten", "upsample") or "pool" in kind:
            names = ("shape", "stride", "padding", "output_padding", "factor")
            told["sizes"].append((kind.replace("max_", "avg_"), *(get(n) for n in names)))
            if kind == "upsample" or "pool" in kind:
                told["resampling"].append((kind, get("mode")))
        elif i in active and i != last:
            told["activations"].append((kind, get("slope")))
    return {**told, "end": None if last is None else body[last][0]}


def judge(made: Draft, drafted: Manifest, truth: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Which statements of a draft are right, and what the draft said of them.

    Args:
      made: The draft.
      drafted: Its manifest.
      truth: The statements of both nets, ``prior``, ``range`` and ``kind``.
    """
    found: dict[str, tuple[bool, str]] = {}
    for net in drafted.nets:
        ours, theirs = statements(net.layers, net.section == "generator"), truth[net.section]
        for name in ("modules", "sizes", "activations", "normalisation", "resampling"):
            if theirs[name] or ours[name]:
                found[f"{net.section} {name}"] = (ours[name] == theirs[name], _by(made, name, net.section))
        if net.section == "generator":
            span = tuple(drafted.pair["sample_range"])
            right = ours["end"] == theirs["end"] and span == truth["range"]
            found["end and range"] = (right, _by(made, "end", ""))
    prior = drafted.prior
    kind = type(prior).__name__.lower()
    right = (kind, getattr(prior, "low", None), getattr(prior, "high", None)) == truth["prior"]
    found["prior"] = (right, _by(made, "prior", ""))
    kind = drafted.pair["critic_kind"]
    found["critic kind"] = (kind == truth["kind"] and not drafted.pair.get("real_is_low"), _by(made, "critic_kind", ""))
    return {name: {"right": right, "by": by} for name, (right, by) in found.items()}


def _by(made: Draft, name: str, section: str) -> str:
    if name == "modules":
        return "read"
    held = lambda lines: any(line.startswith(section) and any(w in line for w in _WORDS[name]) for line in lines)
    return (
        "guessed" if held(made.guessed) else "inferred" if held(made.inferred) or name != "critic_kind" else "guessed"
    )
