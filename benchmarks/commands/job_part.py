"""Which part of a run this process is to compute, from what the scheduler that started it has set."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["part_of_job"]

_TASKS = (
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)


def part_of_job(given: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Number of the part and how many there are: members of a SLURM array times tasks of SLURM, MPI, or hosts of a TPU.

    Args:
      given: The environment.

    Returns:
      I and N; None where no scheduler has said.

    Example:
      >>> part_of_job({"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "1"})
      (4, 8)
    """
    try:
        array = _array(given)
        task = _task(given)
    except ValueError:
        return None
    if array is None and task is None:
        return None
    (member, members), (rank, ranks) = array or (0, 1), task or (0, 1)
    mine, parts = member * ranks + rank + 1, members * ranks
    return (mine, parts) if 1 <= mine <= parts else None


def _array(given: Mapping[str, str]) -> tuple[int, int] | None:
    if "SLURM_ARRAY_TASK_ID" not in given or "SLURM_ARRAY_TASK_COUNT" not in given:
        return None
    first = int(given.get("SLURM_ARRAY_TASK_MIN", "0"))
    return int(given["SLURM_ARRAY_TASK_ID"]) - first, int(given["SLURM_ARRAY_TASK_COUNT"])


def _task(given: Mapping[str, str]) -> tuple[int, int] | None:
    for rank, size in _TASKS:
        if rank in given and size in given:
            return int(given[rank]), int(given[size])
    hosts = [v for v in given.get("TPU_WORKER_HOSTNAMES", "").split(",") if v]
    if "TPU_WORKER_ID" in given and len(hosts) > 1:
        return int(given["TPU_WORKER_ID"]), len(hosts)
    return None
