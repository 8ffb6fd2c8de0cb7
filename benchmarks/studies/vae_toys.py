r"""Soft-IntroVAE in the plane: distance to the data, landscape of the critic, refinement, paths between real points.

*Jensen-Shannon divergence* is that of two 100 x 100 histograms of 10,000 points each, in nats. The published
quantities are reported beside it with their values for real against real points, since none
is zero there: on histograms of 5,000 points as densities p (data), q (model),

.. math::
   \text{"KL"} = \tfrac1{100} \sum p\,(\log p - \log(q + 10^{-14})), \qquad
   \text{"JSD"} = \tfrac1{200} \sum \left[m \log\tfrac{m}{p + 10^{-14}} + m \log\tfrac{m}{q + 10^{-14}}\right], \;
   m = \tfrac{p + q}2

(sums over bins, not integrals; the arguments of the second are in an unusual order), and *gnELBO*, the mean over
data of :math:`e(x) = \lVert x - D(\mu(x))\rVert^2 + K(x)` over its sum on a 1024 x 1024
grid of the window and those points (10,000; published 12,800).
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
import interp
from pairs import Pair
from pairs.io.plots import scatter_plot
from pairs.ranking import auc
from pairs.vae.energy import vary
from pairs.vae.toys import CENTRES, SPREAD, toy, window

from .vae_runs import STEPS, trained

__all__ = ["divergences", "landscape", "measure", "modes", "published", "run"]

REFINE = dcd.Langevin("pixel", steps=150, step_size=5e-4, temperature=0.009, preset="warm ascent")
"""Refinement in sample space by the calibrated critic. At temperature 0 points pile up inside a mode, and the
divergence from the data grows; at 0.02 modes come out a fifth too wide."""

GUIDES: dict[str, dict[str, Any]] = {
    "after": {"terms": "elbo", "rec": 0.2, "kl": 0.09},
    "after, reconstruction alone": {"terms": "rec", "rec": 0.2},
}
"""Terms of the critics that refine, for either variant. The KL has a tenth of the weight that introspective training
gives it: at the full one the bound's peaks lie up to one standard deviation off the modes' centres, and long chains
drift there."""


def _histogram(x: np.ndarray, half: float, density: bool = False) -> np.ndarray:
    return np.histogram2d(x[:, 0], x[:, 1], bins=100, range=[[-half, half]] * 2, density=density)[0]


def divergences(real: np.ndarray, fake: np.ndarray, half: float) -> dict[str, float]:
    """True Jensen-Shannon divergence, and the share of ``fake`` outside the window (which it does not see)."""
    p, q = (_histogram(v, half) for v in (real, fake))
    p, q = p / p.sum(), q / max(q.sum(), 1.0)
    m = 0.5 * (p + q)
    each = [np.sum(v[v > 0] * np.log(v[v > 0] / m[v > 0])) for v in (p, q)]
    return {"jsd": 0.5 * float(sum(each)), "outside": float(np.mean(np.any(np.abs(fake) > half, axis=1)))}


def published(real: np.ndarray, fake: np.ndarray, half: float) -> dict[str, float]:
    """The two histogram figures as published, of the first 5,000 points of each set."""
    p, q = (_histogram(v[:5000], half, True) for v in (real, fake))
    tiny, m = 1e-14, 0.5 * (p + q)
    above = lambda a, b: float(np.sum(a[a > 0] * (np.log(a[a > 0]) - np.log(b[a > 0] + tiny)))) / 100
    return {"kl_published": above(p, q), "jsd_published": 0.5 * (above(m, p) + above(m, q))}


def _gn_elbo(pair: Pair, real: np.ndarray, half: float, side: int = 1024) -> float:
    net = vary(pair.critic, terms="elbo", rec=1.0, kl=1.0, scale=1.0, shift=0.0)
    energy = jax.jit(lambda net, x: -net(x))
    axis = np.linspace(-half, half, side, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    whole = sum(float(np.sum(np.asarray(energy(net, g), np.float64))) for g in np.array_split(grid, 16))
    at = np.asarray(energy(net, real[:12_800]), np.float64)
    return float(at.mean() / (whole + at.sum()))


def modes(x: np.ndarray) -> dict[str, float]:
    """Of the eight Gaussians: shares within 3, 4, 10 deviations, the rarest mode's share, spread over the true one."""
    gap = np.linalg.norm(x[:, None] - np.asarray(CENTRES)[None], axis=2)
    near, nearest = gap.min(axis=1) / SPREAD, gap.argmin(axis=1)
    share = np.bincount(nearest[near < 10], minlength=8) / len(x)
    within = {f"within_{k}": float(np.mean(near < k)) for k in (3, 4, 10)}
    spread = float(np.sqrt(np.mean(near[near < 10] ** 2) / 2)) if np.any(near < 10) else float("nan")
    return {**within, "modes": int(np.sum(share >= 0.05)), "rarest": float(share.min()), "spread_ratio": spread}


def _describe(name: str, real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    half = window(name)
    found = {**divergences(real, fake, half), **published(real, fake, half)}
    return {**found, **modes(fake)} if name == "8-gaussians" else found


def landscape(pair: Pair, half: float, side: int = 200) -> np.ndarray:
    """Critic on a grid, clipped at its 2 % quantile; rows are the second coordinate."""
    axis = np.linspace(-half, half, side, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    score = np.asarray(jax.jit(lambda net, x: net(x))(pair.critic, grid)).reshape(side, side)
    return np.maximum(score, np.quantile(score, 0.3))


def _paths(pair: Pair, real: np.ndarray, count: int, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    """Line, geodesic and critic-weighted geodesic between encoded real points, and the mean critic along each.

    All are taken at constant speed in the samples.
    """
    assert pair.encoder is not None
    z = np.asarray(pair.encoder(real[: 2 * count]))
    z0, z1 = z[:count], z[count:]
    weighted = interp.GeodesicConfig(points=32, segments=24, seed=seed)
    metric, _ = interp.make_metric(pair, dataclasses.replace(weighted, mode="none"))
    paths = {"linear": np.asarray(interp.baseline_at_constant_speed(metric, "linear", z0, z1, 32))}
    for label, config in (("geodesic", dataclasses.replace(weighted, mode="none")), ("weighted", weighted)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            paths[label] = np.asarray(interp.geodesic(pair, z0, z1, config=config).path)
    found: dict[str, Any] = {
        "pairs": count,
        "end_error": float(np.mean(np.linalg.norm(np.asarray(pair.generator(z)) - real[: 2 * count], axis=1))),
    }
    seen = {}
    for label, path in paths.items():
        seen[label] = np.asarray(pair.generator(path.reshape(-1, 2))).reshape(count, -1, 2)
        score = np.asarray(pair.critic(seen[label].reshape(-1, 2))).reshape(count, -1)
        length = np.linalg.norm(np.diff(seen[label], axis=1), axis=2).sum(axis=1)
        found[label] = {
            "critic_mean": float(score.mean()),
            "critic_min": float(score.min(axis=1).mean()),
            "length": float(length.mean()),
        }
    return found, seen["weighted"]


def measure(name: str, pair: Pair, seed: int, n: int = 10_000, pairs: int = 32) -> tuple[dict[str, Any], bytes]:
    """Figures of one trained pair, and a picture: data, samples on the landscape, refined samples, weighted paths."""
    half = window(name)
    keys = jax.random.split(jax.random.key(1000 + seed), 6)
    draw = toy(name)
    real, again, held = (np.asarray(draw(k, n)) for k in keys[:3])
    began = time.perf_counter()
    guides = {}
    for label, terms in GUIDES.items():
        guide = pair.replace(critic=vary(pair.critic, **terms, scale=1.0, shift=0.0))
        calibrated, calibration = dcd.calibrate(guide, held[:5000], keys[3])
        result = dcd.refine(calibrated, REFINE, keys[4], n, batch=5000)
        guides[label] = result, {"terms": terms, "calibrated_scale": calibration.scale, "auc": calibration.after.auc}
    result = guides["after"][0]
    seconds = time.perf_counter() - began
    uniform = np.asarray(jax.random.uniform(keys[5], (5000, 2), minval=-half, maxval=half))
    score = lambda x: np.asarray(pair.critic(x))
    report: dict[str, Any] = {
        "n": n,
        "before": _describe(name, real, result.before),
        **{label: _describe(name, real, found.after) for label, (found, _) in guides.items()},
        "real_against_real": _describe(name, real, again),
        "gn_elbo": _gn_elbo(pair, real, half),
        "critic_auroc_uniform": auc(score(real[:5000]), score(uniform)),
        "mean_exp_critic_on_samples": float(np.mean(np.exp(score(result.before)))),
        "refine": {"config": REFINE.to_dict(), **{k: v[1] for k, v in guides.items()}, "seconds": seconds},
    }
    report["paths"], lines = _paths(pair, again, pairs, seed)
    height = landscape(pair, half)
    picture = scatter_plot(
        {
            "data": real[:3000],
            "samples, critic": result.before[:3000],
            "refined": result.after[:3000],
            "weighted paths": lines[:24],
        },
        half,
        {"samples, critic": height, "weighted paths": height},
    )
    return report, picture


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Soft-IntroVAE and the plain VAE of the same net and steps."""
    report: dict[str, Any] = {"steps": STEPS["toy"]}
    pictures = {}
    for variant in ("intro", "plain"):
        done = trained("soft-intro", data, variant, seed, work, root)
        report[variant], pictures[f"-{variant}"] = measure(data, done.pair, seed)
        report[variant]["training_seconds"] = done.seconds
    return report, pictures
