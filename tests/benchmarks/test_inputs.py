"""What the commands share: folds of the data."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.inputs import folds_of, pair_digest
from dcd import pool_pair
from pairs import Net


def test_folds_share_no_image_and_labels_stay_with_theirs(tmp_path):
    y = np.arange(600) % 10
    x = np.stack([np.full((2, 2, 1), i // 10, np.uint8) for i in range(600)]) * 4
    x[:, 0, 0, 0] = y  # an image knows its label and, with it, its number
    np.savez(tmp_path / "train.npz", x=x, y=y)
    args = argparse.Namespace(data=str(tmp_path), split=None, array=None, seed=3, limit=500)
    pair = pool_pair(np.zeros((1, 2, 2, 1), np.float32), (0.0, 255.0)).replace(classes=10)
    _, images, labels = folds_of(args, pair, (0.6, 0.4))
    assert [len(v) for v in images] == [300, 200]
    for part, named in zip(images, labels, strict=True):
        np.testing.assert_array_equal(part[:, 0, 0, 0], named)
    whole = np.concatenate(images).reshape(500, -1)
    assert len(np.unique(whole, axis=0)) == 500


def test_what_a_run_that_goes_on_must_share_are_weights_settings_and_architectures():
    pair = pool_pair(np.zeros((1, 2, 2, 1), np.float32), (0.0, 255.0))
    others = pair.replace(critic=Net(pair.critic.params, lambda p, x: 2 * x[:, 0, 0, 0])), pair.replace(classes=None)
    known = pair_digest(pair, {"steps": 1})
    assert pair_digest(others[0], {"steps": 1}) != known == pair_digest(others[1], {"steps": 1})
    assert pair_digest(pair, {"steps": 2}) != known
