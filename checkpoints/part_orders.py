"""Parts of a module as one chain: the reshapes between them, and the orders that sizes allow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from pairs import InputError
from pairs.sequential.spec import infer_shapes

from .foreign.module_pieces import Piece

__all__ = ["DRAFT", "Order", "Shape", "Specs", "chain_orders", "exchangeable"]

Specs = list[dict[str, Any]]
Shape = tuple[int, ...]
Order = tuple[Sequence[Piece], Specs, Shape]

DRAFT = "write its layers in a manifest, see 'ganrefine draft'"
"""What to do where a module does not say its layers."""

_MOST_PARTS = 5  # whose orders are all tried


def chain_orders(parts: Sequence[Piece], start: Specs, shape: Shape, net: str) -> list[Order]:
    """The orders of the parts that sizes allow, with layers and shape; that of registration first.

    Args:
      parts: In the order in which they were registered.
      start: Layers before them.
      shape: Shape after those.
      net: ``generator`` or ``critic``.

    Raises:
      InputError: Sizes that do not fit in the order of registration.
    """
    specs, end = _chained(parts, start, shape, net)
    found: list[Order] = [(parts, specs, end)]
    entry = lambda order: [(p.takes, p.flat) for p in order]
    for other in itertools.permutations(parts) if len(parts) <= _MOST_PARTS else ():
        if other == tuple(parts) or entry(other) != entry(parts):
            continue
        try:
            specs, last = _chained(other, start, shape, net)
        except InputError:
            continue
        if last == end:
            found.append((other, specs, last))
    return found


def exchangeable(orders: Sequence[Order]) -> str | None:
    """Names of the parts that could be exchanged; ``None`` where sizes fix their order."""
    if len(orders) == 1:
        return None
    names = {p.name for order in orders for p, q in zip(order[0], orders[0][0], strict=True) if p is not q}
    return " and ".join(f"'{p.name}'" for p in orders[0][0] if p.name in names)


def _chained(parts: Sequence[Piece], start: Specs, shape: Shape, net: str) -> tuple[Specs, Shape]:
    specs = list(start)
    for piece in parts:
        bridge: Specs = []
        if piece.takes is not None and piece.flat and len(shape) > 1:
            bridge = [{"layer": "flatten"}]
        elif piece.takes is not None and not piece.flat and len(shape) == 1:
            side = math.isqrt(shape[0] // piece.takes)
            if side < 1 or side**2 * piece.takes != shape[0]:
                problem = f"'{piece.name}' takes {piece.takes} channels, {shape[0]} numbers come before it"
                raise InputError(net, problem, f"correct --prior, or {DRAFT}")
            bridge = [{"layer": "unflatten", "shape": [piece.takes, side, side]}]
        entered = infer_shapes(bridge, shape, net)[-1]
        width = math.prod(entered) if piece.flat else entered[-1] if entered else 0
        if piece.takes not in (None, width):
            what = "numbers" if piece.flat else "channels"
            field, option = ("prior", "--prior") if net == "generator" else ("critic", "--sample")
            problem = f"'{piece.name or net}' takes {piece.takes} {what}, and {width} come before it"
            remedy = f"give --prior normal:{piece.takes}, or another kind with that size"
            close = net == "generator" and piece is parts[0] and not start
            raise InputError(field if close else net, problem, remedy if close else f"correct {option}, or {DRAFT}")
        specs += [*bridge, *piece.layers]
        shape = infer_shapes([*bridge, *piece.layers], shape, f"{net}.layers")[-1]
    return specs, shape
