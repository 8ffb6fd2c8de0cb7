"""What the commands share: folds of the data."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks import folds
from benchmarks.features import load_features as bundled
from benchmarks.features.point_features import point_features
from benchmarks.folds import folds_of
from benchmarks.inputs import classifier_of, run_digest
from benchmarks.judges import judge_for
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


def test_images_beyond_the_default_limit_are_a_fold_of_their_own_unless_a_limit_is_given(tmp_path, monkeypatch):
    x, y = np.arange(600), np.arange(600) % 10
    pixels = np.stack([x // 256, x % 256], axis=1).astype(np.uint8).reshape(600, 1, 2, 1)
    np.savez(tmp_path / "train.npz", x=pixels, y=y)
    monkeypatch.setattr(folds, "MOST_IMAGES", 500)
    pair = pool_pair(np.zeros((1, 1, 2, 1), np.float32), (0.0, 255.0)).replace(classes=10)
    given = dict(data=str(tmp_path), split=None, array=None, seed=3)
    _, images, labels = folds.folds_of(argparse.Namespace(**given, limit=None), pair, (0.6, 0.4), rest=True)
    assert [len(v) for v in images] == [300, 200, 100]
    numbers = [(v[:, 0, 0, 0] * 256 + v[:, 0, 1, 0]).astype(int) for v in images]
    assert sorted(np.concatenate(numbers)) == list(range(600))
    assert all((own == n % 10).all() for own, n in zip(labels, numbers, strict=True))
    _, images, _ = folds.folds_of(argparse.Namespace(**given, limit=600), pair, (0.6, 0.4), rest=True)
    assert [len(v) for v in images] == [360, 240, 0]


def test_what_a_run_that_goes_on_must_share_are_weights_settings_and_architectures():
    pair = pool_pair(np.zeros((1, 2, 2, 1), np.float32), (0.0, 255.0))
    others = pair.replace(critic=Net(pair.critic.params, lambda p, x: 2 * x[:, 0, 0, 0])), pair.replace(classes=None)
    known = run_digest(pair, {"steps": 1})
    assert run_digest(others[0], {"steps": 1}) != known == run_digest(others[1], {"steps": 1})
    assert run_digest(pair, {"steps": 2}) != known


def test_a_classifier_serves_where_it_knows_the_labels_and_not_with_another_order_of_classes():
    x, y = np.eye(10, dtype=np.float32).reshape(10, 2, 5, 1), np.arange(10)
    reads = Net(None, lambda p, x: x.reshape(len(x), -1))
    pair = pool_pair(x, (0.0, 1.0)).replace(classes=10, classifier=reads)
    net = bundled("mnist-classifier-a")
    assert classifier_of(pair, net, x, y) is reads
    assert classifier_of(pair, net, x, (y + 1) % 10) is None
    # eight of ten are enough, seven are not
    assert classifier_of(pair, net, x, np.where(y < 8, y, 0)) is reads
    assert classifier_of(pair, net, x, np.where(y < 7, y, 0)) is None
    assert classifier_of(pair.replace(classes=None, classifier=None), net, x, None) is None


def test_a_judge_measures_against_the_real_rows_it_is_given_though_it_remembers_the_last_ones():
    rng = np.random.default_rng(0)
    near, far = rng.standard_normal((300, 2)), 3 + rng.standard_normal((300, 2))
    judge = judge_for(point_features(np.concatenate([near, far])), pool_pair(near))
    rows = {name: judge.features(x) for name, x in (("near", near), ("far", far))}
    for name in ("near", "far", "near"):
        other = "far" if name == "near" else "near"
        # of equal rows the distance is rounding
        assert judge.distance(rows[name], rows[name]) < 1e-6 < judge.distance(rows[other], rows[name])
