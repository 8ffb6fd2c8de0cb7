"""Does each test of a law notice the fault that it is there for? Known faults of other implementations are put in.

``python -m benchmarks.studies.mutations --out benchmarks/results/mutations.json``

The project is copied, one line is changed, and the tests named for it must fail; without the change they must pass. The
faults are those found in published implementations (noise without its square root or of the wrong size, a correction
with the wrong sign, a kernel that is not flipped) and slips that the code invites.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pairs import InputError
from pairs.io.command import Parser, guard
from pairs.io.reports import hardware, versions, write_json

__all__ = ["MUTATIONS", "Mutation", "main"]

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600
"""Seconds after which a test run counts as failed."""
_LANGEVIN, _CRITICS = "tests/dcd/langevin/", "tests/dcd/critics/"
_STARTS = "tests/interp/starts/test_neighbours.py"
_SCORES = "tests/interp/metric/test_classifier_scores.py"


class Mutation(NamedTuple):
    """A fault.

    Attributes:
      what: The fault in words.
      file: File that is changed.
      old: Text that stands there once.
      new: Text that takes its place.
      tests: Arguments of pytest that select the tests.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "noise of variance eta T instead of 2 eta T",
        "dcd/langevin/settings.py",
        "math.sqrt(2 * e * self.temperature)",
        "math.sqrt(e * self.temperature)",
        (_LANGEVIN + "test_kernel_closed_forms.py", "-k", "stationary_variance_is"),
    ),
    Mutation(
        "the deviation's square root is taken twice",
        "dcd/langevin/settings.py",
        "math.sqrt(2 * e * self.temperature)",
        "math.sqrt(math.sqrt(2 * e * self.temperature))",
        (_LANGEVIN + "test_kernel_closed_forms.py", "-k", "stationary_variance_is"),
    ),
    Mutation(
        "the Metropolis correction with the wrong sign",
        "dcd/langevin/kernel.py",
        "+ log_backward - log_forward",
        "- log_backward + log_forward",
        (_LANGEVIN + "test_kernel_metropolis.py", "-k", "detailed_balance_density"),
    ),
    Mutation(
        "a latent chain without its prior",
        "dcd/langevin/target.py",
        "weights.prior_weight * finite)",
        "0.0 * finite)",
        (_LANGEVIN + "test_kernel_closed_forms.py", "-k", "latent_law_of_a_linear"),
    ),
    Mutation(
        "samples are not kept in their range",
        "dcd/langevin/kernel.py",
        "moved = target.project(moved)",
        "moved = moved",
        (_LANGEVIN + "test_chain_breakdowns.py", "-k", "pixel_chains_stay"),
    ),
    Mutation(
        "the tether pushes away",
        "dcd/langevin/target.py",
        "value = value - weights.tether",
        "value = value + weights.tether",
        (_LANGEVIN + "test_presets.py", "-k", "tethered or slope_equal"),
    ),
    Mutation(
        "underdamped noise of half the friction",
        "dcd/langevin/underdamped.py",
        "-jnp.expm1(-2 * friction * h)",
        "-jnp.expm1(-friction * h)",
        (_LANGEVIN + "test_underdamped.py", "-k", "position_variance"),
    ),
    Mutation(
        "noise follows the place in a batch instead of the sample",
        "dcd/langevin/driver.py",
        "place(ids), key)",
        "place(jnp.arange(batch)), key)",
        (_LANGEVIN + "test_chain.py", "-k", "a_longer_draw"),
    ),
    Mutation(
        "the label term asks for class 0",
        "pairs/heads/label_term.py",
        "labels[:, None]",
        "0 * labels[:, None]",
        (_CRITICS + "test_label_term.py", "-k", "the_score_is"),
    ),
    Mutation(
        "boosting forgets the scale of the chain",
        "dcd/critics/boosting.py",
        "[critic_scale, weight])",
        "[1.0, weight])",
        (_CRITICS + "test_boosting.py", "-k", "the_sum_is"),
    ),
    Mutation(
        "optimal rejection accepts by the ratio alone",
        "dcd/selection/optimal_rejection.py",
        "+ log_scale, 0.0)",
        ", 0.0)",
        ("tests/dcd/selection", "-k", "optimal or obrs or budget"),
    ),
    Mutation(
        "no gradient through the spectral norm",
        "pairs/gan/spectral_norm.py",
        "kernel / (v @ matrix @ u)",
        "kernel / (v @ fixed @ u)",
        ("tests/pairs/gan/test_sngan.py", "-k", "gradient"),
    ),
    Mutation(
        "a transposed convolution without the flip of its kernel",
        "pairs/convolution.py",
        "w[::-1, ::-1]",
        "w",
        ("tests/pairs/test_convolution.py", "-k", "both_forms"),
    ),
    Mutation(
        "edges of a graph are measured at their ends only",
        "interp/starts/chains.py",
        "_PIECES = 8",
        "_PIECES = 1",
        (_STARTS, "-k", "edges_are_measured_inside"),
    ),
    Mutation(
        "a graph without the direct edge of two ends",
        "interp/starts/neighbours.py",
        "second = np.concatenate([near.ravel(), sources + batch])",
        "second = np.concatenate([near.ravel(), sources])",
        (_STARTS, "-k", "never_dearer_than_the_line"),
    ),
    Mutation(
        "the classifier's term without the critic's",
        "interp/metric/classifier_term.py",
        '-badness(self.critic(params["critic"], x)) - fixed',
        "-fixed",
        (_SCORES, "-k", "the_score_is_minus"),
    ),
    Mutation(
        "a path weight is set on the prior though latents are given",
        "interp/metric/path_weight.py",
        "draw = lambda k: given[",
        "unused = lambda k: given[",
        (_SCORES, "-k", "calibration_on_latents"),
    ),
    Mutation(
        "a flow forgets the volume of its last scale",
        "pairs/flows/couplings.py",
        "return x * jnp.exp(scale) + shift, log_det + scale.sum(-1)",
        "return x * jnp.exp(scale) + shift, log_det",
        ("tests/pairs/flows/test_flows.py", "-k", "volume_change"),
    ),
    Mutation(
        "a critic of boosting is judged on the rows that trained it",
        "dcd/critics/boosting.py",
        "judged = held_source.replace",
        "judged = source.replace",
        (_CRITICS + "test_boosting.py", "-k", "learned_by_heart"),
    ),
)


def _copy(folder: Path) -> None:
    """The files under version control, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(("docs/", "benchmarks/results/")) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _passes(folder: Path, tests: Sequence[str]) -> bool:
    """Whether the tests ran and passed; a run that selects none is an error of this script."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "--no-header", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1):
        raise InputError("tests", f"{' '.join(tests)} could not be run", "correct the list of this script")
    return done.returncode == 0


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m benchmarks.studies.mutations", description="Faults that the tests must notice.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args: argparse.Namespace = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        for mutation in MUTATIONS:
            file = folder / mutation.file
            text = file.read_text()
            if text.count(mutation.old) != 1:
                problem = f"does not stand once in {mutation.file}: {mutation.old!r}"
                raise InputError("mutation", problem, "correct the list of this script")
            row: dict[str, Any] = {"fault": mutation.what, "file": mutation.file, "tests": " ".join(mutation.tests)}
            row["passes without"] = _passes(folder, mutation.tests)
            file.write_text(text.replace(mutation.old, mutation.new))
            row["noticed"] = not _passes(folder, mutation.tests)
            file.write_text(text)
            rows.append(row)
            print(f"{'noticed' if row['noticed'] else 'MISSED'}: {mutation.what}", file=sys.stderr, flush=True)
            counts = {k: sum(r[k] for r in rows) for k in ("passes without", "noticed")}
            report = {"mutations": rows, "counts": {"all": len(MUTATIONS), **counts}}
            write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0 if all(r["noticed"] and r["passes without"] for r in rows) else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
