"""What ``ganrefine train`` does: a family's job from a command line, trained with checkpoints, its pair and report."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from checkpoints import train
from pairs.batches import generate
from pairs.io.command import check_out
from pairs.io.files import write_bytes
from pairs.io.next_steps import next_step
from pairs.io.pictures import save_grid
from pairs.io.pixels import to_uint8
from pairs.io.plots import curves_plot, scatter_plot
from pairs.io.progress_bars import progress
from pairs.io.reports import hardware, to_json, versions, write_json
from pairs.protocol import Pair
from pairs.vae.toys import window

from .estimates import check_training
from .inputs import read_data, refuse_data_options
from .training_plans import PLANS, TOY

__all__ = ["run_training"]


def run_training(args: argparse.Namespace) -> int:
    """Train or go on, write the pair, its report and its pictures; returns the exit code."""
    folder = check_out(args.out)
    images = None
    if args.data.startswith(TOY):
        refuse_data_options(args, "images")
    else:
        images = read_data(args, args.data, "train")
    plan = PLANS[args.family](args, images)
    check_training(plan.job)
    source = args.data.removeprefix(TOY) if images is None else images.name
    name = args.name or f"{source}-{args.family}"
    digest = args.data if images is None else images.sha256
    options = [(name, getattr(args, name)) for name in ("split", "array", "limit")]
    taken = "".join(f" --{name} {value}" for name, value in options if value is not None)
    card = {
        "name": name,
        "family": args.family,
        "data": source,
        "data_sha256": digest,
        "data_n": None if images is None else len(images),
        "data_license": args.data_license or "",
        "steps": args.steps,
        "seed": args.seed,
        "command": f"ganrefine train {args.family} DATA --steps {args.steps} --seed {args.seed} {plan.flags}{taken}",
        "license": "Apache-2.0",
        "source": "trained from scratch with this project",
    }
    with progress() as bar:
        bar.disable = args.json
        task = bar.add_task("train", total=plan.steps)

        def on_progress(at: int, total: int, losses: dict[str, float]) -> None:
            words = " ".join(f"{k} {v:.2f}" for k, v in losses.items() if k != "step")
            bar.update(task, completed=at, description=words or "train")

        def on_checkpoint(at: int, pair: Pair, history: dict[str, list[float]]) -> None:
            _preview(folder / f"samples-{at:06d}.png", pair, source)
            write_bytes(folder / "curves.png", curves_plot(history))

        done = train(
            plan.job,
            plan.steps,
            args.seed,
            folder,
            digest,
            card,
            checkpoint_every=args.checkpoint_every,
            on_progress=on_progress,
            on_checkpoint=on_checkpoint,
        )
    settings = dataclasses.asdict(plan.job.settings)
    losses = {k: v[-1] for k, v in done.history.items() if v}
    report = {"pair": name, **card, "settings": settings, "losses": losses, "history": done.history}
    report |= {"warnings": plan.job.notes(done.history), "seconds": done.seconds}
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        for line in report["warnings"]:
            print(f"warning: {line}", file=sys.stderr)
        Console(markup=False).print(f"wrote pair, report.json, curves.png and sample grids to {folder}")
        print(next_step("refine", Path(folder, "pair")))
    return 0


def _preview(path: Any, pair: Pair, source: str) -> None:
    """A few samples: a grid of images (conditional pairs: classes in turn), or points in the plane."""
    plane = pair.sample_range is None
    n = 2000 if plane else 64
    labels = None if pair.classes is None else np.arange(n) % pair.classes
    x = np.asarray(generate(pair, pair.prior.sample(jax.random.key(0), n, labels), labels))
    if pair.sample_range is None:
        write_bytes(path, scatter_plot({"samples": x}, window(source)))
    else:
        save_grid(path, to_uint8(x, pair.sample_range), columns=8, zoom=2)
