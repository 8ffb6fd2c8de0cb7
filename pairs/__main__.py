"""``python -m pairs train FAMILY DATA``: train a reference pair. Stops and resumes without a trace."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from benchmarks.data import Images, default_split, read_images, to_uint8
from benchmarks.pictures import curves_plot, save_grid, scatter_plot, write_bytes
from benchmarks.report import hardware, to_json, versions, write_json
from checkpoints import train

from .command import Parser, add_common, check_out, guard, progress
from .errors import InputError
from .fit import Job
from .gan import train_wgan_gp as wgan_gp
from .protocol import Pair
from .vae import discriminative, label_split, soft_intro
from .vae.nets import VaeConfig
from .vae.soft_intro_toys import for_toy
from .vae.toys import TOYS, window

__all__ = ["main"]

TOY = "toy:"


class _Plan(NamedTuple):
    """What a family makes of a command line: the job, its updates in all, the flags that give it again."""

    job: Job
    steps: int
    flags: str


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m pairs", description="Train reference pairs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    command = commands.add_parser("train", help="train a pair on images")
    families = command.add_subparsers(dest="family", required=True, metavar="FAMILY", parser_class=Parser)

    add = _family(families, "wgan-gp", "WGAN with gradient penalty", 6000, 64, 2e-4, _plan_wgan_gp)
    add("--latent", type=int, default=64, help="latent dimension")
    add("--width", type=int, default=32, help="inner channels")
    add("--critic-steps", type=int, default=3, help="critic updates per generator update")

    add = _family(families, "soft-intro-vae", "introspective autoencoder", 6000, None, None, _plan_soft_intro)
    add("--latent", type=int, default=None, help="latent dimension (default 16 for images, 2 for toy sets)")
    add("--beta-rec", type=float, default=None, help="weight of the reconstruction")
    add("--beta-kl", type=float, default=None, help="weight of the KL of data")
    add("--beta-neg", type=float, default=None, help="weight of the KL of samples in the encoder's loss")
    add("--bootstrap", type=int, default=0, help="updates between copies of the target decoder (default 0: none)")
    add("--plain", action="store_true", help="the plain VAE of the same sizes")

    add = _family(families, "label-vae", "label-relevant and label-irrelevant codes", 6000, 96, 5e-4, _plan_label)
    add("--latent", type=int, default=32, help="width of the style code (default 32)")
    add("--label-width", type=int, default=16, help="width of the label code (default 16)")
    add("--kl-weight", type=float, default=0.1, help="weight of the style's KL (default 0.1)")
    add("--adversary-on", default="sample", help="what the adversary sees: sample, mean or both (default sample)")
    add("--independence", type=float, default=0.0, help="weight of the dependence of style mean and label (default 0)")
    add("--likelihood", type=float, default=1.0, help="weight of the label code's density (default 1, the paper's 0.1)")
    add("--consistency", type=float, default=0.3, help="weight of the label in swaps (default 0.3, the paper has none)")
    add("--shift", type=int, default=2, help="pixels images may be moved by where the label is learned (default 2)")

    add = _family(
        families, "discriminative-vae", "discriminative regularisation", 3000, 100, 1e-3, _plan_discriminative
    )
    add("--latent", type=int, default=16, help="latent dimension (default 16)")
    add("--feature-weight", type=float, default=0.1, help="weight of the representations (default 0.1, the paper's 1)")
    add("--beta", type=float, default=2.5, help="weight of the KL (default 2.5, the paper's 1)")
    add("--classifier-steps", type=int, default=1000, help="updates of the classifier before (default 1,000)")
    add("--fitted-prior", type=int, default=0, metavar="K", help="give the pair a prior of K Gaussians fitted to codes")
    return _train(parser.parse_args(argv))


def _family(families: Any, name: str, words: str, steps: int, batch: int | None, rate: float | None, plan: Any) -> Any:
    """A subparser with what all families take; returns its ``add_argument``."""
    family = families.add_parser(name, help=words)
    toys = f", or {TOY}NAME for {', '.join(TOYS)}" if name == "soft-intro-vae" else ""
    family.add_argument("data", help=f"training images: a folder or file of IDX, NPZ or PNG/JPEG{toys}")
    family.add_argument("--split", default=None, help="split of DATA (default train, where there is one)")
    family.add_argument("--steps", type=int, default=steps, help=f"updates (default {steps:,})")
    family.add_argument("--batch", type=int, default=batch)
    family.add_argument("--learning-rate", type=float, default=rate)
    family.add_argument("--checkpoint-every", type=int, default=500)
    family.add_argument("--name", help="name of the pair (default: data and family)")
    family.add_argument("--data-license", default="", help="licence of DATA, for the model card")
    add_common(family, "trained")
    family.set_defaults(plan=plan)
    return family.add_argument


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
        "wgan-gp", settings, lambda key: wgan_gp.init(settings, key), lambda: wgan_gp.make_update(settings, images.x),
        lambda state, key, record: wgan_gp.to_pair(settings, state, key, record),
    )  # fmt: skip
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
        VaeConfig(images.shape, args.latent, sample_range=(-1.0, 1.0)), _classes(images), args.label_width,
        likelihood=args.likelihood, kl_weight=args.kl_weight, adversary_on=args.adversary_on,
        independence=args.independence, consistency=args.consistency, shift=args.shift,
        batch=args.batch, learning_rate=args.learning_rate,
    )  # fmt: skip
    flags = f"--batch {args.batch} --latent {args.latent} --label-width {args.label_width}"
    flags += f" --kl-weight {args.kl_weight} --adversary-on {args.adversary_on} --independence {args.independence}"
    flags += f" --likelihood {args.likelihood} --consistency {args.consistency} --shift {args.shift}"
    return _Plan(label_split.job(settings, images.x, images.labels), args.steps, flags)


def _plan_discriminative(args: argparse.Namespace, given: Images | None) -> _Plan:
    images = _given(given)
    settings = discriminative.Discriminative(
        VaeConfig(images.shape, args.latent), _classes(images), args.feature_weight, args.beta,
        args.classifier_steps, args.batch, args.learning_rate, args.fitted_prior,
    )  # fmt: skip
    flags = f"--batch {args.batch} --latent {args.latent} --feature-weight {args.feature_weight} --beta {args.beta}"
    flags += f" --classifier-steps {args.classifier_steps} --fitted-prior {args.fitted_prior}"
    job = discriminative.job(settings, images.x, images.labels)
    return _Plan(job, args.steps + settings.teaching_steps, flags)


def _classes(images: Images) -> int:
    if images.labels is None:
        raise InputError("data", "has no labels", "give IDX files with labels, or pictures in one folder per class")
    return int(images.labels.max()) + 1


def _train(args: argparse.Namespace) -> int:
    folder = check_out(args.out)
    if args.steps < 1:
        raise InputError("steps", f"is {args.steps}", "give at least 1")
    images = None
    if not args.data.startswith(TOY):
        images = read_images(args.data, args.split or default_split(args.data))
    plan = args.plan(args, images)
    source = args.data.removeprefix(TOY) if images is None else images.name
    name = args.name or f"{source}-{args.family}"
    digest = args.data if images is None else images.sha256
    card = {
        "name": name, "family": args.family, "data": source, "data_sha256": digest,
        "data_n": None if images is None else len(images), "data_license": args.data_license, "steps": args.steps,
        "seed": args.seed,
        "command": f"python -m pairs train {args.family} DATA --steps {args.steps} --seed {args.seed} {plan.flags}",
        "license": "Apache-2.0", "source": "trained from scratch with this project",
    }  # fmt: skip
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
            plan.job, plan.steps, args.seed, folder, digest, card, checkpoint_every=args.checkpoint_every,
            on_progress=on_progress, on_checkpoint=on_checkpoint,
        )  # fmt: skip
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


_generate = jax.jit(lambda pair, z, labels: pair.generate(z, labels))


def _preview(path: Any, pair: Pair, source: str) -> None:
    """A few samples: a grid of images (conditional pairs: classes in turn), or points in the plane."""
    plane = pair.sample_range is None
    n = 2000 if plane else 64
    labels = None if pair.classes is None else np.arange(n) % pair.classes
    x = np.asarray(_generate(pair, pair.prior.sample(jax.random.key(0), n, labels), labels))
    if pair.sample_range is None:
        write_bytes(path, scatter_plot({"samples": x}, window(source)))
    else:
        save_grid(path, to_uint8(x, pair.sample_range), columns=8, zoom=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
