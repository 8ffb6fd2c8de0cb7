"""Operations and shares of the peak in a report of the study of devices that is there already.

The count of operations needs no device, so that a report can be completed on another machine than the one that took its
times. The times are left as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.io.reports import hardware, versions, write_json

from .device_cases import Case, case_of, in_bfloat16
from .device_chain import gradient_operations
from .device_turns import share

__all__ = ["COUNT", "fill"]

COUNT = (
    "of the batch; as written: two operations for every product of two numbers in matrix products and convolutions, "
    "taps on padding with them, elementwise work without; compiled: XLA's count after its optimisations, which lacks "
    "the calls of libraries such as cuDNN and gives no share of the peak"
)
"""What ``flops_per_gradient`` means in a report."""


def fill(path: Path) -> dict[str, Any]:
    """Count the operations of every part of a report and write the report anew, whole or not at all.

    Args:
      path: JSON file that the study wrote.

    Returns:
      The new report: ``counted_afterwards`` says with which versions and on which machine.

    Raises:
      InputError: No report of this study, or one of other nets than those of its names today.
    """
    try:
        report = json.loads(path.read_text())
        names, quick, rows = list(report["pairs"]), report["bounds"]["quick"], report["parts"]
        parts = [p for p in rows if "ms_per_step" in p]
        rates = next(p["peak"] for p in rows if p["part"] == "matrix peak")
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        raise InputError("--count", f"'{path}' is no report of this study", "give a file that --out wrote") from None
    cases = {name: _same(case_of(name, quick), report["pairs"][name]) for name in names}
    for part in parts:
        name, space, precision, _ = part["part"].rsplit(", ", 3)
        pair = cases[name].pair
        flops = gradient_operations(in_bfloat16(pair) if precision == "bfloat16" else pair, space, part["batch"])
        part["flops_per_gradient"]["as written"] = flops
        peak = rates[precision]["flop_per_s"]["median"] if precision in rates else None
        part |= share(flops, part["ms_per_step"]["chain"]["median"] / 1e3, peak)
    report["protocol"]["flops_per_gradient"] = COUNT
    what = "flops_per_gradient as written, flop_per_s, percent_of_matrix_peak"
    report["counted_afterwards"] = {"what": what, "versions": versions(), "hardware": hardware()}
    write_json(path, report)
    return report


def _same(case: Case, told: dict[str, Any]) -> Case:
    found: dict[str, Any] = {"generator": case.pair.generator.size, "critic": case.pair.critic.size}
    found["sample"] = list(case.pair.sample_shape)
    for key, value in found.items():
        if told[key] != value:
            problem = f"of the report has {told[key]} as {key}, the one of this name has {value}"
            raise InputError(case.name, problem, "count with the version that measured it")
    return case
