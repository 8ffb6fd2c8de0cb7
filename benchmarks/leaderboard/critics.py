"""The two critics of a leaderboard: the pair's own, and one recovered from data; both calibrated to log ratios.

Every method runs on both. Selection needs a calibrated ratio, and chains profit from its scale: a Wasserstein critic's
is arbitrary. Critics are kept in the folder of the board, under the digest of the pair, the data and the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax import Array

import dcd
from checkpoints import load_pair, save_pair
from pairs import Pair
from pairs.digests import pair_digest
from pairs.io.sealed_arrays import seal_of

from .entries import digest_of
from .method import RealData

__all__ = ["board_critics"]


def board_critics(
    pair: Pair,
    data: RealData,
    key: Array,
    folder: Path,
    steps: int,
    on_progress: Callable[[str, int, int, float], None] | None = None,
) -> tuple[dict[str, Pair], dict[str, dict[str, Any]]]:
    """Make or read the critics.

    Args:
      pair: Any pair; one without a critic has no ``own``.
      data: Real samples to recover and calibrate on.
      key: Typed key.
      folder: Where they are kept.
      steps: Updates of the recovery, at most.
      on_progress: As :func:`dcd.adapt` calls it.

    Returns:
      The pairs by the names ``own`` and ``recovered``, and what their reports say in short.

    Raises:
      InputError: The data do not fit the pair, or the folder cannot be written.
    """
    # as adapt does: the critic of a conditional pair, which knows its labels, is trained on
    new = pair.classes is None or not pair.has_critic
    recovery = dcd.Recover(architecture="auto" if new else "critic", steps=steps)
    sealed = seal_of({k: v for k, v in data._asdict().items() if v is not None}, b"").tobytes().hex()
    made, about = {}, {}
    for number, (name, settings) in enumerate({"own": None, "recovered": recovery}.items()):
        if settings is None and not pair.has_critic:
            continue
        wanted = None if settings is None else settings.to_dict()
        digest = digest_of(pair_digest(pair), sealed, wanted, jax.random.key_data(key).tolist())
        kept = folder / f"critic-{name}-{digest[:16]}"
        if not kept.is_dir():
            adapted, report = dcd.adapt(
                pair,
                data.train_x,
                data.held_x,
                jax.random.fold_in(key, number),
                recovery=settings,
                train_labels=data.train_labels,
                held_labels=data.held_labels,
                on_progress=on_progress,
            )
            short = {"auc": report["calibrate"]["after"]["auc"], "z": report["calibrate"]["after"]["z_statistic"]}
            short |= {"scale": report["calibrate"]["scale"], "warnings": list(report["calibrate"]["warnings"])}
            short |= {"updates": report["recover"]["steps"]} if settings is not None else {}
            save_pair(kept, adapted.replace(record=adapted.record.updated(leaderboard=short)))
        # read back, so that a run that goes on has the same pair to the bit
        made[name] = load_pair(kept)
        about[name] = made[name].record.to_dict()["leaderboard"]
    return made, about
