r"""Select among samples that exist already, refined ones for example, by a critic recovered for them.

A chain changes the law of its samples, so that the critic that drove it is no density ratio for what comes out. Here a
stored pool of N samples takes the generator's place: a critic is recovered and calibrated for the pool's own law
:math:`q` against data :math:`p`, and each sample of the pool is kept at most once, with the acceptance of
:mod:`dcd.selection.optimal_rejection`, :math:`\min(1, c\,r(x)/M)`, of mean ``budget``; where c = 1, which is exact,
keeps more than that, c is 1. This mends what chains leave behind: wrong shares of modes, and stragglers.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Record, Uniform
from pairs.arguments import checked_key
from pairs.batches import apply_in_batches
from pairs.checks import check_number

from ..critics.ratio_calibration import calibrate
from ..critics.recovery import recover
from ..critics.recovery_settings import Recover
from .optimal_rejection import obrs_acceptance, obrs_log_scale

__all__ = ["Winnowed", "pool_pair", "winnow"]


class Winnowed(NamedTuple):
    """What was kept of a pool.

    Attributes:
      rows: Indices into the pool, ascending, none twice.
      log_ratio: ``(N,)`` log density ratios of data to pool.
      report: Held-out figures of the critic and of its calibration, in the form that JSON holds.
    """

    rows: np.ndarray
    log_ratio: np.ndarray
    report: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Draw:
    def __call__(self, pool: Array, z: Array) -> Array:
        row = jnp.floor(z[:, 0] * pool.shape[0]).astype(jnp.int32)
        return pool[jnp.clip(row, 0, pool.shape[0] - 1)]


def pool_pair(samples: ArrayLike, sample_range: tuple[float, float] | None = None) -> Pair:
    """A pair whose generator draws from a pool, uniformly and with replacement.

    Args:
      samples: ``(N, *sample)``.
      sample_range: ``(low, high)`` of the samples, None where they are unbounded.

    Returns:
      A pair whose latent is one uniform number and whose critic is the constant 0.

    Raises:
      InputError: Samples without a leading axis, or none.

    Example:
      >>> pair = pool_pair(np.eye(3, dtype=np.float32))
      >>> pair.generate(jnp.asarray([[0.0], [0.99]])).tolist()
      [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    pool = jnp.asarray(samples, jnp.float32)
    if pool.ndim < 2 or len(pool) < 1:
        raise InputError("samples", f"have shape {pool.shape}", "give (N, *sample)")
    nothing = Net(jnp.zeros(()), _Nothing())
    return Pair(
        Net(pool, _Draw()),
        nothing,
        Uniform((1,), 0.0, 1.0),
        tuple(pool.shape[1:]),
        sample_range,
        "logit",
        record=Record(name="pool"),
    )


@dataclasses.dataclass(frozen=True)
class _Nothing:
    def __call__(self, zero: Array, x: Array) -> Array:
        return zero * jnp.sum(x.reshape(x.shape[0], -1), axis=1)


def winnow(
    samples: ArrayLike,
    data_x: ArrayLike,
    key: Array,
    budget: float = 0.5,
    config: Recover | None = None,
    *,
    sample_range: tuple[float, float] | None = None,
) -> Winnowed:
    """Keep about ``budget`` of ``samples`` so that their law comes as close to the data's as that share allows.

    Args:
      samples: ``(N, *sample)``, N at least 64; a few thousand make a critic.
      data_x: Real samples; the report's figures are honest only if the chain's critic was not trained on them.
      key: Typed key.
      budget: Share of the samples to keep, in (0, 1].
      config: Settings of :func:`dcd.recover`; by default BCE with a light R1 of 0.01, as the two laws are close.
      sample_range: ``(low, high)`` of the samples, None where they are unbounded.

    Returns:
      The rows that were kept, all log ratios, and the report.

    Raises:
      InputError: A budget outside (0, 1], samples or data that do not fit.
    """
    key = checked_key(key, samples=samples, data_x=data_x)
    check_number("budget", budget, above=0.0, at_most=1.0)
    pair = pool_pair(samples, sample_range)
    pool = np.asarray(pair.generator.params)
    if len(pool) < 64:
        raise InputError("samples", f"are {len(pool)}", "give at least 64, better thousands")
    real = np.asarray(data_x, np.float32)
    cut = 3 * len(real) // 4
    keys = jax.random.split(key, 3)
    pair, recovered = recover(pair, real[:cut], keys[0], config or Recover(r1=0.01))
    pair, calibrated = calibrate(pair, real[cut:], keys[1])
    d = np.asarray(apply_in_batches(pair.critic, pool), np.float64)
    keep = np.asarray(jax.random.uniform(keys[2], (len(pool),))) < obrs_acceptance(d, obrs_log_scale(d, budget))
    report = {"recover": recovered.to_dict(), "calibrate": calibrated.to_dict(), "kept": int(keep.sum())}
    return Winnowed(np.flatnonzero(keep), d, report)
