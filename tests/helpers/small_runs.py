"""A run of twenty samples in three shards."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
from oracles import identity, pair_of

from dcd import Langevin, refine_to

KEY = jax.random.key(6)
N, SHARD, BATCH, STEPS = 20, 8, 4, 3
CONFIG = Langevin("pixel", STEPS, 0.1, temperature=0.01)


def slope(params, x):
    return x @ params


PAIR = pair_of(slope, jnp.asarray([1.0, -0.5]), 2, identity, sample_range=(-1.0, 1.0))


def run(folder, pair=PAIR, config=CONFIG, key=KEY, n=N, **more):
    return refine_to(pair, config, key, n, folder, **{"shard": SHARD, "batch": BATCH, **more})


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
