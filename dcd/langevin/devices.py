"""Where batches of chains live: on one device, or split over all that this process has.

Devices of other processes (``jax.distributed``) are left to them: chains need nothing of each other, so that processes
share a run by parts (:func:`dcd.refine_to`) and never wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from pairs.arrays import on_device

__all__ = ["placement"]


def placement(batch: int) -> tuple[Callable[[Any], Array], int]:
    """How a batch is put in place, and its size.

    Args:
      batch: Rows that were asked for.

    Returns:
      A function that moves an array to the devices, split along its first axis where there are several, and the
      smallest number of rows from ``batch`` on that splits evenly.
    """
    own = jax.local_devices()
    count = len(own)
    if count == 1:
        return on_device, batch
    mesh = jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,), devices=own)
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    return (lambda v: jax.device_put(on_device(v), sharding)), -(-batch // count) * count
