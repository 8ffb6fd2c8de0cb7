"""Figures beside the table: without the bias of few samples, and with a look for copies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import reference_from
from benchmarks.further_figures import further_figures, say_further


class Pixels:
    """Four pixels as features, and as the logits of classes."""

    name, dim, sha256, card = "pixels", 4, "", {"classes": 4}

    def __call__(self, x):
        return x.reshape(len(x), -1).astype(np.float32)

    def logits(self, x):
        return self(x) / 8


def images(rng, n, mean=100.0):
    return np.clip(rng.normal(mean, 20, (n, 2, 2, 1)), 0, 255).astype(np.uint8)


def test_the_extrapolated_distance_of_equal_laws_is_nearer_to_zero_than_that_of_few_samples() -> None:
    rng = np.random.default_rng(0)
    reference = reference_from(Pixels(), images(rng, 20_000))
    found = further_figures(Pixels(), images(rng, 400), images(rng, 400, 110.0), reference, 0)["fid_infinity"]
    assert abs(found["before"]) < 8 and found["after"] == pytest.approx(4 * 10**2, rel=0.2)


def test_copies_of_real_images_lie_nearer_to_them_than_real_images_to_each_other() -> None:
    rng = np.random.default_rng(0)
    real = images(rng, 300)
    found = further_figures(Pixels(), images(rng, 100), real[:100], reference_from(Pixels(), real), 0)
    near = found["nearest"]
    assert near["after"] == 0 and near["before"] == pytest.approx(near["real"], rel=0.25)
    assert 1 < found["inception_score"]["before"] < 4
    said = say_further(found, "FD")
    assert len(said) == 3 and said[-1].endswith("Samples so much nearer may be copies.")


def test_what_cannot_be_measured_is_left_out() -> None:
    rng = np.random.default_rng(0)
    net = Pixels()
    net.card = {}
    found = further_figures(net, images(rng, 8), images(rng, 8), reference_from(net, images(rng, 50)), 0)
    assert set(found) == {"nearest"} and len(say_further(found, "FD")) == 1
