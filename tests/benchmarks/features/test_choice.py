"""Which net judges: evidence decides, the name does not, and every choice says why."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.features import SelfSupervised, choose
from pairs import InputError
from pairs.io.images import read_images

FEW = SelfSupervised(steps=1, batch=8)


@pytest.fixture(scope="module")
def digits(data_root) -> np.ndarray:
    x = read_images(data_root / "mnist", "train").x
    return x[np.random.default_rng(0).permutation(len(x))[:600]]


@pytest.mark.slow
@pytest.mark.parametrize(("judge", "net"), [(False, "mnist-classifier-a"), (True, "mnist-classifier-b")])
def test_real_digits_are_judged_by_the_net_of_digits_whatever_their_name(digits, judge, net):
    found = choose("auto", (28, 28, 1), data=digits, data_name="fashion", judge=judge)
    assert (found.kind, found.features.name) == ("bundled", net) and found.decides
    assert "agree" in found.reason and found.fits[0].net == net
    assert found.fits[0].rho < 0.05 < 0.5 < found.fits[1].rho


@pytest.mark.slow
def test_digits_upside_down_are_not_judged_by_the_net_of_digits(digits, tmp_path):
    found = choose("auto", (28, 28, 1), data=digits[:, ::-1, ::-1], data_name="mnist", folder=tmp_path, settings=FEW)
    assert found.kind == "self-supervised" and found.decides
    assert "does not fit the data" in found.reason and "without labels" in found.reason


@pytest.mark.slow
def test_unknown_grey_images_without_a_folder_are_only_warned_about():
    x = np.random.default_rng(0).integers(0, 256, (600, 28, 28, 1), dtype=np.uint8)
    found = choose("auto", (28, 28, 1), data=x, data_name="mnist")
    assert found.kind == "random" and not found.decides and "does not fit" in found.reason
    nothing = choose(None, (28, 28, 1))
    assert nothing.kind == "random" and "neither data nor samples" in nothing.reason


@pytest.mark.slow
def test_samples_serve_as_evidence_where_there_are_no_data(digits):
    grey = digits.astype(np.float32) * 0.95
    found = choose("auto", (28, 28, 1), samples=grey.astype(np.uint8))
    assert found.features.name == "mnist-classifier-a" and "weaker evidence" in found.reason
    few = choose("auto", (28, 28, 1), samples=digits[:100])
    assert few.kind == "random" and "too few" in few.reason


@pytest.mark.slow
def test_images_of_a_size_without_a_bundled_net_get_a_net_of_their_own_and_a_judge_gets_another(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 12, 10, 3), dtype=np.uint8)
    net, judge = (choose("auto", (12, 10, 3), data=x, folder=tmp_path, settings=FEW, judge=j) for j in (False, True))
    assert net.kind == judge.kind == "self-supervised" and net.features.sha256 != judge.features.sha256
    assert net.features(x[:2]).shape == (2, net.features.dim)


def test_a_named_net_is_taken_as_asked_for_and_random_features_by_name():
    assert choose("mnist-classifier-b", (28, 28, 1)).kind == "named"
    found = choose("random", (64, 64, 3))
    assert found.kind == "random" and "as asked for" in found.reason


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(InputError, match="data"):
        choose("self-supervised", (28, 28, 1))
    with pytest.raises(InputError, match="shape"):
        choose("auto", (28, 28, 1), data=np.zeros((9, 28, 28, 3), np.uint8))
    with pytest.raises(InputError, match="neither bundled"):
        choose("nothing-of-that-name", (28, 28, 1))
