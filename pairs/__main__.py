"""``python -m pairs train FAMILY DATA``: train a reference pair. Stops and resumes without a trace."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from benchmarks.data import default_split, read_images, to_uint8
from benchmarks.pictures import save_grid
from benchmarks.report import hardware, to_json, versions, write_json
from checkpoints import load_state, save_pair, save_state, state_record

from .command import Parser, add_common, check_out, guard, progress
from .errors import InputError
from .fit import fit
from .gan import train_wgan_gp as wgan_gp
from .record import Record

__all__ = ["main"]


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m pairs", description="Train reference pairs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    train = commands.add_parser("train", help="train a pair on images")
    families = train.add_subparsers(dest="family", required=True, metavar="FAMILY", parser_class=Parser)
    family = families.add_parser("wgan-gp", help="WGAN with gradient penalty")
    family.add_argument("data", help="training images: a folder or file of IDX, NPZ or PNG/JPEG")
    family.add_argument("--split", default=None, help="split of DATA (default train, where there is one)")
    family.add_argument("--steps", type=int, default=6000, help="generator updates (default 6,000)")
    family.add_argument("--batch", type=int, default=64)
    family.add_argument("--latent", type=int, default=64, help="latent dimension")
    family.add_argument("--width", type=int, default=32, help="inner channels")
    family.add_argument("--critic-steps", type=int, default=3, help="critic updates per generator update")
    family.add_argument("--learning-rate", type=float, default=2e-4)
    family.add_argument("--checkpoint-every", type=int, default=500)
    family.add_argument("--name", help="name of the pair (default: data and family)")
    family.add_argument("--data-license", default="", help="licence of DATA, for the model card")
    add_common(family, "trained")
    args = parser.parse_args(argv)
    return _train_wgan_gp(args)


def _train_wgan_gp(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    images = read_images(args.data, args.split or default_split(args.data))
    size, columns, channels = images.shape
    if size != columns:
        raise InputError("data", f"holds images of {size} x {columns}", "this family takes square images")
    model = wgan_gp.WganGpConfig(size, channels, args.latent, args.width)
    settings = wgan_gp.WganGpTraining(model, args.batch, args.critic_steps, learning_rate=args.learning_rate)
    identity = {"family": "wgan-gp", "settings": dataclasses.asdict(settings), "seed": args.seed, "data": images.sha256}
    init_key, fit_key, final_key = jax.random.split(jax.random.key(args.seed), 3)
    state, done, history, spent = wgan_gp.init(settings, init_key), 0, None, 0.0
    saved = folder / "state"
    if saved.exists():
        record = state_record(saved).to_dict()
        if record["identity"] != identity:
            raise InputError("out", f"{saved} is of a run with other settings or data", "choose another folder")
        if record["done"] > args.steps:
            raise InputError("steps", f"is {args.steps}, {record['done']} are done", "ask for at least as many")
        state, done = load_state(saved, state), record["done"]
        history, spent = record["history"], record["seconds"]
    began = time.monotonic()
    seconds = spent
    with progress() as bar:
        bar.disable = args.json
        job = bar.add_task("train", total=args.steps, completed=done)

        def on_progress(at: int, total: int, losses: dict[str, float], left: float) -> None:
            bar.update(job, completed=at, description=f"critic {losses['critic_loss']:.2f}")

        def on_checkpoint(at: int, state: Any, history: dict[str, list[float]]) -> None:
            nonlocal seconds
            seconds = spent + time.monotonic() - began
            save_state(saved, state, record={"identity": identity, "done": at, "history": history, "seconds": seconds})
            x = wgan_gp.preview(wgan_gp.to_pair(settings, state, final_key))
            save_grid(folder / f"samples-{at:06d}.png", to_uint8(x, (-1.0, 1.0)), zoom=2)
            _plot(folder / "curves.png", history)

        if done < args.steps:
            update = wgan_gp.make_update(settings, images.x)
            state, history = fit(
                update, state, args.steps, fit_key, start=done, history=history,
                on_progress=on_progress, checkpoint_every=args.checkpoint_every, on_checkpoint=on_checkpoint,
            )  # fmt: skip
    name = args.name or f"{images.name}-wgan-gp"
    command = f"python -m pairs train wgan-gp DATA --steps {args.steps} --seed {args.seed} --batch {args.batch}"
    command += f" --latent {args.latent} --width {args.width} --critic-steps {args.critic_steps}"
    card = {
        "name": name, "family": "wgan-gp", "data": images.name, "data_sha256": images.sha256, "data_n": len(images),
        "data_license": args.data_license, "steps": args.steps, "seed": args.seed, "command": command,
        "license": "Apache-2.0", "source": "trained from scratch with this project",
    }  # fmt: skip
    pair = wgan_gp.to_pair(settings, state, final_key, Record(card))
    save_pair(folder / "pair", pair, overwrite=True)
    losses = {k: v[-1] for k, v in (history or {}).items()}
    report = {"pair": name, **card, "settings": dataclasses.asdict(settings), "losses": losses, "history": history}
    report |= {"seconds": seconds, "versions": versions(), "hardware": hardware()}
    write_json(folder / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        Console().print(f"wrote pair, report.json, curves.png and sample grids to {folder}")
    return 0


def _plot(path: Path, history: dict[str, list[float]]) -> None:
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from benchmarks.pictures import write_bytes

    figure, axis = plt.subplots(figsize=(7, 3.5))
    for name, values in history.items():
        if name != "step":
            axis.plot(history["step"], np.asarray(values), label=name.replace("_", " "), linewidth=0.8)
    axis.set_xlabel("generator updates")
    axis.set_ylabel("loss")
    axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, bbox_inches="tight")
    plt.close(figure)
    write_bytes(path, buffer.getvalue())


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
