"""Command lines drawn from what the parsers of the commands declare, wrong values among the right ones.

For every action of a parser a value is drawn: within the bounds that its type carries, from files and names that fit
its ``dest``, or, in a share of cases that differs from line to line, something wrong: out of bounds, of another type,
empty, too long, a path to nothing, bytes that are no text.
"""

from __future__ import annotations

import argparse
import functools
import importlib
from pathlib import Path

import numpy as np
from PIL import Image

import ganrefine
from benchmarks.commands.argument_types import Count, CountOrPath, FilePath, Interval, Number, Part, PathText, Text
from benchmarks.commands.options import PRESET_NAMES
from benchmarks.features import load_features
from benchmarks.features.statistics_file import write_statistics
from pairs.io.command import Parser

__all__ = ["commands", "draw_line", "make_inputs", "parser_of"]

WRONG = (
    "",
    " ",
    "0",
    "-1",
    "-5",
    "1.5",
    "1000000000000",
    "9" * 400,
    "nan",
    "inf",
    "-inf",
    "1e308",
    "x" * 300,
    "~nouser",
)
WRONG += (
    "~nouser/x",
    "/nowhere/at/all",
    "/dev/null",
    "/proc/self/mem",
    "two\nlines",
    "\udcff",
    "a\0b",
    "--",
    "-",
    "a:b",
)
WRONG += ("5:2", "5/2", "0/1", "\u0663", "1_000", "pair = 3", "%s", "\x1b[31m", "None", "[]", "x" * 5000)


def make_inputs(folder: Path) -> dict[str, list[str]]:
    """Right values for arguments that name files or nets, by the argument's ``dest``.

    Args:
      folder: Where small sets of images and files of tuning are written.
    """
    rng = np.random.default_rng(0)
    grey = folder / "grey"
    grey.mkdir()
    for split, n in (("train", 2600), ("test", 20)):
        x = rng.integers(0, 256, (n, 28, 28), np.uint8)
        np.savez(grey / f"{split}.npz", x=x, labels=np.arange(n) % 10)
    few = folder / "few"
    few.mkdir()
    for i in range(7):
        Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(few / f"{i}.png")
    one = folder / "one"
    one.mkdir()
    Image.fromarray(rng.integers(0, 256, (28, 28, 3), np.uint8)).save(one / "0.png")
    (folder / "empty").mkdir()
    texts = {
        "right": 'pair = "fashion-mnist-wgan-gp"\ngain = false\n',
        "number": "pair = 3\ngain = true\n",
        "long": f'pair = "{"x" * 300}"\ngain = true\n',
        "chain": 'pair = "fashion-mnist-wgan-gp"\ngain = true\n[choice]\ncritic = "own"\nbudget = 1.0\nchain = 3\n',
        "torn": "pair = ",
    }
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    net = load_features("fashion-mnist-classifier-a")
    write_statistics(folder / "own.npz", net, net.reference())
    np.savez(folder / "foreign.npz", mu=np.zeros(2), sigma=np.eye(2))
    data = [str(grey)] * 4 + [str(v) for v in (few, one, folder / "empty", few / "0.png", "toy:8-gaussians", "toy:x")]
    nets = ["fashion-mnist-classifier-a", "fashion-mnist-classifier-b", "mnist-classifier-a", "auto", "random"]
    pairs = ["fashion-mnist-wgan-gp"] * 4 + [str(grey), str(folder / "right.toml")]
    manifests = ["mnist-wgan-gp", "celeba32-lsgan", str(folder / "torn.toml"), str(folder / "number.toml")]
    return {
        "pair": pairs,
        "adapted": pairs,
        "manifest": manifests,
        "file": [*manifests, str(grey / "train.npz")],
        "path": ["fashion-mnist-wgan-gp", str(grey), str(grey / "train.npz"), str(folder / "torn.toml")],
        "data": data,
        "reference": [*data, str(folder / "own.npz"), str(folder / "foreign.npz")],
        "write_statistics": [str(folder / name) for name in ("new.npz", "own.npz", "new.txt")],
        "images": data,
        "through": [*data, "50", "200"],
        "start": ["0", "7", str(few / "0.png"), str(one / "0.png")],
        "end": ["1", str(few / "1.png"), str(folder / "empty")],
        "generator": [str(grey / "train.npz"), str(few / "0.png")],
        "critic": [str(grey / "test.npz"), str(folder / "torn.toml")],
        "check": [str(grey / "train.npz")],
        "files": [str(grey), str(folder / "empty")],
        "tuned": [str(folder / f"{name}.toml") for name in texts],
        "features": nets,
        "judge": nets,
        "classifier": nets,
        "metric": ["pixel", "critic", "pair", "fashion-mnist-classifier-a"],
        "array": ["x", "after", "nothing"],
        "sample": ["28x28x1", "2x2x3"],
        "out": [str(folder / "out"), str(folder / "out" / "below"), str(folder / "torn.toml")],
        "preset": list(PRESET_NAMES),
    }


@functools.cache
def parser_of(command: str) -> Parser:
    """The parser of a command of the front door; it is read alone."""
    table, name = (
        (ganrefine.BENCHMARKS, command[10:]) if command.startswith("benchmark ") else (ganrefine.COMMANDS, command)
    )
    parser = Parser(prog=f"ganrefine {command}")
    importlib.import_module(table[name][0]).add_options(parser)
    return parser


def commands() -> list[str]:
    """All commands of the front door, those of ``benchmark`` included."""
    return [*(c for c in ganrefine.COMMANDS if c != "benchmark"), *(f"benchmark {c}" for c in ganrefine.BENCHMARKS)]


def _within(low: float, high: float, rng: np.random.Generator) -> float:
    """A bound itself, or a number between, small ones as likely as large ones."""
    if rng.random() < 0.2:
        return float(rng.choice([low, high]))
    return float(low + (high - low) ** rng.random() - 1) if high - low > 1 else float(rng.uniform(low, high))


def _value(action: argparse.Action, inputs: dict[str, list[str]], wrong: float, rng: np.random.Generator) -> str:
    kind, pick = action.type, lambda values: str(values[int(rng.integers(len(values)))])
    if rng.random() < wrong:
        bounds = [getattr(kind, "low", 0) - 1, getattr(kind, "high", 0) + 1]
        return pick([*WRONG, *map(str, bounds)])
    if action.dest in inputs:
        return pick(inputs[action.dest])
    if action.choices is not None:
        return pick(list(action.choices))
    if isinstance(kind, (Count, CountOrPath)) or kind is int:
        return str(int(min(max(_within(getattr(kind, "low", 0), getattr(kind, "high", 9), rng), 0), 10**12)))
    if isinstance(kind, Number) or kind is float:
        return repr(_within(getattr(kind, "low", 0.0), getattr(kind, "high", 1.0), rng))
    if isinstance(kind, Interval):
        return f"{rng.integers(5)}:{rng.integers(5, 99)}"
    if isinstance(kind, Part):
        parts = int(rng.integers(1, 9))
        return f"{rng.integers(1, parts + 1)}/{parts}"
    if isinstance(kind, (Text, FilePath, PathText)) or kind is None or callable(kind):
        return pick(["name", "a name", "0.5", "3"])
    raise AssertionError(f"no values are drawn for the type of {action.dest}")


def draw_line(command: str, inputs: dict[str, list[str]], rng: np.random.Generator) -> list[str]:
    """One command line.

    Args:
      command: One of the front door's.
      inputs: As :func:`make_inputs` gives them.
      rng: What draws.
    """
    line, parser = command.split(), parser_of(command)
    actions = list(parser._actions)
    sub = next((a for a in actions if isinstance(a, argparse._SubParsersAction)), None)
    if sub is not None:
        name = str(rng.choice(sorted(sub.choices))) if rng.random() < 0.95 else "stylegan"
        line.append(name)
        actions = list(sub.choices[name]._actions) if name in sub.choices else []
    often, wrong = rng.choice([0.05, 0.15, 0.4]), rng.choice([0.0, 0.05, 0.4])
    for action in actions:
        needed = not action.option_strings or action.required
        if rng.random() > (0.95 if needed else often) or (action.nargs == "?" and rng.random() < 0.4):
            continue
        if isinstance(action, argparse._HelpAction) and rng.random() < 0.9:
            continue
        taken = [] if action.nargs == 0 else [_value(action, inputs, wrong, rng)]
        flag = str(rng.choice(action.option_strings)) if action.option_strings else ""
        line += [f"{flag}={taken[0]}"] if flag and taken and rng.random() < 0.5 else [*filter(None, [flag]), *taken]
    if rng.random() < 0.05:
        line.insert(int(rng.integers(1, len(line) + 1)), str(rng.choice(["--nonsense", "--s", "more", "-x", "--n"])))
    return line
