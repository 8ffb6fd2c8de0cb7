"""Bad input is one InputError line or a flagged result, never NaN and never silence."""

from __future__ import annotations

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.result import outcome_of

QUICK = interp.GeodesicSettings(points=5, segments=8, evaluations=8, multiresolution=False, restarts=0, mode="none")


def _double(p, z):
    return 2 * z


def _first(p, x):
    return x[:, 0]


def _pair(prior=None, generator=_double, critic=_first):
    return pairs.make_pair(
        pairs.wrap(generator),
        pairs.wrap(critic),
        prior or pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


def _refused(field, call):
    with pytest.raises(pairs.InputError) as caught:
        call()
    assert caught.value.field == field, str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prior", [pairs.Uniform((2,)), pairs.Sphere((2,)), pairs.TruncatedNormal((2,))])
def test_ends_outside_the_support_are_refused(prior):
    inside = prior.sample(jax.random.key(0), 1)
    _refused("z1", lambda: interp.geodesic(_pair(prior), inside, inside * 7 + 7, settings=QUICK))


def test_nan_wrong_shape_and_unequal_numbers_of_ends_are_refused():
    good = jnp.zeros((1, 2))
    _refused("z0", lambda: interp.geodesic(_pair(), good * jnp.nan, good, settings=QUICK))
    _refused("z1", lambda: interp.geodesic(_pair(), good, jnp.zeros((1, 3)), settings=QUICK))
    _refused("z1", lambda: interp.geodesic(_pair(), good, jnp.zeros((2, 2)), settings=QUICK))
    _refused("z0", lambda: interp.geodesic(_pair(), jnp.zeros(2), good, settings=QUICK))
    _refused("initial", lambda: interp.geodesic(_pair(), good, good, settings=QUICK, initial=jnp.zeros((1, 3))))
    _refused("labels", lambda: interp.geodesic(_pair(), good, good, labels=[1], settings=QUICK))


def test_a_path_of_one_point_is_refused():
    _refused("points", lambda: interp.GeodesicSettings(points=1))
    _refused("path", lambda: interp.diagnose(interp.Metric(_pair(), mode="none"), jnp.zeros((1, 1, 2))))


@pytest.mark.parametrize(
    "field, value",
    [
        ("mode", "no"),
        ("solver", "no"),
        ("keep", "no"),
        ("strength", -1.0),
        ("radial", float("nan")),
        ("modes", 99),
        ("resample", "no"),
        ("batch", 0),
    ],
)
def test_bad_settings_name_their_field(field, value):
    _refused(field, lambda: interp.GeodesicSettings(**{field: value}))


def test_node_solvers_refuse_what_they_cannot_do():
    ends = jnp.zeros((1, 2)), jnp.ones((1, 2))
    additive = dataclasses.replace(QUICK, solver="georce", mode="additive")
    _refused("solver", lambda: interp.geodesic(_pair(), *ends, settings=additive))
    boxed = _pair(pairs.Uniform((2,)))
    settings = dataclasses.replace(QUICK, solver="gauss-newton")
    _refused("solver", lambda: interp.geodesic(boxed, jnp.zeros((1, 2)), jnp.ones((1, 2)) / 2, settings=settings))
    _refused(
        "keep",
        lambda: interp.geodesic(
            _pair(), jnp.zeros((1, 2)), jnp.ones((1, 2)), settings=dataclasses.replace(QUICK, keep="box")
        ),
    )


def _narrow(p, x):
    return x @ jnp.ones(5)


def test_a_pair_without_a_critic_has_the_paths_that_need_none_and_scores_that_are_nan():
    a, b = jnp.asarray([[0.0, 1.0]]), jnp.asarray([[3.0, -3.0]])
    alone = _pair().replace(critic=pairs.Net((), pairs.NoCritic()), critic_kind=None)
    found = interp.compare(alone, a, b, settings=dataclasses.replace(QUICK, solver="gauss-newton"))
    told = found.diagnostics["geodesic"]
    np.testing.assert_allclose(told.length, [10.0], rtol=1e-5)  # twice the distance of the ends, summed in float32
    assert np.isnan(told.critic).all() and np.isnan(told.below_floor).all() and np.isnan(found.cross_fade_critic).all()
    with pytest.raises(pairs.InputError, match='critic: is missing: .*; use mode="none", or make one with'):
        interp.geodesic(alone, a, b, settings=dataclasses.replace(QUICK, mode="conformal"), weight=lambda s: s)


def test_a_critic_for_other_samples_is_refused_in_one_line():
    good = jnp.zeros((1, 2))
    _refused("critic", lambda: interp.geodesic(_pair(critic=_narrow), good, good + 1, settings=QUICK))
    _refused("features", lambda: interp.geodesic(_pair(), good, good + 1, settings=QUICK, features=pairs.wrap(_narrow)))


def _three_kinds(p, z, label):
    """Class 0 doubles, class 1 is collapsed, class 2 returns NaN away from the origin."""
    kinds = jnp.stack([2 * z, jnp.ones_like(z), jnp.where(jnp.abs(z) > 1, jnp.nan, z)])
    return kinds[label, jnp.arange(len(label))]


def _first_of(p, x, label):
    return x[:, 0]


@pytest.fixture(scope="module")
def odd():
    """One batch: identical ends, an ordinary pair, a collapsed generator, one that returns NaN twice (once unseen)."""
    pair = pairs.make_pair(
        pairs.wrap(_three_kinds),
        pairs.wrap(_first_of),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        classes=3,
        check=False,
    )
    z0 = [[0.3, -0.2], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    z1 = [[0.3, -0.2], [3.0, 4.0], [1.0, 1.0], [3.0, 3.0], [0.5, 0.5]]
    return interp.geodesic(pair, z0, z1, settings=QUICK, labels=np.array([0, 0, 1, 2, 2]))


@pytest.mark.slow
def test_identical_ends_give_a_constant_path_without_nan(odd):
    assert odd.flags.identical.tolist() == [True, False, False, False, False]
    assert bool(odd.flags.converged[0])
    # (1 - t) a + t a rounds in the last place, unless the compiler fuses it
    np.testing.assert_array_max_ulp(odd.path[0], np.broadcast_to(np.float32([0.3, -0.2]), (5, 2)), maxulp=1)
    for leaf in (odd.energy, odd.length, odd.diagnostics.speed_ratio, odd.diagnostics.detour, odd.path):
        assert np.all(np.isfinite(leaf[0]))
    assert float(odd.length[0]) == 0.0


@pytest.mark.slow
def test_a_collapsed_generator_is_flagged_and_keeps_its_line(odd):
    assert odd.flags.degenerate.tolist() == [False, False, True, False, False]
    assert np.all(np.isfinite(odd.path)) and np.all(np.isfinite(odd.t))
    np.testing.assert_allclose(odd.path[2, :, 0], np.linspace(0, 1, 5), atol=1e-5)


@pytest.mark.slow
def test_a_generator_that_returns_nan_is_flagged_and_spoils_no_other_pair(odd):
    assert odd.flags.failed.tolist() == [False, False, False, True, False]
    assert not bool(odd.flags.converged[3])
    assert float(odd.length[1]) == pytest.approx(10.0, rel=1e-5)


def test_every_path_says_in_words_what_happened_to_it(odd):
    kinds = [interp.Outcome(int(code)) for code in odd.outcome]
    assert kinds[0] == interp.Outcome.IDENTICAL and kinds[2] == interp.Outcome.DEGENERATE
    assert kinds[3] == interp.Outcome.FAILED and kinds[1] == interp.Outcome.CONVERGED
    assert odd.messages() == [interp.MESSAGES[kind] for kind in kinds]
    assert set(interp.MESSAGES) == set(interp.Outcome)


def test_the_outcome_is_the_gravest_flag_and_without_one_the_solver_has_not_converged():
    """Rows with one flag each, then a jump that fell back, then none."""
    order = ["failed", "identical", "degenerate", "fell_back", "jumped", "converged"]
    flags = interp.Flags(**{name: jnp.zeros(8, bool) for name in interp.Flags._fields})
    rows = {name: getattr(flags, name).at[i].set(True) for i, name in enumerate(order)}
    rows["fell_back"], rows["jumped"] = rows["fell_back"].at[6].set(True), rows["jumped"].at[6].set(True)
    found = [interp.Outcome(int(code)).name.lower() for code in outcome_of(flags._replace(**rows))]
    assert found == [*order, "fell_back", "not_converged"]


def test_a_report_names_the_settings_as_before():
    record = interp.GeodesicSettings().to_dict()
    assert record["calibration"] == {"samples": 2000, "shape": "barrier", "ratio": 10.0, "damp": True}
    assert record["solver"] == "lbfgs" and json.loads(json.dumps(record)) == record
