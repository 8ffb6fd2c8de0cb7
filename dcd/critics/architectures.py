"""Critics from the shape of a sample, and the split of any critic into what is trained and what is kept.

Vectors get three layers of 128, small images 512-256 on the flattened pixels, larger ones
stride-2 convolutions; all with SiLU, whose slope is smooth: a chain follows the critic's gradient, and that of a
piecewise linear critic jumps. Every one is a layer list, so a checkpoint can rebuild it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pairs import InputError, Net
from pairs.sequential.spec import init_sequential

__all__ = ["Frame", "default_layers", "fresh_critic", "split"]

SMALL_IMAGE = 1024
_BUFFERS = {"mean", "var", "running_mean", "running_var", "batch_stats", "u", "v", "sigma", "weight_u", "weight_v"}
_FROZEN = {"features", "center", "spread", "fixed"}  # of a critic on features; what is added to a critic


def default_layers(shape: tuple[int, ...], floor: float | None = None, pool: int = 1) -> list[dict[str, Any]]:
    """Layer list of the critic for samples of ``shape``: ``(n,)`` or ``(H, W, C)``.

    With ``floor`` the critic sees ``max(x, floor)``, with ``pool`` images averaged over squares of that side.

    >>> [layer["out"] for layer in default_layers((28, 28, 1)) if layer["layer"] == "dense"]
    [512, 256, 1]
    """
    front: list[dict[str, Any]] = []
    if floor is not None:
        front = [
            {"layer": "scale", "offset": -float(floor)},
            {"layer": "relu"},
            {"layer": "scale", "offset": float(floor)},
        ]
    if pool > 1 and len(shape) == 3:
        front += [{"layer": "avg_pool", "kernel": pool}]
        shape = (shape[0] // pool, shape[1] // pool, shape[2])
    size = math.prod(shape)
    silu = {"layer": "silu"}
    head = [{"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    if len(shape) == 3 and size > SMALL_IMAGE:
        layers: list[dict[str, Any]] = []
        side, width = min(shape[:2]), 32
        while side > 4:
            layers += [{"layer": "conv", "out": width, "kernel": 4, "stride": 2, "padding": 1}, silu]
            side, width = side // 2, min(2 * width, 256)
        return [*front, *layers, {"layer": "flatten"}, *head]
    widths = (512, 256) if size > 64 else (128, 128, 128)
    flatten = [{"layer": "flatten"}] if len(shape) > 1 else []
    return [*front, *flatten, *(part for w in widths for part in ({"layer": "dense", "out": w}, silu)), *head]


def fresh_critic(key: Array, shape: tuple[int, ...], layers: Iterable[Mapping[str, Any]] | None = None) -> Net:
    """A critic with random weights, from ``layers`` or :func:`default_layers`.

    Raises:
      InputError: layers that do not fit the samples or do not return one number per sample.
    """
    chosen = default_layers(shape) if layers is None else list(layers)
    net = jax.jit(lambda k: init_sequential(k, chosen, shape))(key)
    scores = jax.eval_shape(net, jax.ShapeDtypeStruct((2, *shape), jnp.float32)).shape
    if scores != (2,):
        raise InputError("architecture", f"returns {scores} for 2 samples", "end it with dense out=1 and squeeze")
    return net


@dataclasses.dataclass(frozen=True)
class Frame:
    """The static part of a critic under training: equal for equal architectures."""

    apply: Callable[..., Array]
    tree: Any

    def critic(self, trained: dict[str, Array], kept: dict[str, Any], *labels: Array) -> Callable[[Array], Array]:
        """The score function of one sample batch."""
        params = self.params(trained, kept)
        return lambda x: self.apply(params, x, *labels)

    def params(self, trained: dict[str, Array], kept: dict[str, Any]) -> Any:
        both = {**trained, **kept}
        return jax.tree.unflatten(self.tree, [both[str(i)] for i in range(len(both))])


def split(net: Net) -> tuple[Frame, dict[str, Array], dict[str, Any]]:
    """``(frame, trained, kept)``; running statistics, power-iteration vectors and whole numbers stay as they are."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(net.params)
    trained: dict[str, Array] = {}
    kept: dict[str, Any] = {}
    for i, (path, leaf) in enumerate(leaves):
        names = {str(getattr(step, "key", getattr(step, "name", ""))) for step in path}
        number = jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.inexact)
        if number and not names & (_BUFFERS | _FROZEN):
            trained[str(i)] = jnp.asarray(leaf)
        else:
            kept[str(i)] = leaf
    if not trained:
        raise InputError("critic", "has no weights to train", "use architecture='auto'")
    return Frame(net.apply, tree), trained, kept
