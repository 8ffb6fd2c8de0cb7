"""Where nothing can be gained, tuning must say so: three image pairs.

``python -m benchmarks.studies.hopeless --mnist DATA --fashion DATA --out FILE``

``random critic``: the bundled generator with a critic of random weights, offered alone. ``perfect
generator``: real digits drawn from a pool, tuned against other real digits, with a recovered critic.
``disjoint supports``: a pool of Fashion-MNIST against digits with a critic that was trained until it
separates them perfectly and without any smoothness penalty, so that it is flat where the samples are. After
"no gain" the samples that refining returns are compared with the generator's, bit for bit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from dcd.critics.architectures import fresh_critic
from pairs import Pair
from pairs.io.command import guard, seed_number
from pairs.io.images import read_images
from pairs.io.pixels import to_range
from pairs.io.reports import hardware, versions, write_json

from ..features import load_features
from ..inputs import load
from ..judges import judge_for

__all__ = ["main"]

SPAN = (-1.0, 1.0)


def _case(variants: dict[str, Pair], real: np.ndarray, net: str, seed: int) -> dict[str, Any]:
    pair = next(iter(variants.values()))
    search, confirm = real[:1500], real[1500:3500]
    config = dcd.Tune(steps=40, n_first=200, rounds=2)
    tuned = dcd.tune(variants, search, confirm, judge_for(load_features(net), pair), jax.random.key(seed), config)
    found: dict[str, Any] = {
        "gain": tuned.gain,
        "trials": len(tuned.trials),
        "best": tuned.choice and tuned.choice.label,
        "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
    }
    if not tuned.gain:
        kept = dcd.refine(pair, dcd.preset("latent").replace(steps=0), jax.random.key(seed), 256)
        found["unchanged"] = bool(np.array_equal(kept.before, kept.after))
    return found


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.hopeless", description="Where nothing can be gained."
    )
    parser.add_argument("--mnist", required=True, help="folder of MNIST")
    parser.add_argument("--fashion", required=True, help="folder of Fashion-MNIST")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    digits = to_range(read_images(args.mnist, "train").x, SPAN)
    digits = digits[np.random.default_rng(args.seed).permutation(len(digits))]
    clothes = to_range(read_images(args.fashion, "train").x[:10_000], SPAN)
    keys = jax.random.split(jax.random.key(args.seed), 4)

    bundled = load("fashion-mnist-wgan-gp")
    random = bundled.replace(critic=fresh_critic(keys[0], bundled.sample_shape), critic_kind="logit")
    cases = {"random critic": _case({"raw": random}, clothes, "fashion-mnist-classifier-a", args.seed)}

    perfect = dcd.pool_pair(digits[:3000], SPAN)
    recovered, _ = dcd.adapt(perfect, digits[3000:5000], digits[5000:6000], keys[1], recovery=dcd.Recover(steps=500))
    variants = {"raw": perfect, "recovered": recovered}
    cases["perfect generator"] = _case(variants, digits[6000:], "mnist-classifier-a", args.seed)

    apart = dcd.pool_pair(clothes[:3000], SPAN)
    settings = dcd.Recover(steps=1000, r1=0.0, patience=100)
    separated, report = dcd.recover(apart, digits[:4000], keys[2], settings)
    cases["disjoint supports"] = _case({"raw": separated}, digits[6000:], "mnist-classifier-a", args.seed)
    cases["disjoint supports"]["auc"] = report.held_out.auc
    write_json(args.out, {"seed": args.seed, "cases": cases, "versions": versions(), "hardware": hardware()})
    for name, found in cases.items():
        print(f"{name}: {'gain' if found['gain'] else 'no gain'}, {found['confirmed']}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
