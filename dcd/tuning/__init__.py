"""Confirm on untouched data whether refined samples are nearer to real data than the generator's."""

from __future__ import annotations

from .confirmation import confirm
from .faults import Fault, dead_critic, memory, own_judge, repetition, row_faults, spread
from .rule import Guard, Paired, Rule
from .verdict import Finding, Verdict, weigh

__all__ = [
    "Fault",
    "Finding",
    "Guard",
    "Paired",
    "Rule",
    "Verdict",
    "confirm",
    "dead_critic",
    "memory",
    "own_judge",
    "repetition",
    "row_faults",
    "spread",
    "weigh",
]
