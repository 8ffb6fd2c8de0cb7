"""What ``ganrefine train`` does: a family's job from a command line, trained with checkpoints, its pair and report."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from checkpoints import train
from pairs.batches import generate
from pairs.errors import InputError
from pairs.fitting import Job
from pairs.gan import train_sngan as sngan
from pairs.gan import train_wgan_gp as wgan_gp
from pairs.io.command import check_out
from pairs.io.files import write_bytes
from pairs.io.images import Images
from pairs.io.pictures import save_grid
from pairs.io.pixels import to_uint8
from pairs.io.plots import curves_plot, scatter_plot
from pairs.io.progress_bars import progress
from pairs.io.reports import hardware, to_json, versions, write_json
from pairs.protocol import Pair
from pairs.vae import discriminative, label_split, soft_intro
from pairs.vae.nets import VaeConfig
from pairs.vae.soft_intro_toys import for_toy
from pairs.vae.toys import window

from .estimates import check_training
from .inputs import read_data, refuse_data_options

__all__ = ["run_training"]


TOY = "toy:"
"""What DATA begins with where it names a toy set."""


class _Plan(NamedTuple):
    """What a family makes of a command line: the job, its updates in all, the flags that give it again."""

    job: Job
    steps: int
    flags: str


def _given(images: Images | None) -> Images:
    if images is None:
        raise InputError("data", "is a toy set", "only soft-intro-vae trains on those; give images")
    return images


def _plan_wgan_gp(args: argparse.Namespace, given: Images | None) -> _Plan:
    images = _given(given)
    size, columns, channels = images.shape
    if size != columns:
        raise InputError("data", f"holds images of {size} x {columns}", "this family takes square images")
    model = wgan_gp.WganGpConfig(size, channels, args.latent, args.width)
    settings = wgan_gp.WganGpTraining(model, args.batch, args.critic_steps, learning_rate=args.learning_rate)
    flags = f"--batch {args.batch} --latent {args.latent} --width {args.width} --critic-steps {args.critic_steps}"
    job = Job(
        "wgan-gp",
        settings,
        lambda key: wgan_gp.init(settings, key),
        lambda: wgan_gp.make_update(settings, images.x),
        lambda state, key, record: wgan_gp.to_pair(settings, state, key, record),
    )
    return _Plan(job, args.steps, flags)


def _plan_sngan(args: argparse.Namespace, given: Images | None) -> _Plan:
    images = _given(given)
    size, columns, channels = images.shape
    if size != columns:
        raise InputError("data", f"holds images of {size} x {columns}", "this family takes square images")
    settings = sngan.SnganTraining(
        sngan.SnganConfig(size, channels, args.latent, args.width, args.critic_width),
        args.batch,
        args.critic_steps,
        args.learning_rate,
        0 if args.constant_rate else args.steps,
        args.ema,
        args.mirror,
        args.compute,
    )
    flags = f"--batch {args.batch} --latent {args.latent} --width {args.width} --critic-width {args.critic_width}"
    flags += f" --critic-steps {args.critic_steps} --ema {args.ema} --compute {args.compute}"
    flags += " --mirror" * args.mirror + " --constant-rate" * args.constant_rate
    job = Job(
        "sngan",
        settings,
        lambda key: sngan.init(settings, key),
        lambda: sngan.make_update(settings, images.x),
        lambda state, key, record: sngan.to_pair(settings, state, key, record),
    )
    return _Plan(job, args.steps, flags)


def _plan_soft_intro(args: argparse.Namespace, images: Images | None) -> _Plan:
    if images is None:
        settings = for_toy(args.data.removeprefix(TOY), args.plain, args.steps)
    else:
        settings = soft_intro.SoftIntro(VaeConfig(images.shape), plain=args.plain)
    if args.latent is not None:
        settings = dataclasses.replace(settings, model=dataclasses.replace(settings.model, latent=args.latent))
    names = ("batch", "learning_rate", "beta_rec", "beta_kl", "beta_neg", "bootstrap")
    changes = {k: getattr(args, k) for k in names if getattr(args, k) is not None}
    if args.bootstrap:
        changes["gamma"] = 1.0
    settings = dataclasses.replace(settings, **changes)
    flags = "".join(f" --{k.replace('_', '-')} {v}" for k, v in changes.items() if k not in ("gamma",))
    flags += f" --latent {settings.model.latent}" + " --plain" * args.plain
    return _Plan(soft_intro.job(settings, None if images is None else images.x), args.steps, flags.strip())


def _plan_label(args: argparse.Namespace, given: Images | None) -> _Plan:
    images = _given(given)
    settings = label_split.LabelSplit(
        VaeConfig(images.shape, args.latent, sample_range=(-1.0, 1.0)),
        _classes(images),
        args.label_width,
        likelihood=args.likelihood,
        kl_weight=args.kl_weight,
        adversary_on=args.adversary_on,
        independence=args.independence,
        consistency=args.consistency,
        shift=args.shift,
        batch=args.batch,
        learning_rate=args.learning_rate,
    )
    flags = f"--batch {args.batch} --latent {args.latent} --label-width {args.label_width}"
    flags += f" --kl-weight {args.kl_weight} --adversary-on {args.adversary_on} --independence {args.independence}"
    flags += f" --likelihood {args.likelihood} --consistency {args.consistency} --shift {args.shift}"
    return _Plan(label_split.job(settings, images.x, images.labels), args.steps, flags)


def _plan_discriminative(args: argparse.Namespace, given: Images | None) -> _Plan:
    images = _given(given)
    settings = discriminative.Discriminative(
        VaeConfig(images.shape, args.latent),
        _classes(images),
        args.feature_weight,
        args.beta,
        args.classifier_steps,
        args.batch,
        args.learning_rate,
        args.fitted_prior,
    )
    flags = f"--batch {args.batch} --latent {args.latent} --feature-weight {args.feature_weight} --beta {args.beta}"
    flags += f" --classifier-steps {args.classifier_steps} --fitted-prior {args.fitted_prior}"
    job = discriminative.job(settings, images.x, images.labels)
    return _Plan(job, args.steps + settings.teaching_steps, flags)


_PLANS: dict[str, Callable[[argparse.Namespace, Images | None], _Plan]] = {
    "wgan-gp": _plan_wgan_gp,
    "sngan": _plan_sngan,
    "soft-intro-vae": _plan_soft_intro,
    "label-vae": _plan_label,
    "discriminative-vae": _plan_discriminative,
}


def _classes(images: Images) -> int:
    if images.labels is None:
        raise InputError("data", "has no labels", "give IDX files with labels, or pictures in one folder per class")
    return int(images.labels.max()) + 1


def run_training(args: argparse.Namespace) -> int:
    """Train or go on, write the pair, its report and its pictures; returns the exit code."""
    folder = check_out(args.out)
    images = None
    if args.data.startswith(TOY):
        refuse_data_options(args, "images")
    else:
        images = read_data(args, args.data, "train")
    plan = _PLANS[args.family](args, images)
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
        Console().print(f"wrote pair, report.json, curves.png and sample grids to {folder}")
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
