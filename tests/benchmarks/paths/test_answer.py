"""Which path is the answer: by the least certain interior frame, in a net that took part."""

from __future__ import annotations

import numpy as np
import pytest

import benchmarks.paths.answer
from benchmarks.paths.answer import choose_answer, least_confidence

SPAN = (-1.0, 1.0)


class Brightness:
    """Two classes, dark and bright; a grey image is as likely one as the other."""

    def logits(self, x):
        s = 8.0 * (x.reshape(len(x), -1).mean(axis=1) / 127.5 - 1)
        return np.stack([s, -s], axis=1)


def path(*levels):
    return np.stack([np.full((2, 2, 1), v, np.float32) for v in levels])[None]


@pytest.fixture
def answer(monkeypatch):
    monkeypatch.setattr(benchmarks.paths.answer, "load_features", lambda name: Brightness())
    return lambda geodesic, steers=True, by_hand=False, name="net": choose_answer(
        {"classifier": {"choice": name}}, {"slerp": path(-1, 0.3, 1), "geodesic": geodesic}, SPAN, steers, by_hand
    )


def test_the_least_certain_interior_frame_counts_and_ends_do_not():
    # logits of 8 s and -8 s have confidence 1 / (1 + exp(-16 |s|)); bytes round s by at most 0.004
    found = least_confidence(Brightness(), np.concatenate([path(0, 1, 0.25, 0), path(1, -1, -0.5, 1)]), SPAN)
    np.testing.assert_allclose(found, 1 / (1 + np.exp([-4.0, -8.0])), atol=2e-3)


def test_slerp_is_the_answer_where_its_frames_are_surer(answer):
    worse, better = answer(path(-1, 0.1, 1)), answer(path(-1, 0.6, 1))
    assert (worse["choice"], better["choice"]) == ("slerp", "geodesic")
    assert worse["least_confidence"]["geodesic"] < worse["least_confidence"]["slerp"]


def test_without_critic_by_request_the_answer_is_the_plain_geodesic():
    paths = {"slerp": path(-1, 0.3, 1), "plain": path(-1, 0, 1)}
    assert choose_answer({}, paths, SPAN, False, True, plain=True)["choice"] == "plain"


def test_without_evidence_and_by_hand_nothing_is_compared(answer):
    blurred = path(-1, 0.0, 1)
    assert answer(blurred, by_hand=True)["choice"] == "geodesic"
    assert answer(blurred, name=None)["choice"] == "geodesic"
    assert answer(path(-1, 0.9, 1), steers=False)["choice"] == "slerp"
