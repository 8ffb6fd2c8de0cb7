"""Shared fixtures: seeds, small closed-form pairs, and where real checkpoints lie if they are there."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

# Nearly all programs of the tests run once, and their compilation costs more than their work. With these settings of
# the compiler the tests take about half of the time of the processor; the claims do not depend on them.
_FLAGS = {
    "xla_backend_optimization_level": "0",
    "xla_llvm_disable_expensive_passes": "true",
    "xla_cpu_parallel_codegen_split_count": "1",  # one module a program, not one a thread
}
if metadata.version("jaxlib").startswith("0.10."):  # unknown to later versions, which end the process that names it
    _FLAGS["xla_cpu_use_fusion_emitters"] = "false"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers with two threads each wait for one another
_given = os.environ.get("XLA_FLAGS", "")
os.environ["XLA_FLAGS"] = " ".join([_given, *(f"--{k}={v}" for k, v in _FLAGS.items() if k not in _given)]).strip()

os.environ["GANREFINE_CACHE"] = "off"  # commands that tests start do not write to the user's folder
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # what one worker, or a command that a test starts, has compiled, the others read; the first process removes it
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _programs = tempfile.mkdtemp(prefix="ganrefine-tests-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    atexit.register(shutil.rmtree, _programs, ignore_errors=True)
# Traces of programs live as long as the process and are many: looking through them for garbage takes 6 % of the time.
gc.set_threshold(200_000, 50, 1000)

collect_ignore_glob = ["golden/*", "helpers/*"]  # no tests; some import packages that only their callers check for

_HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold most slow tests: one of them at the end would leave the other worker idle."""
    slow: dict[Path, int] = {}
    for item in items:
        slow[item.path] = slow.get(item.path, 0) + (item.get_closest_marker("slow") is not None)
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with the real data and third-party checkpoints; skips where it is absent."""
    root = Path(os.environ.get("GANREFINE_DATA", _HERE.parent.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"real data not found at {root}; set GANREFINE_DATA to its folder")
    return root


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored pair that the tests of a module read or copy."""
    from stored_pairs import tiny_pair

    from checkpoints import save_pair

    return save_pair(tmp_path_factory.mktemp("stored") / "pair", tiny_pair())


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Runs a command that must be refused and returns its one line."""
    from ganrefine import main

    def run(*argv: object) -> str:
        out = tmp_path / "out"
        code = main([*map(str, argv), "--out", str(out)] if "--out" not in argv else [*map(str, argv)])
        printed = capsys.readouterr()
        lines = printed.err.strip().splitlines()
        assert code == 2, printed
        assert printed.out == "" and len(lines) == 1, printed
        assert lines[0].startswith("error: ") and ": " in lines[0][7:] and "; " in lines[0], lines[0]
        assert not out.exists()
        return lines[0]

    return run


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """The names of the programs that are compiled while a test runs."""
    import jax

    names: list[str] = []
    heard = [names]

    def listen(event: str, seconds: float, **more: Any) -> None:
        if event.endswith("backend_compile_duration"):
            heard[0].append(str(more.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    heard[0] = []  # JAX gives no public way to take a listener back
