"""Which part of a run this process is to compute, from what the scheduler that started it has set."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pairs import InputError

__all__ = ["part_of_job"]

# MPI first: all processes of an mpirun within a SLURM job inherit the SLURM_PROCID of the script, 0
_TASKS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


def part_of_job(given: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Number of the part and how many there are: members of a SLURM array times tasks of SLURM, MPI, or hosts of a TPU.

    Args:
      given: The environment.

    Returns:
      I and N; None where no scheduler has said.

    Raises:
      InputError: Members of the array are missing between the first and the last.

    Example:
      >>> part_of_job({"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "1"})
      (4, 8)
    """
    try:
        array, task = _array(given), _task(given)
    except InputError:
        raise
    except ValueError:  # no numbers
        return None
    if array is None and task is None:
        return None
    (member, members), (rank, ranks) = array or (0, 1), task or (0, 1)
    mine, parts = member * ranks + rank + 1, members * ranks
    return (mine, parts) if 1 <= mine <= parts else None


def _array(given: Mapping[str, str]) -> tuple[int, int] | None:
    if "SLURM_ARRAY_TASK_ID" not in given or "SLURM_ARRAY_TASK_COUNT" not in given:
        return None
    member, members = int(given["SLURM_ARRAY_TASK_ID"]), int(given["SLURM_ARRAY_TASK_COUNT"])
    first, step = int(given.get("SLURM_ARRAY_TASK_MIN", "0")), max(1, int(given.get("SLURM_ARRAY_TASK_STEP", "1")))
    last = int(given.get("SLURM_ARRAY_TASK_MAX", str(first + (members - 1) * step)))
    if last - first != (members - 1) * step or (member - first) % step:
        problem = f"is auto, and the {members} members of the SLURM array are not {first} to {last} in steps of {step}"
        raise InputError("part", problem, "give --part I/N")
    return (member - first) // step, members


def _task(given: Mapping[str, str]) -> tuple[int, int] | None:
    for rank, size in _TASKS:
        if rank in given and size in given:
            return int(given[rank]), int(given[size])
    hosts = [v for v in given.get("TPU_WORKER_HOSTNAMES", "").split(",") if v]
    if "TPU_WORKER_ID" in given and len(hosts) > 1:
        return int(given["TPU_WORKER_ID"]), len(hosts)
    return None
