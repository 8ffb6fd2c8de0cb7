"""Label-relevant and label-irrelevant codes on images: what each knows, class samples, swaps, refinement of the style.

Accuracies are of net *b*, which took no part in training. Probes see codes of the training images and are tested on the
test images, on draws of :math:`z_u` and on its mean: the adversary of the paper sees draws only.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dcd
from pairs import ClassMixture, Net, Pair
from pairs.io.pictures import grid, png_bytes
from pairs.io.pixels import to_uint8
from pairs.vae.label_codes import SplitEncoder, blocks, sample_class, swap, vary_class, vary_style
from pairs.vae.losses import draw_posterior, kl_standard, split_posterior

from ..features import Features, load_features
from .vae_images import distance, judge
from .vae_probe import probe
from .vae_runs import STEPS, VARIANTS, pixels, test_images, trained, training_images

__all__ = ["codes", "measure", "refine_style", "run", "run_refine"]

STYLE_STEPS = (15, 30, 60, 100)
OWN = ((0.3, 1e-3, 1.0), (1.0, 1e-3, 1.0))
ON_FEATURES = ((1.0, 2e-2, 1.0), (1.0, 1e-2, 0.3))
ON_FEATURES_AND_LABELS = ((3.0, 7e-3, 1.0),)
"""Critic scales, step sizes and temperatures that refinement of the style tries."""

LABEL_STRENGTH = 30.0
"""Of net *a*'s opinion beside the critic on its features; at 3 and 10 net *b* loses more labels."""

LABELS_LOST = 0.01
"""Share of labels that net *a* may find less often after a chain that is to be chosen."""

_generate = jax.jit(lambda pair, z: pair.generator(z))


def codes(pair: Pair, x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """``label``, ``mean``, ``draw`` and ``kl`` of uint8 images."""
    assert pair.encoder is not None and pair.sample_range is not None
    net: Any = pair.encoder.apply
    assert isinstance(net, SplitEncoder)

    @jax.jit
    def encode(params: Any, x: Any, key: Any) -> dict[str, Any]:
        mean, log_var = split_posterior(net.style(params["style"], x))
        draw = draw_posterior(key, mean, log_var)
        return {"label": net.label(params["label"], x), "mean": mean, "draw": draw, "kl": kl_standard(mean, log_var)}

    parts, floats = [], pixels(x, pair.sample_range)
    for i in range(0, len(x), 1000):
        parts.append(encode(pair.encoder.params, floats[i : i + 1000], jax.random.fold_in(jax.random.key(seed), i)))
    return {k: np.concatenate([np.asarray(p[k]) for p in parts]) for k in parts[0]}


def _accuracy(last: Features, pair: Pair, x: np.ndarray, labels: np.ndarray) -> float:
    assert pair.sample_range is not None
    return float(np.mean(last.logits(to_uint8(x, pair.sample_range)).argmax(axis=1) == labels))


@dataclasses.dataclass(frozen=True)
class _WithoutLabels:
    """A critic that does not look at labels, as one that is given them."""

    inner: Any

    def __call__(self, params: Any, x: jax.Array, labels: Any) -> jax.Array:
        return self.inner(params, x)


def _on_features(pair: Pair, train: Any, tuning: Features, seed: int) -> Pair:
    """The pair with a critic recovered in net *a*'s features, which sees no labels."""
    assert pair.sample_range is not None
    blind = pair.replace(classes=None, critic=Net(pair.critic.params, _WithoutLabels(pair.critic.apply)), encoder=None)
    real = pixels(train.x[: len(train.x) // 2], pair.sample_range)
    on = tuning.as_net(pair.sample_range)
    critic = dcd.recover_on_features(blind, real, jax.random.key(60 + seed), features=on)[0].critic
    return pair.replace(critic=Net(critic.params, _WithoutLabels(critic.apply)), critic_kind="logit", calibrated=False)


def refine_style(
    pair: Pair, train: Any, rebuilt: np.ndarray, seed: int, tuning: Features, last: Features, n: int = 2000
) -> dict[str, Any]:
    """Refine the style while the label code is held.

    Scale and steps are chosen for three critics: the pair's own, one recovered on features, and that one with net *a*'s
    opinion of the label. They are chosen on other samples, in net *a*'s features, among those after which net *a* finds
    the labels about as often. The distances of reconstructions are given beside.
    """
    assert pair.sample_range is not None
    on_features = _on_features(pair, train, tuning, seed)
    held = dcd.with_labels(on_features, tuning.as_net(pair.sample_range, "logits"), strength=LABEL_STRENGTH)
    return {
        "reconstructions_fid": {f.name: distance(f, to_uint8(rebuilt, pair.sample_range)) for f in (tuning, last)},
        "own": _refine_style(pair, OWN, seed, tuning, last, n),
        "features": _refine_style(on_features, ON_FEATURES, seed, tuning, last, n),
        "features and labels": _refine_style(held, ON_FEATURES_AND_LABELS, seed, tuning, last, n),
    }


def _refine_style(
    pair: Pair, settings: tuple[tuple[float, float, float], ...], seed: int, tuning: Features, last: Features, n: int
) -> dict[str, Any]:
    assert pair.sample_range is not None
    span, classes = pair.sample_range, pair.classes or 1
    chain = dcd.Langevin("latent", max(STYLE_STEPS), prior_weight=1.0, hold=blocks(pair).label, preset="label held")
    trials, choices = [], []
    right = lambda features, x: features.logits(x).argmax(axis=1) == np.arange(len(x)) % classes
    for scale, eta, temperature in settings:
        trial = chain.replace(critic_scale=scale, step_size=eta, temperature=temperature)
        r = dcd.refine(pair, trial, jax.random.key(500 + seed), 1000, batch=500, snapshots=STYLE_STEPS)
        known = float(np.mean(right(tuning, to_uint8(r.before, span))))
        for steps, x in r.snapshots.items():
            made = to_uint8(x, span)
            found = {"fid": distance(tuning, made), "accuracy": float(np.mean(right(tuning, made)))}
            tried = {"critic_scale": scale, "step_size": eta, "temperature": temperature, "steps": steps}
            trials.append({**tried, **found, "accuracy_before": known})
            if found["accuracy"] >= known - LABELS_LOST:
                choices.append((found["fid"], trial.replace(steps=steps)))
    if not choices:
        return {"trials": trials}
    chain = min(choices, key=lambda c: c[0])[1]
    r = dcd.refine(pair, chain, jax.random.key(900 + seed), n, batch=500)
    before, after = to_uint8(r.before, span), to_uint8(r.after, span)
    first, then = right(last, before), right(last, after)
    kept = last.logits(before).argmax(axis=1) == last.logits(after).argmax(axis=1)
    end = blocks(pair).label[1]
    return {
        "chain": chain.to_dict(),
        "trials": trials,
        "label_code_unchanged": bool(np.array_equal(r.latents[:, :end], r.positions[:, :end])),
        "judge_label_kept": float(np.mean(kept)),
        "judge_label_kept_where_it_was_right": float(np.mean(then[first])),
        "accuracy": {"before": float(np.mean(first)), "after": float(np.mean(then))},
        "tuning": judge(tuning, before, after, seed),
        "judge": judge(last, before, after, seed),
    }


def measure(
    pair: Pair, learned: ClassMixture, train: Any, images: Any, seed: int, last: Features, n: int = 5000
) -> dict[str, Any]:
    """Figures of one pair; ``learned`` is its prior before the class Gaussians were refitted."""
    assert isinstance(pair.prior, ClassMixture) and pair.sample_range is not None
    seen, test = codes(pair, train.x, seed), codes(pair, images.x, seed + 1)
    end = blocks(pair).label[1]
    u = (test["label"][:, None] - np.asarray(pair.prior.means)[:, :end]) / np.asarray(pair.prior.scales)[:, :end]
    density = -0.5 * np.sum(u**2, axis=2) - np.sum(np.log(np.asarray(pair.prior.scales)[:, :end]), axis=1)
    labels, key = np.arange(n) % (pair.classes or 1), jax.random.key(700 + seed)
    made = lambda p, t: np.asarray(_generate(pair, sample_class(p, key, labels, t)))
    whole = lambda c: np.asarray(_generate(pair, jnp.asarray(c)))
    order = np.random.default_rng(seed).permutation(len(images))
    other = images.labels != images.labels[order]
    real = pixels(images.x, pair.sample_range)
    swapped = np.concatenate(
        [np.asarray(swap(pair, real[i : i + 500], real[order[i : i + 500]])) for i in range(0, len(real), 500)]
    )
    guess = last.logits(to_uint8(swapped, pair.sample_range)).argmax(axis=1)
    rebuilt = whole(np.concatenate([test["label"], test["mean"]], axis=1))
    report: dict[str, Any] = {
        "label_code_accuracy": float(np.mean(density.argmax(axis=1) == images.labels)),
        "style_kl_nats": float(test["kl"].mean()),
        "mean_squared_error": float(np.mean((rebuilt - real) ** 2)),
        "class_samples_accuracy": {
            "refitted": _accuracy(last, pair, made(pair, 1.0), labels),
            "refitted, temperature 0.5": _accuracy(last, pair, made(pair, 0.5), labels),
            "learned variances": _accuracy(last, pair, made(pair.replace(prior=learned), 1.0), labels),
        },
        "variance_learned_over_refitted": float(
            np.mean(np.asarray(learned.scales)[:, :end] ** 2) / np.mean(np.asarray(pair.prior.scales)[:, :end] ** 2)
        ),
        "swap": {
            "label_kept": float(np.mean(guess == images.labels)),
            "label_leaked": float(np.mean((guess == images.labels[order])[other])),
        },
        "probes": {},
    }
    for name in ("label", "draw", "mean"):
        report["probes"][name] = {
            kind: probe(seen[name], train.labels, test[name], images.labels, hidden)
            for kind, hidden in (("linear", ()), ("mlp", (128,)))
        }
    return report


def _picture(pair: Pair, images: Any, seed: int) -> bytes:
    """Rows: five swaps (label of the column, style of the row), a walk through the classes, a walk of the style."""
    assert pair.sample_range is not None
    firsts = np.asarray([np.argmax(images.labels == k) for k in range(10)])
    real = pixels(images.x[firsts], pair.sample_range)
    rows = [np.asarray(swap(pair, real, np.repeat(real[i : i + 1], 10, axis=0))) for i in range(5)]
    assert pair.encoder is not None
    z = np.asarray(pair.encoder(real))
    for path in (vary_class(pair, z[:1], 3, 8, 10), vary_style(pair, z[2:3], z[7:8], 10)):
        rows.append(np.asarray(_generate(pair, jnp.asarray(path[0]))))
    return png_bytes(grid(to_uint8(np.concatenate([real, *rows]), pair.sample_range), columns=10, zoom=2))


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Measure every variant that was trained: the adversary on draws, one that also sees the mean, and others.

    Variants beyond the first are measured where ``work`` holds their training.
    """
    train, images = training_images(root, data), test_images(root, data)
    last = load_features(f"{data}-classifier-b")
    report: dict[str, Any] = {"steps": STEPS["label"]}
    pictures = {}
    for variant in VARIANTS["label"]:
        if variant != "sample" and not (work / "label" / f"{data}-{variant}-{seed}" / "pair").exists():
            continue
        done = trained("label", data, variant, seed, work, root)
        pair, nets = done.pair, done.state.nets
        assert isinstance(pair.prior, ClassMixture)
        width = nets.means.shape[1]
        learned = ClassMixture(
            pair.prior.shape,
            pair.prior.means.at[:, :width].set(nets.means),
            pair.prior.scales.at[:, :width].set(jax.nn.softplus(nets.raw) ** -0.5),
            pair.prior.weights,
        )
        report[variant] = measure(pair, learned, train, images, seed, last)
        report[variant] |= {"training_seconds": done.seconds, "losses": {k: v[-1] for k, v in done.history.items()}}
        pictures[f"-{variant}"] = _picture(pair, images, seed)
    return report, pictures


def run_refine(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Class samples before and after refinement of the style, for the adversary on draws."""
    tuning, last = load_features(f"{data}-classifier-a"), load_features(f"{data}-classifier-b")
    pair = trained("label", data, "sample", seed, work, root).pair
    assert pair.sample_range is not None
    test = codes(pair, test_images(root, data).x[:2000], seed)
    rebuilt = np.asarray(_generate(pair, np.concatenate([test["label"], test["mean"]], axis=1)))
    return refine_style(pair, training_images(root, data), rebuilt, seed, tuning, last), {}
