"""Figures beside the table: without the bias of few samples, and with a look for copies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import reference_from
from benchmarks.further_figures import class_shares, further_figures, say_further


class Pixels:
    """Four pixels as features, and as the logits of classes."""

    name, dim, sha256, card = "pixels", 4, "", {"classes": 4}

    def __call__(self, x):
        return x.reshape(len(x), -1).astype(np.float32)

    def logits(self, x):
        return self(x) / 8

    def logits_of(self, rows, x):
        return rows / 8


def figures(net, before, after, reference):
    sides = {"before": before, "after": after}
    return further_figures(net, sides, {side: net(x) for side, x in sides.items()}, reference, 0)


def images(rng, n, mean=100.0):
    return np.clip(rng.normal(mean, 20, (n, 2, 2, 1)), 0, 255).astype(np.uint8)


def test_the_extrapolated_distance_of_equal_laws_is_nearer_to_zero_than_that_of_few_samples() -> None:
    rng = np.random.default_rng(0)
    reference = reference_from(Pixels(), images(rng, 20_000))
    found = figures(Pixels(), images(rng, 400), images(rng, 400, 110.0), reference)["fid_infinity"]
    assert abs(found["before"]) < 8 and found["after"] == pytest.approx(4 * 10**2, rel=0.2)


def test_copies_of_real_images_lie_nearer_to_them_than_real_images_to_each_other() -> None:
    rng = np.random.default_rng(0)
    real = images(rng, 300)
    found = figures(Pixels(), images(rng, 100), real[:100], reference_from(Pixels(), real))
    near = found["nearest"]
    assert near["after"] == 0 and near["before"] == pytest.approx(near["real"], rel=0.25)
    assert 1 < found["inception_score"]["before"] < 4
    said = say_further(found, "FD")
    assert len(said) == 3 and said[-1].endswith("Samples so much nearer may be copies.")


def test_what_cannot_be_measured_is_left_out() -> None:
    rng = np.random.default_rng(0)
    net = Pixels()
    net.card = {}
    found = figures(net, images(rng, 8), images(rng, 8), reference_from(net, images(rng, 50)))
    assert set(found) == {"nearest"} and len(say_further(found, "FD")) == 1
    net.dim = 30  # of 60 images and fewer no line through FD can be drawn
    assert "fid_infinity" not in figures(net, images(rng, 60), images(rng, 60), reference_from(net, images(rng, 50)))
    bare = reference_from(net, images(rng, 50))._replace(rows=np.zeros((0, 4), np.float32))
    assert figures(net, images(rng, 8), images(rng, 8), bare) == {} and say_further({}, "FD") == []


def test_shares_of_classes_are_those_of_the_largest_logit_and_sum_to_one() -> None:
    x = np.zeros((8, 2, 2, 1), np.uint8)
    x.reshape(8, 4)[np.arange(8), [0, 0, 0, 0, 1, 1, 3, 3]] = 9
    found = class_shares(Pixels(), {"images": x})
    assert found == {"classes": {"images": [0.5, 0.25, 0.0, 0.25]}}
    assert say_further(found, "FD")[0].endswith("images 50 25 0 25.")
