"""Faults that the study of the first look puts into pairs, each with the warning that should name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from checkpoints.reversal import reversed_critic
from pairs import Net, Pair
from pairs.checks import image_range

__all__ = ["FAULTS", "Fault", "exchanged"]


class Fault(NamedTuple):
    """Something that is done to a pair and its data.

    Attributes:
      change: ``(pair, data, seed) -> (pair, data)``; None where the pair has no place for it.
      seen_by: Kind of the warning that names it; ``any`` where any one would do.
      needs_data: The warning compares with data.
    """

    change: Callable[[Pair, Any, int], tuple[Pair, Any] | None]
    seen_by: str
    needs_data: bool = False


def _put(net: Net, params: Any) -> Net:
    return Net(params, net.apply, net.architecture)


def _with_nan(net: Net) -> Net:
    leaves, structure = jax.tree.flatten(net.params)
    at = next(i for i, leaf in enumerate(leaves) if jnp.ndim(leaf) > 1)
    leaves[at] = jnp.asarray(leaves[at]).at[(0,) * jnp.ndim(leaves[at])].set(jnp.nan)
    return _put(net, jax.tree.unflatten(structure, leaves))


def exchanged(net: Net, seed: int) -> Net | None:
    """The net with two different arrays of equal shape exchanged, kernels where there are two alike.

    Args:
      net: A net.
      seed: Which two.
    """
    leaves, structure = jax.tree.flatten(net.params)
    arrays = [(i, np.asarray(leaf)) for i, leaf in enumerate(leaves)]
    alike = [(i, j) for i, a in arrays for j, b in arrays if i < j and a.shape == b.shape and a.ndim and np.any(a != b)]
    kernels = [pair for pair in alike if jnp.ndim(leaves[pair[0]]) > 1]
    if not alike:
        return None
    i, j = (kernels or alike)[np.random.default_rng(seed).integers(len(kernels or alike))]
    leaves[i], leaves[j] = leaves[j], leaves[i]
    return _put(net, jax.tree.unflatten(structure, leaves))


def _zeroed(net: Net) -> Net:
    return _put(net, jax.tree.map(jnp.zeros_like, net.params))


def _to_unit(params: Any, *inputs: Any) -> jax.Array:
    return (params["inner"](*inputs) - params["low"]) / params["width"]


def _unit(pair: Pair, data: Any, seed: int) -> tuple[Pair, Any]:
    low, high = image_range(pair)
    params = {"inner": pair.generator, "low": jnp.asarray(low), "width": jnp.asarray(high - low)}
    return pair.replace(generator=Net(params, _to_unit)), data


def _half_declared(pair: Pair, data: Any, seed: int) -> tuple[Pair, Any]:
    low, high = image_range(pair)
    return pair.replace(sample_range=(0.5 * (low + high), high)), data


def _exchange(part: str) -> Callable[[Pair, Any, int], tuple[Pair, Any] | None]:
    def change(pair: Pair, data: Any, seed: int) -> tuple[Pair, Any] | None:
        net = exchanged(getattr(pair, part), seed)
        return None if net is None else (pair.replace(**{part: net}), data)

    return change


FAULTS = {
    "none": Fault(lambda p, x, s: (p, x), ""),
    "sign of the critic turned": Fault(
        lambda p, x, s: (p.replace(critic=reversed_critic(p.critic, p.critic_kind or "logit")), x), "flipped", True
    ),
    "critic of zeros": Fault(lambda p, x, s: (p.replace(critic=_zeroed(p.critic)), x), "constant"),
    "generator of zeros": Fault(lambda p, x, s: (p.replace(generator=_zeroed(p.generator)), x), "alike"),
    "upper half of the range declared": Fault(_half_declared, "outside"),
    "samples in [0, 1], [-1, 1] declared": Fault(_unit, "half"),
    "NaN in the generator": Fault(lambda p, x, s: (p.replace(generator=_with_nan(p.generator)), x), "nan samples"),
    "NaN in the critic": Fault(lambda p, x, s: (p.replace(critic=_with_nan(p.critic)), x), "nan scores"),
    "data of another size": Fault(
        lambda p, x, s: None if x is None else (p, np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])), "size"
    ),
    "two arrays of the generator exchanged": Fault(_exchange("generator"), "any"),
    "two arrays of the critic exchanged": Fault(_exchange("critic"), "any"),
}
"""What is done to the pairs, by name."""
