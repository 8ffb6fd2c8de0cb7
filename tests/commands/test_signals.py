"""A command that is stopped says so in one line, with how to go on, and exits as shells expect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
WAITING = """
import pathlib, sys, time
from pairs.io.command import guard
from pairs.io.files import write_whole
def put(file):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
sys.exit(guard(lambda argv: write_whole(pathlib.Path(sys.argv[1]) / "samples.npz", put)))
"""


TURNED = """
import os, sys, time
from pairs.io.command import guard
def interrupted(argv):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(10)
    except KeyboardInterrupt:  # as an extension module does that is interrupted while it is imported
        raise ImportError("encountered an error while initializing") from None
sys.exit(guard(interrupted))
"""
SWALLOWED = """
import os, sys, time
from pairs.io.command import guard
class Finalised:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
def interrupted(argv):
    held = [Finalised()]
    held.clear()
    time.sleep(10)
    return 0
sys.exit(guard(interrupted))
"""


def heed_sigint() -> None:
    """Tests that run in the background inherit that SIGINT is ignored, which the command respects."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped(argv: list[str], begun: str, number: int) -> tuple[int, list[str]]:
    """Exit code and last lines on standard error of a process that is signalled once it has said ``begun``."""
    process = subprocess.Popen(
        [sys.executable, *argv],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_sigint,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if begun in line:
            break
    os.kill(process.pid, number)
    said = process.communicate(timeout=120)[1].splitlines()
    return process.returncode, said


@pytest.mark.parametrize("number,code", STOPS)
def test_a_signal_is_one_line_and_leaves_no_half_written_file(number, code, tmp_path) -> None:
    ended, said = stopped(["-c", WAITING, str(tmp_path)], "begun", number)
    assert ended == code
    assert len(said) == 1 and said[0].startswith(f"stopped by {signal.Signals(number).name}; "), said
    assert "the same command" in said[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number,code", STOPS)
@pytest.mark.parametrize("script", [TURNED, SWALLOWED], ids=["turned into another error", "swallowed by a finaliser"])
def test_a_signal_that_libraries_get_is_still_a_stop(script, number, code) -> None:
    # a process of its own: workers of pytest need not run tests in their main thread
    done = subprocess.run(
        [sys.executable, "-c", script, str(int(number))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=heed_sigint,
    )
    assert done.returncode == code
    said = done.stderr.splitlines()
    assert len(said) == 1 and said[0].startswith(f"stopped by {signal.Signals(number).name}; "), said


@pytest.mark.slow
@pytest.mark.parametrize("number,code", STOPS)
def test_a_refinement_that_is_stopped_writes_nothing(number, code, tmp_path) -> None:
    out = tmp_path / "refined"
    argv = ["-m", "ganrefine", "refine", "--n", "20000", "--steps", "1000", "--preset", "latent", "--out", str(out)]
    ended, said = stopped(argv, "gradient evaluations", number)
    assert ended == code
    assert said[-1].startswith("stopped by ") and not any("Traceback" in line for line in said), said
    assert not out.exists()


@pytest.mark.slow
def test_a_training_that_is_stopped_goes_on_as_its_line_says(tmp_path) -> None:
    out = tmp_path / "trained"
    argv = [
        sys.executable,
        "-m",
        "ganrefine",
        "train",
        "soft-intro-vae",
        "toy:rings",
        "--steps",
        "300",
        "--batch",
        "32",
    ]
    argv += ["--batch", "32", "--plain", "--checkpoint-every", "20", "--out", str(out)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (out / "state").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == 143
    assert said[-1] == "stopped by SIGTERM; the same command goes on from its last checkpoint", said
    assert (out / "state").is_dir()
