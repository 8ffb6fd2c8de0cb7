r"""How long a chain will take, told before it starts: operations of its gradients against the speed of this device.

A gradient evaluation of one sample takes F operations (:mod:`dcd.diagnostics.operations`). With the rate R of a large
matrix product on this device, n samples of T steps take about

.. math:: n\,T\,F / (0.3\,R)

seconds. The share 0.3 lies between what small convolutions and large dense layers reach on a CPU, so that the estimate
is good to a factor of two or so; compilation comes on top.
"""

from __future__ import annotations

import math
import time

import jax
import jax.numpy as jnp

__all__ = ["rough_time", "seconds_of"]

SHARE = 0.3
"""Part of the rate of a large matrix product at which chains run."""
_SIDE, _TURNS = 1024, 5


def seconds_of(operations: float) -> float:
    """Seconds that so many operations of chains take on this device, measured by a matrix product at this moment."""
    a = jnp.ones((_SIDE, _SIDE), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    best = math.inf
    for _ in range(_TURNS):
        began = time.perf_counter()
        product(a).block_until_ready()
        best = min(best, time.perf_counter() - began)
    return operations / (SHARE * 2 * _SIDE**3 / best)


def rough_time(seconds: float) -> str:
    """Seconds in words, with the precision that an estimate has.

    Example:
      >>> rough_time(3), rough_time(28), rough_time(47), rough_time(200), rough_time(9000), rough_time(1e6)
      ('a few seconds', '30 seconds', 'a minute', '3 minutes', '2 hours', '12 days')
    """
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 0.7 * size:
            count = max(1, round(seconds / size))
            return f"{count:,} {name}s" if count > 1 else f"{'an' if name == 'hour' else 'a'} {name}"
    return f"{round(seconds, -1):.0f} seconds" if seconds >= 8 else "a few seconds"
