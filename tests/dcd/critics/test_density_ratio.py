"""Calibration: the fitted logit is the log density ratio, and the report can tell when it is not."""

from __future__ import annotations

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints.store import load_pair, save_pair
from dcd.critics.density_ratio import log_ratio, require_ratio
from dcd.critics.isotonic_map import fit_isotonic
from dcd.critics.logistic_map import fit_logistic
from dcd.critics.ratio_calibration import calibrate
from dcd.critics.reliability_curve import reliability, weights_ess
from pairs import Architecture, InputError, Normal, Pair, Record, build, make_pair, wrap
from pairs.ranking import auc
from pairs.sequential.spec import init_sequential

# Data N(1, 1), generator N(0, 1): d(x) = x - 1/2 exactly. The critic says 3 + 4 d.
SHIFT, SLOPE = 3.0, 4.0


def _identity(params, z):
    return z


def _critic(params, x):
    return params["offset"] + params["slope"] * (x[:, 0] - 0.5)


def _bent(params, x):
    return jnp.sinh(x[:, 0] - 0.5)  # d = arcsinh(score): no affine map calibrates it


def _features(params, x):
    return x


def _pair(critic=_critic, slope=SLOPE, kind="wasserstein", **more) -> Pair:
    params = {"offset": jnp.asarray(SHIFT), "slope": jnp.asarray(slope)}
    return make_pair(
        wrap(_identity, {}), wrap(critic, params), Normal((1,)), sample_range=None, critic_kind=kind, **more
    )


def _real(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, 1.0, (n, 1)).astype(np.float32)


def test_logistic_fit_recovers_the_log_density_ratio_of_two_gaussians():
    result, report = calibrate(_pair(), _real(20000), jax.random.key(0))
    x = jnp.asarray([[-1.0], [0.5], [2.0]])
    # standard error of the slope in d units is about 1/sqrt(n_fit * 0.2) = 0.016; 4 of them, times |d| <= 1.5
    np.testing.assert_allclose(np.asarray(result.score(x)), [-1.5, 0.0, 1.5], atol=0.12)
    assert report.scale == pytest.approx(1 / SLOPE, rel=0.07)
    assert result.critic_kind == "logit" and result.calibrated


def test_unequal_counts_do_not_shift_the_balanced_logit():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(1, 1, 4000), rng.normal(0, 1, 40000)
    a, b = fit_logistic(real, fake)
    # unweighted, b would be off by log(1/10) = -2.3; 4 standard errors are about 0.15
    assert a == pytest.approx(1.0, abs=0.12) and b == pytest.approx(-0.5, abs=0.15)
    report = reliability(real - 0.5, fake - 0.5)
    assert abs(report.z_statistic) < 4


def test_z_statistic_of_a_perfect_critic_is_standard_normal():
    rng = np.random.default_rng(2)
    z = [reliability(rng.normal(1, 1, 500) - 0.5, rng.normal(0, 1, 500) - 0.5).z_statistic for _ in range(400)]
    # Counts per class are fixed here, so the labels vary less than by coin flips and Var Z = E p(1-p)
    # stratified, below 1; the mean is 0 within 4/sqrt(400).
    assert abs(np.mean(z)) < 0.2 and 0.3 < np.std(z) < 1.1


def test_z_statistic_finds_a_critic_that_is_off_by_a_constant():
    rng = np.random.default_rng(3)
    assert reliability(rng.normal(1, 1, 2000) + 0.5, rng.normal(0, 1, 2000) + 0.5).z_statistic < -8


def test_report_measures_of_the_exact_ratio_match_their_closed_forms():
    _, report = calibrate(_pair(), _real(20000), jax.random.key(4))
    # AUC = Phi(1/sqrt 2) = 0.7602; E_q e^d = 1; E_q e^{2d} = e, so ESS = 1/e = 0.368
    assert report.after.auc == pytest.approx(0.7602, abs=0.015)
    assert report.after.mean_weight == pytest.approx(1.0, abs=0.08)
    assert report.after.ess == pytest.approx(math.exp(-1), abs=0.06)
    assert abs(report.after.z_statistic) < 4 and report.after.ece < 0.03
    assert report.before.ece > 0.1  # the raw score is badly off, and the report says so
    assert report.warnings == () and json.dumps(report.to_dict())


def test_reliability_table_bins_add_up_and_follow_the_diagonal():
    _, report = calibrate(_pair(), _real(20000), jax.random.key(5))
    assert sum(row["count"] for row in report.after.table) == 2 * report.n_test
    for row in report.after.table:  # 2000 samples a bin: 4 standard errors are 0.045
        assert abs(row["predicted"] - row["observed"]) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("method", ["isotonic", "head"])
def test_bent_score_needs_more_than_an_affine_map(method):
    real, key = _real(12000), jax.random.key(6)
    _, straight = calibrate(_pair(_bent), real, key)
    result, better = calibrate(_pair(_bent), real, key, method)
    assert better.after.log_loss < straight.after.log_loss
    d = log_ratio(result, result.score(jnp.asarray([[-1.0], [0.5], [2.0]])))
    np.testing.assert_allclose(d, [-1.5, 0.0, 1.5], atol=0.35)  # isotonic steps hold some 200 samples each


@pytest.mark.slow
def test_head_uses_the_features_where_the_score_is_useless():
    pair = _pair(slope=0.0, features=wrap(_features, {}), check=False)
    _, blind = calibrate(pair, _real(2000), jax.random.key(7))
    result, seeing = calibrate(pair, _real(2000), jax.random.key(7), "head")
    assert blind.after.auc == 0.5 and seeing.after.auc > 0.73
    gradient = jax.jit(jax.grad(lambda x: result.score(x).sum()))(jnp.zeros((1, 1)))
    assert gradient[0, 0] > 0.5


def test_isotonic_fit_is_the_pooled_solution_of_a_worked_example():
    knots, logits = fit_isotonic(np.array([1.0, 3.0, 5.0]), np.array([0.0, 2.0, 4.0]))
    # in order 0 1 0 1 0 1 at scores 0..5: blocks {0}, {1, 2}, {3, 4}, {5} with means 0, 1/2, 1/2, 1;
    # equal neighbours are pooled
    np.testing.assert_allclose(knots, [0.0, 2.5, 5.0])
    edge = math.log(1 / 7)
    np.testing.assert_allclose(logits, [edge, 0.0, -edge], atol=1e-12)


def test_isotonic_fit_is_monotone_and_keeps_the_overall_rate():
    rng = np.random.default_rng(8)
    knots, logits = fit_isotonic(rng.normal(1, 1, 500), rng.normal(0, 1, 500))
    assert np.all(np.diff(knots) > 0) and np.all(np.diff(logits) > 0)


def test_isotonic_pair_keeps_a_gradient_and_survives_the_record():
    result, _ = calibrate(_pair(), _real(2000), jax.random.key(9), "isotonic")
    gradient = jax.jit(jax.grad(lambda x: result.score(x).sum()))(jnp.zeros((1, 1)))
    assert gradient[0, 0] == pytest.approx(1.0, abs=0.3)
    assert hash(result.record) == hash(Record(result.record.to_dict()))


def test_inverted_and_separating_critics_are_named_in_the_report():
    _, upside_down = calibrate(_pair(slope=-2.0), _real(2000), jax.random.key(10))
    assert any("upside down" in w for w in upside_down.warnings) and upside_down.scale < 0
    _, hopeless = calibrate(_pair(), _real(2000) + 50, jax.random.key(11))
    assert any("perfectly" in w for w in hopeless.warnings) and math.isfinite(hopeless.scale)


def test_same_key_gives_the_same_calibration_and_another_key_another():
    a, b, c = (calibrate(_pair(), _real(500), jax.random.key(k))[1].scale for k in (1, 1, 2))
    assert a == b != c


@pytest.mark.slow
@pytest.mark.parametrize("method", ["logistic", "head", "isotonic"])
def test_calibrated_pair_comes_back_from_disk_bit_for_bit(tmp_path, method):
    layers = [{"layer": "dense", "out": 4}, {"layer": "tanh"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    critic = init_sequential(jax.random.key(0), layers, (1,))
    generator = init_sequential(jax.random.key(1), [{"layer": "dense", "out": 1}], (1,))
    pair = make_pair(generator, critic, Normal((1,)), sample_range=None, critic_kind="logit", check=False)
    result, _ = calibrate(pair, _real(200), jax.random.key(2), method)
    again = load_pair(save_pair(tmp_path / "pair", result))
    x = jnp.asarray(_real(5, 3))
    np.testing.assert_array_equal(np.asarray(again.score(x)), np.asarray(result.score(x)))
    np.testing.assert_array_equal(log_ratio(again, again.score(x)), log_ratio(result, result.score(x)))
    assert again.calibrated and again.record == result.record


def test_calibrating_twice_merges_the_affine_maps():
    once, _ = calibrate(_pair(), _real(500), jax.random.key(0))
    twice, report = calibrate(once, _real(500), jax.random.key(0))
    assert jax.tree.structure(once.critic.params) == jax.tree.structure(twice.critic.params)
    # the same samples were fitted already: the second map is the identity but for Platt's targets
    assert report.scale == pytest.approx(1.0, abs=0.02)


def test_uncalibrated_critic_is_refused_with_the_command_that_calibrates():
    with pytest.raises(InputError, match="python -m dcd adapt PAIR DATA"):
        require_ratio(_pair(), "rejection")
    with pytest.raises(InputError, match="uncalibrated 'logit'"):
        log_ratio(_pair(kind="logit"), np.zeros(2))


def _class_generator(params, z, labels):
    return z + 10.0 * labels[:, None]


def _class_critic(params, x, labels):
    return 2.0 * (x[:, 0] - 10.0 * labels - 0.5)


def test_conditional_pair_is_calibrated_with_the_labels_of_the_real_samples():
    pair = make_pair(
        wrap(_class_generator, {}),
        wrap(_class_critic, {}),
        Normal((1,)),
        sample_range=None,
        critic_kind="logit",
        classes=3,
        check=False,
    )
    labels = np.repeat([0, 2], 1000)
    real = _real(2000) + 10.0 * labels[:, None]
    _, report = calibrate(pair, real, jax.random.key(12), labels=labels)
    assert report.scale == pytest.approx(0.5, abs=0.1) and report.after.auc == pytest.approx(0.76, abs=0.06)
    with pytest.raises(InputError, match="labels: are missing"):
        calibrate(pair, real, jax.random.key(12))
    with pytest.raises(InputError, match="from 0 to 2"):
        calibrate(pair, real, jax.random.key(12), labels=labels + 1)


@pytest.mark.parametrize(
    "change, field",
    [
        (dict(method="guess"), "method"),
        (dict(real_x=np.zeros((4, 1))), "real_x"),
        (dict(real_x=np.zeros((64, 2))), "real_x"),
        (dict(real_x=np.full((64, 1), np.nan)), "real_x"),
        (dict(labels=np.zeros(64, int)), "labels"),
    ],
)
def test_bad_input_is_named(change, field):
    arguments = {"real_x": _real(64), **change}
    with pytest.raises(InputError) as error:
        calibrate(_pair(), arguments.pop("real_x"), jax.random.key(0), **arguments)
    assert error.value.field == field


def test_auc_and_ess_at_their_limits():
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auc(np.zeros(3), np.zeros(4)) == 0.5
    assert weights_ess(np.array([0.0, -1000.0, -1000.0, -1000.0])) == 0.25


def test_nested_architecture_names_an_unknown_inner_net():
    with pytest.raises(InputError, match="no-such-net"):
        build(Architecture("affine", Record(inner={"name": "no-such-net", "config": {}})))
