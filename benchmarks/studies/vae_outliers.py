r"""Out-of-distribution scores of Soft-IntroVAE and the plain VAE: AUROC of the data's test images against other sets.

Scores, higher = more like the data: the bound :math:`-\tfrac12\lVert x - D(\mu)\rVert^2 - K`, its KL part
:math:`-K`, the importance-weighted bound with 16 draws, the pair's own critic, and the bound after contrastive
divergence. 1 is perfect, 0.5 chance, below 0.5 the other set looks more like the data than the data.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from pairs import Net, Pair
from pairs.ranking import auc
from pairs.vae.energy import vary

from .vae_runs import contrasted, pixels, test_images, trained

__all__ = ["outlier_sets", "run", "scores"]

_call = jax.jit(lambda net, x: net(x))


def outlier_sets(x: np.ndarray, others: dict[str, np.ndarray], seed: int = 0, n: int = 2000) -> dict[str, np.ndarray]:
    """Sets of uint8 images like ``x`` ``(n, H, W, 1)``: made of it, of noise, and those given."""
    rng = np.random.default_rng(seed)
    x = x[:n]
    rows, columns = x.shape[1:3]
    made = {
        "noise": rng.integers(0, 256, x.shape, np.uint8),
        "inverted": 255 - x,
        "rows shuffled": x[:, rng.permutation(rows)],
        "shifted cyclically by half": np.roll(x, (rows // 2, columns // 2), axis=(1, 2)),
        "upside down": x[:, ::-1],
    }
    return {**made, **{k: v[:n] for k, v in others.items()}}


def _photographs(root: Path, size: int, n: int = 2000, seed: int = 0) -> np.ndarray | None:
    """Grey patches of photographs, where such a set lies in the data folder."""
    found = sorted((root / "cifar10-jpeg").glob("*.tar.xz"))
    if not found:
        return None
    rng, patches = np.random.default_rng(seed), []
    with tarfile.open(found[0]) as archive:
        for member in archive:
            if not member.isfile() or not member.name.lower().endswith((".jpg", ".jpeg", ".png")):
                continue
            content = archive.extractfile(member)
            assert content is not None
            picture = np.asarray(Image.open(content).convert("L"))
            if min(picture.shape) < size:
                continue
            top, left = (rng.integers(0, d - size + 1) for d in picture.shape)
            patches.append(picture[top : top + size, left : left + size, None])
            if len(patches) == n:
                break
    return np.stack(patches) if patches else None


def scores(pair: Pair, contrastive: Net, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every score of uint8 images; ``contrastive`` is the bound after contrastive divergence."""
    assert pair.sample_range is not None
    nets: dict[str, Net] = {
        "elbo": vary(pair.critic, terms="elbo", rec=0.5, kl=1.0, scale=1.0, shift=0.0),
        "kl": vary(pair.critic, terms="kl", kl=1.0, scale=1.0, shift=0.0),
        "importance": vary(pair.critic, terms="importance", rec=0.5, kl=1.0, scale=1.0, shift=0.0, draws=16),
        "critic": pair.critic,
        "contrasted": contrastive,
    }
    floats = pixels(x, pair.sample_range)
    parts = np.array_split(floats, max(1, len(x) // 500))
    return {name: np.concatenate([np.asarray(_call(net, p)) for p in parts]) for name, net in nets.items()}


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """AUROC per variant, set and score."""
    x = test_images(root, data).x[:2000]
    others = {name: test_images(root, name).x for name in ("mnist", "fashion-mnist") if name != data}
    photographs = _photographs(root, x.shape[1])
    if photographs is not None:
        others["photographs"] = photographs
    sets = outlier_sets(x, others)
    report: dict[str, Any] = {"n": {"data": len(x), **{k: len(v) for k, v in sets.items()}}}
    for variant in ("intro", "plain"):
        pair = trained("soft-intro", data, variant, seed, work, root).pair
        contrastive = contrasted(data, variant, seed, work, root)[1].critic
        inside = scores(pair, contrastive, x)
        report[variant] = {}
        for name, other in sets.items():
            outside = scores(pair, contrastive, other)
            report[variant][name] = {k: auc(inside[k], outside[k]) for k in inside}
    return report, {}
