"""The front door: one command line for everything, from any folder, with help that needs no JAX."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import dcd
import ganrefine
from benchmarks.commands import import_pair, options, path, train
from checkpoints.manifest import shipped_manifests
from interp.metric.energy import Mode
from interp.solve.table import SOLVERS, SolverName
from pairs.vae.toys import TOYS

ROOT = Path(ganrefine.__file__).resolve().parent


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *argv], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("command", [*ganrefine.COMMANDS])
def test_every_command_has_a_help_page_that_names_its_options_by_group(command, capsys) -> None:
    if command == "benchmark":
        assert ganrefine.main([command]) == 0
        listed = capsys.readouterr().out
        assert all(name in listed for name in ganrefine.BENCHMARKS)
        return
    with pytest.raises(SystemExit) as left:
        ganrefine.main([command, "--help"])
    page = capsys.readouterr().out
    assert (
        left.value.code == 0 and page.startswith(f"usage: ganrefine {command}") and "--json" in page or "FAMILY" in page
    )


def test_a_help_page_needs_no_jax(tmp_path) -> None:
    code = "import sys, ganrefine\ntry: ganrefine.main(['refine', '--help'])\nexcept SystemExit: pass\n"
    done = run("-c", code + "assert 'jax' not in sys.modules, 'jax'", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--preset" in done.stdout


def test_names_in_help_pages_are_the_ones_that_exist() -> None:
    assert set(options.PRESET_NAMES) == set(dcd.PRESETS)
    page = (Path(__file__).parents[1] / "docs" / "guides" / "presets.md").read_text()
    papers = page[page.index("set papers") : page.index("for name, p in presets()")]
    assert set(re.findall(r'^  "([^"]+)":', papers, re.M)) == set(dcd.PRESETS)
    assert set(path.SOLVERS) == set(SOLVERS) == set(get_args(SolverName))
    assert set(path.MODES) == set(get_args(Mode))
    assert set(import_pair.SHIPPED) == set(shipped_manifests())
    assert set(train.TOYS) == set(TOYS)


@pytest.fixture
def training_project(tmp_path) -> Path:
    """A folder of a user, with packages and files named like those of this project."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "__init__.py").write_text("raise RuntimeError('the user\\'s own checkpoints')\n")
    (tmp_path / "interp.py").write_text("raise RuntimeError('the user\\'s own interp')\n")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("raise RuntimeError('the user\\'s own benchmarks')\n")
    return tmp_path


@pytest.mark.slow
def test_the_command_runs_beside_packages_of_the_same_names(training_project) -> None:
    done = run("-m", "ganrefine", "inspect", "fashion-mnist-wgan-gp", "--json", cwd=training_project)
    assert done.returncode == 0, done.stderr
    assert '"kind"' in done.stdout


@pytest.mark.parametrize("text", ["", "raise RuntimeError('was run')\n"])
def test_the_library_refuses_a_package_of_the_same_name_without_running_it(training_project, text) -> None:
    """The user's package has no module of that name, or fails when it is imported."""
    (training_project / "checkpoints" / "__init__.py").write_text(text)
    (training_project / "program.py").write_text("import ganrefine\nganrefine.load('fashion-mnist-wgan-gp')\n")
    done = run("program.py", cwd=training_project)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: 'checkpoints' is that of ") and "not ganrefine's; run 'python -P'" in last


def test_the_library_refuses_a_package_of_the_same_name_that_was_imported_before(training_project) -> None:
    (training_project / "checkpoints" / "__init__.py").write_text("")
    (training_project / "program.py").write_text("import checkpoints, ganrefine\nganrefine.load('x')\n")
    done = run("program.py", cwd=training_project)
    assert done.returncode == 1 and "ImportError: 'checkpoints' is that of " in done.stderr


@pytest.mark.slow
def test_a_script_beside_a_package_of_the_same_name_runs_as_the_refusal_says(training_project) -> None:
    (training_project / "program.py").write_text("import ganrefine\nprint(ganrefine.load.__name__)\n")
    done = run("-P", "program.py", cwd=training_project)
    assert done.returncode == 0 and done.stdout == "resolve\n", done.stderr


@pytest.mark.parametrize("name", [n for n in ganrefine.__all__ if n != "main"])
def test_the_names_of_the_front_door_are_there(name) -> None:
    assert callable(getattr(ganrefine, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "nothing"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(ganrefine, name)


@pytest.mark.parametrize("package,command", [("dcd", "refine"), ("interp", "path"), ("checkpoints", "inspect")])
def test_a_package_runs_the_front_doors_command(package, command) -> None:
    done = run("-m", package, command, "--help", cwd=ROOT)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: ganrefine {command}")
