"""``--part auto`` is the part that the scheduler gave to this process."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.commands.argument_types import Part
from benchmarks.commands.job_part import part_of_job

ARRAY = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "10"}
TASKS = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"}
STEPS = {  # --array=0-6:2
    "SLURM_ARRAY_TASK_ID": "4",
    "SLURM_ARRAY_TASK_COUNT": "4",
    "SLURM_ARRAY_TASK_MIN": "0",
    "SLURM_ARRAY_TASK_MAX": "6",
    "SLURM_ARRAY_TASK_STEP": "2",
}


@pytest.mark.parametrize(
    "given,part",
    [
        (ARRAY, (3, 4)),
        (TASKS, (2, 2)),
        (ARRAY | TASKS, (6, 8)),
        (ARRAY | {"SLURM_ARRAY_TASK_MAX": "13", "SLURM_ARRAY_TASK_STEP": "1"}, (3, 4)),
        (STEPS, (3, 4)),
        (STEPS | TASKS, (6, 8)),
        # mpirun within a job: all of its processes have the SLURM_PROCID of the script
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "3"} | OPEN_MPI, (2, 3)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "3", "PMI_RANK": "2", "PMI_SIZE": "3"}, (3, 3)),
        (STEPS | {"SLURM_PROCID": "0", "SLURM_NTASKS": "3"} | OPEN_MPI, (8, 12)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "3"}, (1, 3)),
        ({"TPU_WORKER_ID": "2", "TPU_WORKER_HOSTNAMES": "a,b,c,d"}, (3, 4)),
        ({"TPU_WORKER_ID": "0", "TPU_WORKER_HOSTNAMES": "a"}, None),
        ({"SLURM_PROCID": "x", "SLURM_NTASKS": "2"}, None),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "2"}, None),
        ({}, None),
    ],
)
def test_the_part_is_read_from_the_environment(given, part) -> None:
    assert part_of_job(given) == part


def test_every_task_of_every_member_has_a_part_of_its_own() -> None:
    parts = [
        part_of_job(ARRAY | {"SLURM_ARRAY_TASK_ID": str(10 + i), "SLURM_PROCID": str(j), "SLURM_NTASKS": "3"})
        for i in range(4)
        for j in range(3)
    ]
    assert parts == [(k, 12) for k in range(1, 13)]


def test_auto_without_a_scheduler_is_refused_with_what_to_give(monkeypatch) -> None:
    for name in (*STEPS, *TASKS, "OMPI_COMM_WORLD_RANK", "PMI_RANK", "TPU_WORKER_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(argparse.ArgumentTypeError, match="is auto; give I/N"):
        Part(9)("auto")
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    assert Part(9)("auto") == (2, 2)


@pytest.mark.parametrize("member", ["1", "3", "8"])
def test_an_array_with_gaps_is_refused_in_a_line_that_asks_for_the_part(monkeypatch, member) -> None:
    for name in (*STEPS, *TASKS, "OMPI_COMM_WORLD_RANK", "PMI_RANK", "TPU_WORKER_ID"):
        monkeypatch.delenv(name, raising=False)
    given = STEPS | {"SLURM_ARRAY_TASK_ID": member, "SLURM_ARRAY_TASK_COUNT": "3"}
    given |= {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "8", "SLURM_ARRAY_TASK_STEP": "1"}  # --array=1,3,8
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(argparse.ArgumentTypeError, match="^is auto, and the 3 members .*; give --part I/N$"):
        Part(9)("auto")
