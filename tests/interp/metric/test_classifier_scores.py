"""Critics that ask a classifier: closed forms, a path between classes, bad input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
from pairs import InputError, Normal, make_pair, wrap


def _same(p, z):
    return z


LOGITS = np.asarray([[4.0, 0.0], [0.0, 0.0], [-1.0, 1.0]], np.float32)


def _asked(strength: float):
    """Scores 1, -1, 3 and logits as above for samples 0, 1, 2."""
    pair = make_pair(
        wrap(_same),
        wrap(lambda p, x: jnp.asarray([1.0, -1.0, 3.0])[x[:, 0].astype(int)]),
        Normal((1,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    own = interp.weigh(pair, latents=[[0.0], [1.0], [2.0]])
    net = wrap(lambda p, x: jnp.asarray(LOGITS)[x[:, 0].astype(int)])
    return own, interp.with_classifier(pair, net, own, strength=strength)


@pytest.mark.slow
def test_the_score_is_minus_badness_minus_the_lack_of_confidence() -> None:
    """Midpoints cut to whole numbers are scores too, so median and quantile are read from the path_weight."""
    own, asked = _asked(2.5)
    high, low = (own.statistics["quantiles_generated"][k] for k in ("0.5", "0.05"))
    badness = np.log1p(np.exp(4 * (high - np.asarray([1.0, -1.0, 3.0])) / (high - low))) / 4
    sure = np.exp(LOGITS).max(1) / np.exp(LOGITS).sum(1)
    found = asked.score(jnp.asarray([[0.0], [1.0], [2.0]]))
    np.testing.assert_allclose(found, -badness - 2.5 * (1 - sure), rtol=1e-5)


@pytest.mark.slow
def test_nothing_scores_above_good_enough() -> None:
    _, asked = _asked(2.5)
    assert float(asked.score(jnp.asarray([[2.0]]))[0]) < 0


@pytest.mark.slow
def test_a_path_between_classes_crosses_where_the_classifier_is_sure_soonest() -> None:
    """Logits ``6 x y^2``: at y = 0 both classes look alike all the way, the transition narrows with y. The pair's own
    critic hardly minds where a path goes."""
    pair = make_pair(
        wrap(_same),
        wrap(lambda p, x: -0.01 * jnp.sum(x**2, axis=1)),
        Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    net = wrap(lambda p, x: 6 * (x[:, 0] * x[:, 1] ** 2)[:, None] * jnp.asarray([-1.0, 1.0]))
    ends = jnp.asarray([[-1.5, 0.3]]), jnp.asarray([[1.5, 0.3]])
    nodes = jax.random.normal(jax.random.key(0), (200, 2))
    asked = interp.with_classifier(pair, net, interp.weigh(pair, latents=nodes), strength=10.0)
    settings = interp.GeodesicSettings(
        points=15, segments=16, evaluations=20, multiresolution=False, restarts=0, keep="free"
    )
    path_weight = interp.weigh(asked, latents=nodes)
    metric, _ = interp.make_metric(asked, settings, weight=path_weight)
    start = interp.neighbour_graph(metric, nodes).start(*ends, settings.mode_count)
    path = interp.geodesic(asked, *ends, settings=settings, weight=path_weight, initial=start).path[0]
    crossing = float(jnp.interp(0.0, path[:, 0], path[:, 1]))
    assert crossing > 0.8  # the line crosses at 0.3; the way there and back costs more than it gains beyond 2


@pytest.mark.filterwarnings("ignore:critic")
@pytest.mark.parametrize(
    "net, strength, field",
    [
        (lambda p, x: x[:, :1], 1.0, "classifier"),
        (lambda p, x: x[:, 0], 1.0, "classifier"),
        (lambda p, x: x @ jnp.ones((5, 2)), 1.0, "classifier"),
        (lambda p, x: x @ jnp.ones((1, 2)), 0.0, "strength"),
    ],
)
def test_a_classifier_that_does_not_fit_is_named(net, strength, field) -> None:
    pair = make_pair(
        wrap(_same), wrap(lambda p, x: x[:, 0]), Normal((1,)), sample_range=None, critic_kind="energy", check=False
    )
    with pytest.raises(InputError, match=field):
        interp.with_classifier(pair, wrap(net), interp.weigh(pair), strength=strength)


@pytest.mark.filterwarnings("ignore:critic")
def test_calibration_on_latents_scores_those_and_their_midpoints() -> None:
    """Uniform on [10, 14]: quantiles of the ends are those of the uniform, of midpoints those of the triangle."""
    pair = make_pair(
        wrap(_same), wrap(lambda p, x: x[:, 0]), Normal((1,)), sample_range=None, critic_kind="energy", check=False
    )
    found = interp.weigh(pair, latents=np.linspace(10, 14, 1001, dtype=np.float32)[:, None]).statistics
    # standard error of a quantile of 2,000: sqrt(.05 * .95 / 2,000) / density = 0.02 and, at the triangle's, 0.03
    assert found["quantiles_generated"]["0.05"] == pytest.approx(10.2, abs=0.1)
    assert found["quantiles_midpoints"]["0.05"] == pytest.approx(10 + 4 * np.sqrt(0.05 / 2), abs=0.1)
    with pytest.raises(InputError, match="latents"):
        interp.weigh(pair, latents=[[1.0, 2.0]])
