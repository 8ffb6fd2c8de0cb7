"""What ``ganrefine draft`` gets right, read off, inferred and guessed, without data and with them.

Seventeen pairs of nets: five of strangers (folders below ``DATA/pairs``), whose layers are in their manifests, and
twelve that are trained here for a few hundred steps from published layer lists (:mod:`benchmarks.studies.draft_nets`)
on MNIST, on Fashion-MNIST (tinted where there are three channels), on sine waves and on a ring of eight Gaussians. Each
is drafted from its two files and the shape of a sample, and once more with 512 real samples where there are any.

A statement of the drafted manifest is right where it equals that of the true layer list: modules, sizes (strides,
paddings, resampling), activations, normalisation (kind and eps), the mode of resampling, prior, last activation and
range, critic kind; or where the net gives the stored outputs all the same (the stride of a transposed convolution on
one pixel does not matter). ``by`` says what the draft said of it. ``samples`` and ``scores`` are the largest difference
from stored outputs of PyTorch over the largest number; ``null`` where shapes differ.

``python -m benchmarks.studies.drafts DATA --out benchmarks/results/drafts.json``
"""

from __future__ import annotations

import argparse
import collections
import importlib
import importlib.metadata
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from checkpoints.drafts.drafting import draft_manifest
from checkpoints.golden import measure_golden
from checkpoints.importing import import_files
from checkpoints.manifest import read_manifest
from pairs import InputError
from pairs.io.images import read_images
from pairs.io.reports import hardware, versions, write_json
from pairs.sequential.layers import Layer
from pairs.sequential.spec import parse_layers

from .draft_nets import NETS, Published
from .draft_statements import judge, statements

__all__ = ["main", "rows_of"]

_SEED, _BATCH, _ROWS, _MOST = 0, 64, 512, 4000
_SAME = 1e-4
_STRANGERS = {
    "mnist-mlp-gan": ("generator.ckpt", "discriminator.ckpt", (28, 28, 1), "mnist", "logit"),
    "mnist-wgan-gp": ("generator.pth", "critic.pth", (28, 28, 1), "mnist", "wasserstein"),
    "fashion-dcgan-a": ("generator.pth", "discriminator.pth", (28, 28, 1), "fashion", "logit"),
    "celeba32-lsgan": ("generator.pt", "discriminator.pt", (32, 32, 3), None, "least_squares"),
    "anime32-dcgan": ("generator.pt", "discriminator.pt", (32, 32, 3), None, "logit"),
}
_FOLDERS = {"mnist": "mnist", "fashion": "fashion-mnist"}


def rows_of(
    name: str,
    files: tuple[Path, Path],
    sample: tuple[int, ...],
    truth: Mapping[str, Any],
    data: np.ndarray | None,
    golden: Path,
) -> list[dict[str, Any]]:
    """Draft one pair without data, and with them where there are any.

    Args:
      name: Of the pair.
      files: Of generator and critic.
      sample: Shape of a sample.
      truth: The true statements.
      data: Real samples.
      golden: Stored outputs.
    """
    found = []
    for given in (None,) if data is None else (None, data):
        began = time.perf_counter()
        made = draft_manifest(*files, sample, data=given)
        seconds = time.perf_counter() - began
        off: tuple[float, float | None] | None = None
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "pair.toml"
            path.write_text(made.text)
            told = judge(made, read_manifest(path), truth)
            try:
                check = measure_golden(import_files(path, files[0].parent).pair, golden)
                off = (check.samples, check.scores)
            except InputError as error:
                print(f"{name}: {error}"[:200], file=sys.stderr)
        found.append(
            {
                "net": name,
                "with_data": given is not None,
                "statements": told,
                "samples": off and off[0],
                "scores": off and off[1],
                "seconds": round(seconds, 2),
                "ranking": [str(answer) for answer in made.ranking],
            }
        )
        wrong = [n for n, s in told.items() if not s["right"]]
        print(
            f"{name} {'with' if given is not None else 'without'} data: wrong {wrong or 'nothing'}, {off}",
            file=sys.stderr,
        )
    return found


def _truth(generator: Sequence[Layer], critic: Sequence[Layer], prior: Any, span: Any, kind: str) -> dict[str, Any]:
    nets = {"generator": statements(generator, True), "critic": statements(critic, False)}
    return {**nets, "prior": prior, "range": tuple(span), "kind": kind}


def _images(root: Path, name: str, sample: tuple[int, ...]) -> np.ndarray:
    """Bytes of the wanted shape: padded, enlarged and tinted."""
    if name == "waves":
        draw = np.random.default_rng(_SEED)
        at = draw.uniform(1, 4, (_MOST, 1)) * np.linspace(0, 2 * np.pi, sample[0]) + draw.uniform(0, 6.28, (_MOST, 1))
        return (0.9 * np.sin(at) * draw.uniform(0.5, 1, (_MOST, 1)))[..., None].astype(np.float32)
    if name == "ring":
        draw = np.random.default_rng(_SEED)
        turn = draw.integers(0, 8, _MOST) * np.pi / 4
        return (np.stack([np.cos(turn), np.sin(turn)], 1) * 2 + 0.1 * draw.normal(size=(_MOST, 2))).astype(np.float32)
    x = read_images(root / _FOLDERS[name], "train", _MOST, seed=_SEED).x
    if sample[0] > 28:
        x = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        x = x.repeat(sample[0] // 32, 1).repeat(sample[0] // 32, 2)
    if sample[-1] == 3:
        tint = np.random.default_rng(_SEED).uniform(0.3, 1, (len(x), 1, 1, 3))
        x = np.rint(x * tint).astype(np.uint8)
    return x


def _stranger(name: str, root: Path) -> list[dict[str, Any]]:
    generator, critic, sample, data, kind = _STRANGERS[name]
    folder = root / "pairs" / name
    known = read_manifest(folder / "pair.toml" if (folder / "pair.toml").exists() else name)
    assert known.critic is not None
    prior = type(known.prior).__name__.lower(), getattr(known.prior, "low", None), getattr(known.prior, "high", None)
    truth = _truth(known.generator.layers, known.critic.layers, prior, known.pair["sample_range"], kind)
    x = None if data is None else _images(root, data, sample)[:_ROWS]
    return rows_of(name, (folder / generator, folder / critic), sample, truth, x, folder / "golden.npz")


def _trained(name: str, net: Published, root: Path, folder: Path) -> list[dict[str, Any]]:
    x = _images(root, net.data, net.sample)
    if not folder.exists():
        _train(net, x, folder)
    prior = (net.prior[0], *((-1.0, 1.0) if net.prior[0] == "uniform" else (None, None)))
    generator, critic = (parse_layers(list(specs)) for specs in (net.generator, net.critic))
    truth = _truth(generator, critic, prior, net.range, net.kind)
    files = (folder / "g.pth", folder / "d.pth")
    return rows_of(name, files, net.sample, truth, x[:_ROWS], folder / "golden.npz")


def _train(net: Published, x: np.ndarray, folder: Path) -> None:
    torch = importlib.import_module("torch")  # an optional extra, absent where types are checked
    torch.set_num_threads(1)
    train = importlib.import_module("benchmarks.peers.torch_gans").train_gan
    low, high = net.range or (0, 1)
    reals = low + x / 255 * (high - low) if x.dtype == np.uint8 else x
    reals = np.moveaxis(reals, -1, 1) if len(net.sample) > 1 else reals
    options = {"named": net.named, "steps": net.steps, "rate": net.rate, "batch": _BATCH, "seed": _SEED}
    *states, golden = train(net.generator, net.critic, net.prior, reals, net.kind, **options)
    folder.mkdir(parents=True)
    for state, file in zip(states, ("g.pth", "d.pth"), strict=True):
        torch.save(state, folder / file)
    np.savez(folder / "golden.npz", **golden)


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for words, given in (("without data", False), ("with data", True)):
        some = [r for r in rows if r["with_data"] is given]
        told = collections.Counter((s["by"], s["right"]) for r in some for s in r["statements"].values())
        each = {by: {"right": told[by, True], "wrong": told[by, False]} for by in ("read", "inferred", "guessed")}
        exact = sum((r["samples"] or 1) < _SAME for r in some)
        both = sum((r["samples"] or 1) < _SAME and (r["scores"] or 1) < _SAME for r in some)
        found[words] = {"nets": len(some), **each, "generator_reproduced": exact, "both_reproduced": both}
    return found


def _report(rows: Mapping[tuple[str, bool], dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    ordered = [_equal(rows[name, given]) for name in names for given in (False, True) if (name, given) in rows]
    return {
        "counts": _counts(ordered),
        "rows": ordered,
        "protocol": {"steps": {n: p.steps for n, p in NETS.items()}, "batch": _BATCH, "rows_of_data": _ROWS},
        "seed": _SEED,
        "versions": {**versions(), "torch": importlib.metadata.version("torch")},
        "hardware": hardware(),
    }


def _equal(row: dict[str, Any]) -> dict[str, Any]:
    """Statements of a net that computes what PyTorch stored are right, though they may read otherwise."""
    for net, off in (("generator", row["samples"]), ("critic", row["scores"])):
        if off is not None and off < _SAME:
            for name, told in row["statements"].items():
                told["right"] = told["right"] or name.startswith(net)
    return row


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.drafts", description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path, help="folder with pairs, mnist and fashion-mnist")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="nets to draft anew; the others of --out stay")
    parser.add_argument("--nets", type=Path, metavar="DIR", help="folder where trained nets are kept and found again")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the result")
    args = parser.parse_args()
    kept = json.loads(args.out.read_text())["rows"] if args.only and args.out.exists() else []
    rows = {(r["net"], r["with_data"]): r for r in kept}
    names = [*_STRANGERS, *NETS]
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            if args.only and name not in args.only:
                continue
            made = (
                _stranger(name, args.data)
                if name in _STRANGERS
                else _trained(name, NETS[name], args.data, (args.nets or Path(scratch)) / name)
            )
            rows |= {(r["net"], r["with_data"]): r for r in made}
            write_json(args.out, _report(rows, names))
    report = _report(rows, names)
    write_json(args.out, report)
    print(json.dumps(report["counts"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
