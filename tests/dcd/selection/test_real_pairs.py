"""Calibration and selection on a discriminator somebody else trained, with real digits."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from checkpoints import import_manifest
from dcd.critics.ratio_calibration import calibrate
from dcd.critics.scores import generate_set, scores_of
from dcd.selection import obrs
from pairs import InputError
from pairs.io.images import read_images


@pytest.mark.slow
def test_foreign_discriminator_is_refused_raw_then_calibrated_then_selects(data_root):
    pair = import_manifest("mnist-mlp-gan", data_root / "pairs" / "mnist-mlp-gan")
    images = read_images(data_root / "mnist", "test")
    real = np.asarray(images.x[:1000], np.float32).reshape(1000, *pair.sample_shape) / 127.5 - 1.0
    with pytest.raises(InputError, match="dcd adapt"):
        obrs(pair, 4, jax.random.key(0))
    ready, report = calibrate(pair, real, jax.random.key(1))
    assert report.after.ece < report.before.ece and abs(report.after.z_statistic) < 4
    chosen = obrs(ready, 256, jax.random.key(2), budget=0.5, pilot=512)
    # samples of another key stand for the generator; the critic's view of what is kept must be higher
    plain = scores_of(ready, generate_set(ready, jax.random.key(3), 256)[1])
    assert chosen.log_ratio.mean() > plain.mean()
    assert chosen.acceptance == pytest.approx(0.5, abs=0.1)  # 4 standard errors over 512 decisions: 0.09
