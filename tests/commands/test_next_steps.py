"""Commands that other commands print as the next step run as they are printed, from a file to a path."""

from __future__ import annotations

import shlex
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from small_nets import write_net

from ganrefine import main

pytestmark = pytest.mark.slow  # each command compiles its own kernels

SHORT = {
    "tune": "--critic-steps 2 --steps 2 --confirm 500 --first 20 --batch 20 --evaluations 1 --boosts 0",
    "refine": "--n 20",
    "benchmark": "--n 20 --limit 300",
    "path": "--points 4 --segments 4",
}
"""What makes a walk short, twenty chains at a time in all of it; nothing that a command needs to run."""
EMBED = '{layer = "concatenate", branches = [[], [{layer = "embed", classes = 3, out = 2}]]}'


def _manifest(shape: tuple[int, ...], embed: str = "") -> str:
    image = len(shape) == 3
    channels_first = [*shape[2:], *shape[:2]]
    last = f', {{layer = "tanh"}}, {{layer = "unflatten", shape = {channels_first}}}' if image else ""
    return f"""
[pair]
name = "mine"
critic_kind = "logit"
sample_range = {"[-1, 1]" if image else "[]"}
[prior]
kind = "normal"
shape = [3]
[generator]
file = "g.npz"
layers = [{embed + ", " if embed else ""}{{layer = "dense", out = {np.prod(shape)}}}{last}]
[critic]
file = "d.npz"
layers = [{'{layer = "flatten"}, ' if image else ""}{embed + ", " if embed else ""}{{layer = "dense", out = 1}},
  {{layer = "squeeze"}}]
"""


def _write(folder: Path, shape: tuple[int, ...], classes: int) -> None:
    """A pair of one dense layer a net, and 2,600 samples that are no samples of its generator."""
    rng, size, code = np.random.default_rng(0), int(np.prod(shape)), 2 if classes else 0
    label = {"embed.weight": rng.normal(size=(3, 2)).astype("f")} if classes else {}
    for name, (inner, out) in {"g": (3 + code, size), "d": (size + code, 1)}.items():
        weights = {"dense.weight": rng.normal(size=(out, inner)).astype("f") / 3, "dense.bias": np.zeros(out, "f")}
        np.savez(folder / f"{name}.npz", **label, **weights)
    (folder / "pair.toml").write_text(_manifest(shape, EMBED if classes else ""))
    image = rng.integers(0, 256, (2600, *shape)).astype(np.uint8)
    real = image if len(shape) == 3 else rng.normal(size=(2600, *shape)).astype("f")
    np.savez(folder / "real.npz", x=real, **({"y": np.arange(2600) % classes} if classes else {}))


@pytest.mark.parametrize(
    "shape, classes, commands",
    [
        ((32, 32, 3), 0, "refine tune refine benchmark path"),
        ((8, 8, 1), 3, "refine tune refine benchmark path"),
        ((2,), 0, "refine tune refine path"),
    ],
    ids=["colour", "grey with labels and without a known name", "points"],
)
def test_every_next_step_runs_as_printed(shape, classes, commands, tmp_path, monkeypatch, capsys) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    monkeypatch.chdir(folder)
    _write(folder, shape, classes)
    nets = []
    if len(shape) == 3:
        write_net(folder / "net", size=shape[0], channels=shape[2])
        nets = ["--features", "net"]
    ran, waiting = [], deque([["import", "pair.toml", "--data", "real.npz", "--out", "my pair"]])
    while waiting:
        words = waiting.popleft()
        short = shlex.split(SHORT.get(words[0], ""))
        short += nets if words[0] == "tune" else []
        short += ["--updates", "2", "--limit", "1000"] if words[0] == "path" and "real.npz" in words else []
        short += ["--steps", "2"] if words[0] == "refine" and "--tuned" not in words else []
        assert main([*words, *short]) == 0, shlex.join(words)
        ran.append(words[0])
        printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
        steps = [shlex.split(line.removeprefix("next: ")) for line in printed]
        assert all(step[0] == "ganrefine" for step in steps)
        waiting.extend(step[1:] for step in steps)
    assert ran == ["import", *commands.split()]
