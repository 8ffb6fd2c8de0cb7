r"""The residual blocks of torch-mimicry.

.. math::
   G:\; &c_2(r(b_2(c_1(u(r(b_1(x))))))) + c_{sc}(u(x)) \\
   D:\; &p(c_2(r(c_1(r(x))))) + p(c_{sc}(r(x)))

with r the ReLU, u bilinear upsampling, p average pooling. In the critic's block the ReLU works in place, so that the
shortcut sees its output too. The critic's first block has no ReLU in front, and pools before :math:`c_{sc}`.
"""

from __future__ import annotations

from typing import Any

from .names import Names

__all__ = ["LayerDicts", "attention", "critic_block", "first_critic_block", "generator_block"]

LayerDicts = list[dict[str, Any]]

_RELU = {"layer": "relu"}
_POOL = {"layer": "avg_pool", "kernel": 2}
_UP = {"layer": "upsample", "factor": 2, "mode": "bilinear"}


def _conv(names: Names, name: str) -> dict[str, Any]:
    out, _, kernel, _ = names[f"{name}.weight"]
    return {"layer": "conv", "out": out, "kernel": kernel, "padding": kernel // 2, "name": name}


def _norm(names: Names, name: str, classes: int | None) -> dict[str, Any]:
    if classes is None:
        return {"layer": "batch_norm", "name": name}
    return {"layer": "conditional_batch_norm", "classes": classes, "name": name}


def generator_block(names: Names, name: str, classes: int | None) -> dict[str, Any]:
    """A block that doubles the sides."""
    main = [_norm(names, f"{name}.b1", classes), _RELU, _UP, _conv(names, f"{name}.c1")]
    main += [_norm(names, f"{name}.b2", classes), _RELU, _conv(names, f"{name}.c2")]
    return {"layer": "residual", "main": main, "skip": [_UP, _conv(names, f"{name}.c_sc")]}


def first_critic_block(names: Names, name: str) -> dict[str, Any]:
    """The block on the image."""
    main = [_conv(names, f"{name}.c1"), _RELU, _conv(names, f"{name}.c2"), _POOL]
    return {"layer": "residual", "main": main, "skip": [_POOL, _conv(names, f"{name}.c_sc")]}


def critic_block(names: Names, name: str, down: bool) -> dict[str, Any]:
    """A further block; without ``c_sc`` the shortcut is the ReLU alone."""
    pool = [_POOL] if down else []
    main = [_RELU, _conv(names, f"{name}.c1"), _RELU, _conv(names, f"{name}.c2"), *pool]
    learned = down or f"{name}.c_sc.weight" in names
    skip = [_RELU, *([_conv(names, f"{name}.c_sc")] if learned else []), *pool]
    return {"layer": "residual", "main": main, "skip": skip}


def attention(names: Names, name: str) -> dict[str, Any]:
    """Self-attention with pooled keys and values."""
    query, value = names[f"{name}.theta.weight"][0], names[f"{name}.g.weight"][0]
    more = {"bias": False, "output": True, "pool": True}
    return {"layer": "self_attention", "query": query, "value": value, **more, "name": name}
