"""Better samples and better interpolations from a GAN somebody already trained: the front door.

``ganrefine COMMAND`` (also ``python -m ganrefine COMMAND``) runs everything from a terminal; the names below are what
most programs need:

    >>> import ganrefine
    >>> pair = ganrefine.load("fashion-mnist-wgan-gp")
    >>> pair.sample_shape
    (28, 28, 1)

Each name is imported when it is first used, so that a help page does not wait for JAX.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checkpoints.lookup import resolve as load
    from dcd.langevin.chain import refine
    from dcd.langevin.presets import preset
    from dcd.tuning.search import tune
    from interp.shortest_paths import geodesic
    from pairs.assembly import make_pair
    from pairs.wrapping import wrap

__all__ = ["geodesic", "load", "main", "make_pair", "preset", "refine", "tune", "wrap"]

COMMANDS = {
    "refine": ("benchmarks.commands.refine", "draw samples, refine them, measure them before and after"),
    "tune": ("benchmarks.commands.tune", "find settings that provably help, or say that none do"),
    "adapt": ("benchmarks.commands.adapt", "train, contrast and calibrate a critic for the generator"),
    "amortise": ("benchmarks.commands.amortise", "teach the generator to draw refined samples at once"),
    "path": ("benchmarks.commands.path", "interpolate: line, slerp and geodesic side by side"),
    "import": ("benchmarks.commands.import_pair", "turn foreign weights into a verified, sealed pair"),
    "draft": ("benchmarks.commands.draft", "write the manifest of bare weights"),
    "inspect": ("benchmarks.commands.inspect_file", "show what a weight file, a manifest or a stored pair holds"),
    "train": ("benchmarks.commands.train", "train a reference pair, resumable"),
    "evaluate": ("benchmarks.commands.evaluate", "distance of a set of images to another"),
    "benchmark": ("", "measure on real data; 'ganrefine benchmark' lists what"),
}
"""The module behind each command, and one line about it."""

BENCHMARKS = {
    "refine": ("benchmarks.commands.benchmark_refine", "quality before and after refinement, on real data"),
    "interpolate": ("benchmarks.commands.benchmark_interpolate", "path quality against real data, all methods"),
    "speed": ("benchmarks.commands.benchmark_speed", "cost of a step over its floor, and against PyTorch"),
    "leaderboard": ("benchmarks.commands.benchmark_leaderboard", "all methods at equal gradient budgets"),
    "train-features": ("benchmarks.commands.train_features", "train a classifier whose features serve as a metric"),
}
"""The same for ``ganrefine benchmark``."""

_NAMES = {
    "geodesic": "interp.shortest_paths",
    "load": "checkpoints.lookup:resolve",
    "make_pair": "pairs.assembly",
    "preset": "dcd.langevin.presets",
    "refine": "dcd.langevin.chain",
    "tune": "dcd.tuning.search",
    "wrap": "pairs.wrapping",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'ganrefine' has no attribute {name!r}")
    module, _, original = _NAMES[name].partition(":")
    return getattr(_own(module), original or name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: The command and its arguments; those of the process where none are given.

    Returns:
      0 for success, 2 for bad input (one line on standard error), 130 and 143 after SIGINT and SIGTERM, 1 for
      anything else.
    """
    try:
        return _run(argv)
    except KeyboardInterrupt:  # before the command began
        print("stopped by SIGINT; nothing was begun, so run the same command again", file=sys.stderr)
        return 130


def _run(argv: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    table, prog = COMMANDS, "ganrefine"
    if given[:1] == ["benchmark"]:
        table, prog, given = BENCHMARKS, "ganrefine benchmark", given[1:]
    if given[:1] in (["-h"], ["--help"]) or (not given and table is BENCHMARKS):
        print(_overview(table, prog))
        return 0
    if not given:
        print(f"error: command: is missing; see {prog} --help", file=sys.stderr)
        return 2
    name, *rest = given
    command = _own("pairs.io.command")
    if name not in table:
        known = ", ".join(table)
        print(f"error: command: {name!r} is not one; use one of {known}, see {prog} --help", file=sys.stderr)
        return 2
    return command.run_command(_own(table[name][0]), f"{prog} {name}", table[name][1], rest)


def _overview(table: dict[str, tuple[str, str]], prog: str) -> str:
    width = max(map(len, table))
    lines = [f"usage: {prog} COMMAND [...]", "", "commands:"]
    lines += [f"  {name:{width}}  {words}" for name, (_, words) in table.items()]
    return "\n".join([*lines, "", f"'{prog} COMMAND --help' lists a command's options."])


def _own(module: str) -> Any:
    """A module of this project, never one of the same name in the user's folder."""
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    spec = importlib.util.find_spec(top) if loaded is None else None  # found, not run
    file = getattr(loaded, "__file__", None) if spec is None else spec.origin
    if file is None or Path(file).resolve().parent.parent != Path(__file__).resolve().parent:
        raise ImportError(
            f"{top!r} is that of {file or 'no file'}, which is not ganrefine's; run 'python -P', which leaves the "
            "script's folder out, move the script to another folder, or use the command 'ganrefine'"
        )
    return importlib.import_module(module)


def _search_own_folder_first() -> None:
    """Let a folder or file of the user that is named like a package of this project not stand in its way."""
    sys.path[:] = [str(Path(__file__).resolve().parent), *(p for p in sys.path if p not in ("", str(Path.cwd())))]


def console(argv: Sequence[str] | None = None) -> int:
    """Entry of the console script."""
    _search_own_folder_first()
    # a help page compiles nothing, and a program that imported JAX has settled its settings
    if "jax" not in sys.modules and not {"-h", "--help"} & set(sys.argv[1:] if argv is None else argv):
        _own("pairs.io.compilation_cache").use_compilation_cache()
    code = main(argv)
    if code > 128:  # threads of libraries that a signal has cut short would end in tracebacks
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(console())
