"""The families of ``ganrefine train``: from a command line to a job, its updates and the flags that give it again."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from pairs.errors import InputError
from pairs.fitting import Job
from pairs.gan import train_sngan as sngan
from pairs.gan import train_wgan_gp as wgan_gp
from pairs.io.images import Images
from pairs.vae import discriminative, label_split, soft_intro
from pairs.vae.nets import VaeConfig
from pairs.vae.soft_intro_toys import for_toy

__all__ = ["PLANS", "TOY", "Plan"]

TOY = "toy:"
"""What DATA begins with where it names a toy set."""


class Plan(NamedTuple):
    """What a family makes of a command line: the job, its updates in all, the flags that give it again."""

    job: Job
    steps: int
    flags: str


def _given(images: Images | None) -> Images:
    if images is None:
        raise InputError("data", "is a toy set", "only soft-intro-vae trains on those; give images")
    return images


def _plan_wgan_gp(args: argparse.Namespace, given: Images | None) -> Plan:
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
    return Plan(job, args.steps, flags)


def _plan_sngan(args: argparse.Namespace, given: Images | None) -> Plan:
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
    return Plan(job, args.steps, flags)


def _plan_soft_intro(args: argparse.Namespace, images: Images | None) -> Plan:
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
    return Plan(soft_intro.job(settings, None if images is None else images.x), args.steps, flags.strip())


def _plan_label(args: argparse.Namespace, given: Images | None) -> Plan:
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
    return Plan(label_split.job(settings, images.x, images.labels), args.steps, flags)


def _plan_discriminative(args: argparse.Namespace, given: Images | None) -> Plan:
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
    return Plan(job, args.steps + settings.teaching_steps, flags)


PLANS: dict[str, Callable[[argparse.Namespace, Images | None], Plan]] = {
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
