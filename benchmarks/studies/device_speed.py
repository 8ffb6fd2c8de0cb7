r"""Chains on an accelerator: refined samples per second, share of the matrix peak, and PyTorch beside them.

``python -m benchmarks.studies.device_speed [PAIR ...] --out FILE.json [--seconds N] [--total N]
[--peers WAY ...] [--quick]``, or ``python -m benchmarks.studies.device_speed --count FILE.json``

On JAX's default device, in float32, TF32 and bfloat16: the rate of a square matrix product; for every pair, chains in
latent and pixel space with the operations of one gradient, the share of that rate, the generator's own pass, and the
same chain in PyTorch (eager, compiled, compiled with CUDA graphs) in rotating turns; and what low precision does to the
samples of chains with the same latents and noise.

PAIR is what ``ganrefine refine`` takes, or ``random-sngan`` (the layers of torch-mimicry's at 32 pixels) or
``random-stylegan2`` (256 pixels), both with drawn weights; all of the bundled pair and these two by default. The file
is written anew after every part. What the bounds on time, or an error, left out is listed with the reason. JAX shares
the card's memory with PyTorch: ``XLA_PYTHON_CLIENT_PREALLOCATE`` is set to ``false`` unless it is set already.
``--count`` measures nothing: it counts the operations of a report that is there already and fills in the shares of the
peak, on any machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairs.io.command import guard
from pairs.io.reports import hardware, versions

from .device_cases import SEED, Case, case_of
from .device_chain import KEY, PRECISIONS, ChainJob, matrix_peak
from .device_count import COUNT, fill
from .device_parts import WAYS, Part, free, measure, plan
from .device_quality import quality, sampled
from .device_turns import Report, words

__all__ = ["main"]

DEFAULT = ("fashion-mnist-wgan-gp", "random-sngan", "random-stylegan2")
_PEAK_SIZE, _QUICK_PEAK_SIZE = 8192, 256
_LONGEST_SAMPLING = 10.0


_PROTOCOL = {
    "matrix peak": "2 n^3 / t, normal numbers; TF32 is JAX's matmul precision 'tensorfloat32', float32 is 'highest'",
    "bfloat16": "weights and activations; latents, samples, scores and gradients are float32",
    "turns": "contestants in rotating order in one process; median, least and largest over the turns",
    "chain": "the chain as dcd.advance runs it, with its record",
    "ratio": "time of the chain over that of a way to run PyTorch, both of one turn",
    "refined_per_s": "batch / (steps x time of a step + the generator's pass in latent space)",
    "flops_per_gradient": COUNT,
    "PyTorch": "channels last, cuDNN measures its algorithms, frozen weights; autocast casts float32 weights",
}


def _versions() -> dict[str, str]:
    found = versions()
    for name in ("torch", "triton", "jax-cuda13-plugin", "jax-cuda12-plugin", "nvidia-cudnn-cu13"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    if importlib.util.find_spec("torch") is not None:
        torch = importlib.import_module("torch")
        found["torch-cuda"] = str(torch.version.cuda)
        found["torch-device"] = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    found["driver"] = "unknown"
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version,memory.total", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20).stdout.strip()
        found["driver"] = said.splitlines()[0] if said else "unknown"
    return found


def _peaks(report: Report, quick: bool) -> dict[str, float]:
    """Operations per second of a product, by precision."""
    size = _QUICK_PEAK_SIZE if quick else _PEAK_SIZE
    rates: dict[str, float] = {}
    found: dict[str, Any] = {}
    for precision in (*PRECISIONS, "default"):
        try:
            found[precision] = matrix_peak(precision, size)
            rates[precision] = found[precision]["flop_per_s"]["median"]
        except Exception as error:  # a device that lacks a form of product says so in its own way
            report.skip(f"matrix peak, {precision}", words(error))
    report.add({"part": "matrix peak", "peak": found})
    return rates


def _quality_of(case: Case) -> str:
    return f"{case.name}, quality"


def _sample(report: Report, part: Part, job: ChainJob, step: float, kept: dict[str, dict[str, np.ndarray]]) -> None:
    """Run the whole chain of a part whose precision is compared, and compare once float32 is there."""
    case, name = part.case, _quality_of(part.case)
    if part.space != "latent" or not part.exact:
        return
    if step * job.settings.steps > _LONGEST_SAMPLING:
        report.skip(f"{name}, {part.precision}", f"the whole chain takes {step * job.settings.steps:.0f} s")
        return
    samples = kept.setdefault(case.name, {})
    try:
        samples.update(sampled(job, part.precision))
        if part.precision == PRECISIONS[-1]:
            report.add({"part": name, "trained": case.trained, **quality(case.pair, samples, job.labels)})
    except Exception as error:  # as for a part
        report.skip(f"{name}, {part.precision}", words(error))


def _measured(
    report: Report, parts: list[Part], seconds: float, deadline: float, rates: dict[str, float], threads: int
) -> None:
    lasted: dict[tuple[str, bool], float] = {}
    kept: dict[str, dict[str, np.ndarray]] = {}
    for part in parts:
        now, kind = time.perf_counter(), (part.case.name, len(part.peers) > 1)
        known = lasted.get(kind, 0.0)
        if now + 0.5 * known > deadline:
            report.skip(part.name, f"a part of this kind took {known:.0f} s, {max(deadline - now, 0):.0f} s were left")
            continue
        try:
            found, job, lost = measure(part, seconds, deadline, rates.get(part.precision), threads)
            report.add(found)
            for contestant, why in lost:
                report.skip(f"{part.name}, PyTorch {contestant}", why)
            _say(found)
        except Exception as error:  # memory that does not suffice, a net that a device cannot run: the others go on
            report.skip(part.name, words(error))
            print(f"{part.name}: not measured, {words(error)}", file=sys.stderr)
        else:
            _sample(report, part, job, found["ms_per_step"]["chain"]["median"] / 1e3, kept)
        free()
        lasted[kind] = time.perf_counter() - now


def _say(found: dict[str, Any]) -> None:
    share = found["percent_of_matrix_peak"]["as written"]
    told = [f"{k} {row['median']:.3g}" for k, row in found["ms_per_step"].items()]
    ratio = [f"{k} {row['median']:.2f}" for k, row in found["ratio"].items()]
    rate, peak = found["refined_per_s"]["chain"], "" if share is None else f", {share:.1f} % of the peak"
    print(f"{found['part']}: {rate:,.0f} refined/s{peak}; ms per step: {', '.join(told)}; {', '.join(ratio)}")
    sys.stdout.flush()


def _over(report: Report) -> None:
    report.give_up("the time of the run was over")
    print("the time of the run was over", file=sys.stderr)
    sys.stdout.flush()
    # a compilation cannot be interrupted from here, and all that was measured is on disk
    os._exit(0)


def _cases(names: Sequence[str], quick: bool) -> list[Case]:
    return [case_of(name, quick) for name in names]


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.device_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pairs", nargs="*", metavar="PAIR", default=list(DEFAULT))
    file = parser.add_mutually_exclusive_group(required=True)
    file.add_argument("--out", type=Path, help="JSON file to write")
    file.add_argument("--count", type=Path, metavar="FILE.json", help="report to fill operations and shares into")
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="bound of one part, JAX's compilation left out (default 40)"
    )
    parser.add_argument("--total", type=float, default=150.0, help="bound of the run (default 150)")
    parser.add_argument("--peers", nargs="*", choices=WAYS, default=WAYS, help="ways to run PyTorch (default: all)")
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU (default: all cores)")
    parser.add_argument("--quick", action="store_true", help="smallest nets and batches, to try the study on a CPU")
    args = parser.parse_args(argv)
    if args.count is not None:
        for part in fill(args.count)["parts"]:
            if "ms_per_step" in part:
                _say(part)
        return 0
    began = time.perf_counter()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    cases = _cases(args.pairs, args.quick)
    parts = plan(cases, tuple(args.peers))
    head = {
        "pairs": {
            c.name: {
                "record": c.pair.name,
                "generator": c.pair.generator.size,
                "critic": c.pair.critic.size,
                "sample": c.pair.sample_shape,
                "trained": c.trained,
            }
            for c in cases
        },
        "seeds": {"drawn weights": SEED, "latents and noise": KEY, "PyTorch's noise": 0},
        "protocol": _PROTOCOL,
        "bounds": {"seconds": args.seconds, "total": args.total, "quick": args.quick},
        "versions": _versions(),
        "hardware": hardware(),
    }
    report = Report(args.out, head, pending=["matrix peak", *(p.name for p in parts), *map(_quality_of, cases)])
    watch = threading.Timer(max(1.0, began + args.total - time.perf_counter()), _over, [report])
    watch.daemon = True
    watch.start()
    rates = _peaks(report, args.quick)
    told = [f"{k} {v / 1e12:.3g} TFLOP/s" for k, v in rates.items()]
    print(f"{head['hardware']['device']}, matrix peak: {', '.join(told)}")
    threads = args.threads or head["hardware"]["cores"]
    _measured(report, parts, args.seconds, began + args.total, rates, threads)
    watch.cancel()
    report.give_up("the float32 chain that it is compared with was not run")
    for row in report.not_measured:
        print(f"not measured: {row['part']}: {row['why']}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
