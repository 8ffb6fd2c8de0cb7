r"""The two courses of contrastive divergence after the search: the winner's chain, and a short one in sample space.

**The winner's chain.** A critic that was recovered for the generator's samples tells a chain where to go from there.
What few steps of the chain produce still differs from the data, and contrastive divergence changes the critic until
that difference is gone. The chain takes at most ``steps`` steps, those of the search's first round, since every update
pays for a chain, and has critic scale 1: a scale would magnify every update, and the critic finds its own.

**Sample space.** A chain of latents stays where the generator can go: a grey background, or strokes that are too thick
everywhere, are out of its reach. Ten nearly noiseless steps of the samples themselves, as in arXiv 2004.01704, mend
them. Their critic sees the samples alone: it is recovered for the generator in a few updates, and contrastive
divergence does the rest, in many rounds, since neither a step nor its start needs a pass through the generator: chains
start from a pool of samples that is drawn once. The pool is large where drawing is cheap: more starts came nearer. A
first turn that leaves the samples farther from the data than the generator's own is taken back like any other. The
critic of images begins with convolutions: a round takes five times as long as with dense layers, and texture, which
dense layers hardly see, comes within reach. It is no critic on features, whose slope in the samples may point to small
changes of a few pixels that no eye sees.

The step size in sample space is in units of the samples' half range r, or of the spread of a coordinate (the root of
the mean variance) where they have no range: :math:`\eta = 0.3\,r^2`. It sets no more than how fast the critic learns,
for the critic finds its scale.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import Pair
from pairs.io.work import Work

from ..critics.architectures import convolutional_layers, default_layers, fresh_critic
from ..critics.contrast_settings import ON_FEATURES, Contrast
from ..critics.feature_parts import feature_parts
from ..critics.kept_critic import kept_critic
from ..critics.pools import Pool, pool_source, split_pool
from ..critics.recovery import recover
from ..critics.recovery_settings import Recover
from ..critics.scores import generate_set
from ..diagnostics.operations import gradient_operations
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of
from .winner import CriticData, Winner

__all__ = ["Course", "sample_chain", "sample_course", "winner_course"]

WINNER_TURN = Contrast(rounds=50, batch=64, critic_updates=5, learning_rate=1e-4)
"""The turns against the winner's chain, with the step size of the first."""
SAMPLE_TURN = Contrast(rounds=400, batch=64, critic_updates=2, learning_rate=1.5e-3, adam_decay=0.999, ema=0.999)
"""The turns in sample space, with the step size of the first."""
STEADYING = 1e-3
"""Weight of the squared scores in sample space where they grow; ten times as much holds the samples back too."""
SAMPLE_CHAIN = Langevin("pixel", 10, 0.3, temperature=1e-5, preset="dcd-pixel")
"""The chain in sample space, for samples in [-1, 1]."""
RECOVERY = Recover(steps=500, r1=0.0)
"""The critic that the turns in sample space begin with."""
LEAST_IMAGE = 16
"""Smaller side of the least image whose critic has convolutions."""
POOL, LARGEST_POOL, POOL_NUMBERS = 10_000, 50_000, 2**27
"""Samples that chains in sample space start from, drawn once: where drawing is dear, where it is cheap, and the most
numbers in all of them, which large images reach sooner."""
DRAWS = 600_000
"""Samples whose drawing costs about a tenth of eight turns, if a gradient of the critic costs as much as one through
the generator: 2 million gradients, and a pass through the generator takes a third of one."""
DRAW, RECOVER = 0xD0, 0xD1
"""Numbers of the keys of the pool and of the recovery; turns have 1, 2, ..."""


@dataclasses.dataclass(frozen=True, eq=False)
class Course:
    """What the turns of contrastive divergence begin with.

    Attributes:
      name: What it is called in reports.
      critic: Name of its critics in a choice.
      chain: The chain.
      first: Settings of a turn, with the step size that the first begins with.
      nearest: Distance to the held-out data that the first turn must come below: of the samples of ``chain`` with the
        critic that the course starts from, or of the generator's.
      start: Makes or finds the pair with that critic, and with the generator that its training draws from.
      price: What one of its gradient evaluations counts of a bound on evaluations.
      steadying: :attr:`dcd.Contrast.energy` of all later turns where the first comes no nearer; None changes the step
        size alone.
    """

    name: str
    critic: str
    chain: Langevin
    first: Contrast
    nearest: float
    start: Callable[[Work], Pair]
    price: float = 1.0
    steadying: float | None = None

    def turn(self, n: int) -> int:
        """Gradient evaluations of a turn and of the ``n`` samples that measure it."""
        return (self.first.rounds * self.first.batch + n) * self.chain.steps


def winner_course(winner: Winner) -> Course:
    """The course that fine-tunes the winner's critic against its chain.

    Args:
      winner: The winner, a chain.
    """
    best = winner.choice
    chain = best.chain.replace(steps=min(best.chain.steps, winner.config.steps), critic_scale=1.0)
    # another chain than the winner's starts from a distance of its own, which may be larger
    nearest = winner.nearest if chain == best.chain else float("inf")
    first = WINNER_TURN if feature_parts(winner.pair.critic) is None else WINNER_TURN.replace(r1=ON_FEATURES)
    return Course("contrastive divergence", f"{best.critic}+cd", chain, first, nearest, lambda work: winner.pair)


def sample_course(winner: Winner, data: CriticData, key: Array) -> Course:
    """The course that trains a critic of the samples against a short chain in sample space.

    Args:
      winner: The winner; its generator is what counts.
      data: What the critic is trained on.
      key: Typed key of the pool and the recovery.
    """
    chain = sample_chain(winner.pair, data.train_x)
    price = _price(winner.pair)

    def start(work: Work) -> Pair:
        drawn = _drawn(winner.pair, jax.random.fold_in(key, DRAW), price)
        trains, measures = split_pool(drawn, 0.1, winner.pair.classes)
        generator, prior = pool_source(trains, winner.pair.classes)
        source = winner.pair.replace(generator=generator, prior=prior)
        make = functools.partial(_recovered, source, data, measures, jax.random.fold_in(key, RECOVER))
        return kept_critic(work, "critic-0", source, make)[0]

    name = "contrastive divergence of samples"
    return Course(name, "samples+cd", chain, SAMPLE_TURN, winner.generator, start, price or 1.0, STEADYING)


def sample_chain(pair: Pair, x: np.ndarray) -> Langevin:
    """The chain in sample space, with its step in the unit of the pair's samples.

    Args:
      pair: Pair whose samples it moves.
      x: Real samples ``(n, *sample)``, whose spread is the unit where samples have no range.
    """
    bounds = pair.sample_range
    # offsets between coordinates are no spread
    spread = float(np.sqrt(np.mean(np.var(x, axis=0, dtype=np.float64))))
    half = spread if bounds is None else (bounds[1] - bounds[0]) / 2
    return SAMPLE_CHAIN.replace(step_size=SAMPLE_CHAIN.step_size * half**2)


def _layers(pair: Pair) -> list[dict[str, Any]]:
    """The layers of a critic of the samples: convolutions for images, the default for others."""
    shape, image = pair.sample_shape, len(pair.sample_shape) == 3 and min(pair.sample_shape[:2]) >= LEAST_IMAGE
    return (convolutional_layers if image else default_layers)(shape, pair.classes)


def _price(pair: Pair) -> float | None:
    """Operations of a gradient of a new critic of the samples, in those of a gradient through the generator.

    At most 1; None where the generator's cannot be counted.
    """
    fresh = pair.replace(critic=fresh_critic(jax.random.key(0), pair.sample_shape, _layers(pair), pair.classes))
    through = gradient_operations(pair)
    return min(1.0, gradient_operations(fresh, "pixel") / through) if through else None


def _drawn(pair: Pair, key: Array, price: float | None) -> Pool:
    """Samples of the generator, as many as time and memory bear and equally many of each class, at least two."""
    each, least = pair.classes or 1, 2 if pair.classes else 20
    wanted = POOL if price is None else min(max(POOL, int(DRAWS * price)), LARGEST_POOL)
    n = max(min(wanted, POOL_NUMBERS // math.prod(pair.sample_shape)) // each, least) * each
    labels = labels_of(pair, np.arange(n))
    # chains of samples are float32, also behind a generator of half precision
    x = np.asarray(generate_set(pair, key, n, labels)[1], np.float32)
    return Pool(x, None if labels is None else np.asarray(labels))


def _recovered(pair: Pair, data: CriticData, measures: Pool, key: Array, work: Work) -> tuple[Pair, dict[str, Any]]:
    """The critic that the turns in sample space begin with."""
    labels, settings = data.train_labels, dataclasses.replace(RECOVERY, architecture=tuple(_layers(pair)))
    made, report = recover(pair, data.train_x, key, settings, labels=labels, negatives=measures, work=work)
    return made, report.to_dict()
