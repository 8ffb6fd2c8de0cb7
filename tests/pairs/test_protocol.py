"""A pair says what it is in a few lines; labels are asked for; score kinds are checked."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import pairs
from pairs import InputError, make_pair
from pairs.sequential.spec import init_sequential

EMBED = {"layer": "concatenate", "branches": [[], [{"layer": "embed", "classes": 3, "out": 2}]]}
SCORE = [
    {"layer": "flatten"},
    {"layer": "add", "branches": [[{"layer": "dense", "out": 1}], [{"layer": "projection", "classes": 3}]]},
    {"layer": "squeeze"},
]


def _conditional() -> pairs.Pair:
    layers = [EMBED, {"layer": "dense", "out": 4}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 2, 2]}]
    generator = init_sequential(jax.random.key(0), layers, (5,))
    critic = init_sequential(jax.random.key(1), SCORE, (2, 2, 1))
    return make_pair(
        generator,
        critic,
        pairs.Uniform((5,), -2.0, 3.0),
        sample_range=(-1, 1),
        critic_kind="least_squares",
        classes=3,
        record=pairs.Record(name="labels", license="MIT"),
    )


@pytest.mark.slow
def test_a_conditional_pair_needs_labels_and_uses_them() -> None:
    pair = _conditional()
    z = pair.prior.sample(jax.random.key(0), 4)
    assert np.ptp(z, axis=None) > 2  # the bounds of the prior are those given
    one, other = (pair.generate(z, np.full(4, y)) for y in (0, 1))
    assert np.abs(one - other).max() > 1e-3
    assert np.abs(pair.score(one, np.zeros(4, int)) - pair.score(one, np.ones(4, int))).max() > 1e-3
    with pytest.raises(InputError, match="labels: are missing for a net with 3 classes"):
        pair.generate(z)


def test_print_says_what_a_pair_is_in_a_few_lines() -> None:
    text = str(_conditional())
    assert text.splitlines() == [
        "pair 'labels': samples 2 x 2 x 1, in [-1, 1], 3 classes",
        "  prior      uniform (shape (5,), low -2.0, high 3.0)",
        "  generator  sequential net of 38 parameters",
        "  critic     sequential net of 17 parameters, least_squares",
        "  license    MIT",
    ]
    assert repr(_conditional()) == text


def test_a_least_squares_critic_is_no_ratio_until_it_is_calibrated() -> None:
    pair = _conditional()
    with pytest.raises(InputError, match="only a logit can be calibrated"):
        pair.replace(calibrated=True)
    with pytest.raises(InputError, match="use one of wasserstein, logit, energy, least_squares"):
        pair.replace(critic_kind="hinge")
    with pytest.raises(InputError, match="critic_kind: is missing"):
        pair.replace(critic_kind=None)


def test_a_classifier_travels_with_the_pair_and_is_checked() -> None:
    pair = _conditional()
    wrong, right = (
        init_sequential(jax.random.key(2), [{"layer": "flatten"}, {"layer": "dense", "out": n}], (2, 2, 1))
        for n in (2, 3)
    )
    pairs.check_pair(pair.replace(classifier=right))
    with pytest.raises(InputError, match="classifier"):
        pairs.check_pair(pair.replace(classifier=wrong))


def test_functions_that_were_not_wrapped_are_refused_with_what_wraps_them() -> None:
    generate, score = lambda p, z: z @ p, lambda p, x: x @ p
    prior = pairs.Normal((2,))
    with pytest.raises(InputError, match=r"generator: is a function, not .*; wrap it: pairs.wrap\(generator\)"):
        make_pair(generate, score, prior, sample_range=None, critic_kind="logit")
    net = pairs.wrap(generate, np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match="critic: is a function"):
        make_pair(net, score, prior, sample_range=None, critic_kind="logit")


def test_a_pair_without_a_critic_passes_its_checks() -> None:
    pair = _conditional()
    alone = make_pair(pair.generator, None, pair.prior, sample_range=(-1, 1), critic_kind=None, classes=3)
    assert not alone.has_critic and pair.has_critic
    doubled = jax.tree.map(lambda a: 2 * a, alone)
    assert not doubled.has_critic and doubled.critic_kind is None


def test_names_and_words_of_a_strangers_record_reach_no_terminal_as_they_are() -> None:
    net = pairs.wrap(lambda params, z: z, ())
    record = pairs.Record(name="red\x1b[31m", license="\x1b[2J", source="a\nb")
    pair = pairs.make_pair(net, None, pairs.Normal((2,)), sample_range=None, critic_kind=None, record=record)
    assert pair.name == "red\\x1b[31m" and all(line.isprintable() for line in repr(pair).splitlines())
    assert "a\\nb" in repr(pair)
