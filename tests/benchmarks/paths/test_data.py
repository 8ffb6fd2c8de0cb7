"""Real images of a path keep their classes through the shuffle and the cut."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import numpy as np
import pytest

import benchmarks.paths.data as data
from pairs import InputError


class Images(SimpleNamespace):
    def __len__(self):
        return len(self.x)


def test_labels_go_with_their_images(monkeypatch):
    labels = np.arange(1000) % 5
    x = np.broadcast_to(labels.astype(np.uint8)[:, None, None, None], (1000, 2, 2, 1))
    monkeypatch.setattr(data, "read_data", lambda *args, **more: Images(x=x, labels=labels, name="five"))
    monkeypatch.setattr(data, "image_range", lambda pair: (0.0, 255.0))
    pair = SimpleNamespace(sample_shape=(2, 2, 1), sample_range=(0.0, 255.0), classes=5)
    found = data.read_path_data(argparse.Namespace(data="x", seed=3), pair)
    np.testing.assert_allclose(found.train[:, 0, 0, 0], found.labels, atol=1e-4)  # float32 of 0 to 4
    assert set(found.of_class(2).ravel()) == {2} and len(found.of_class(None)) == len(found.real)
    assert sum(len(found.of_class(k)) for k in range(5)) == len(found.real) == 400


def test_data_for_a_pair_of_points_are_refused_with_what_to_do():
    pair = SimpleNamespace(sample_shape=(2,), sample_range=None, classes=None)
    with pytest.raises(InputError, match="leave it out"):
        data.read_path_data(argparse.Namespace(data="x", seed=0), pair)
