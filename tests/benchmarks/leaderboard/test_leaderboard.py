"""Equal budgets, resumption, and a ranking that is known, on pairs of two numbers."""

from __future__ import annotations

import collections
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pairs
from benchmarks.features.point_features import point_features
from benchmarks.leaderboard.board import METHODS, Halves, Protocol, leaderboard
from benchmarks.leaderboard.method import Contest, RealData, Training
from benchmarks.leaderboard.passes import Passes, prices
from benchmarks.leaderboard.trained import TRAINED

N, BATCH = 16, 16
WIDTH = 0.6
"""Standard deviation of the data; that of the generator's samples is 1."""
QUICK = Training(pool=64, critic_steps=2, flow_steps=1, flow_batch=64, contrast_rounds=2, contrast_batch=8)


def linear(p, z):
    return z @ p


def log_ratio(p, x):
    """Log density of N(0, p[0]^2) minus that of N(0, 1), by a product so that its operations count."""
    return 0.5 * jnp.sum(x * (x @ (p[1] * (1 - 1 / p[0] ** 2))), axis=1) - 2 * jnp.log(p[0])


def known_pair(generate=linear, score=log_ratio, dim=2):
    critic = pairs.wrap(score, (jnp.float32(WIDTH), jnp.eye(2)))
    net = pairs.wrap(generate, jnp.eye(dim, 2))
    made = pairs.make_pair(net, critic, pairs.Normal((dim,)), sample_range=None, critic_kind="logit", check=False)
    return made.replace(calibrated=True)


def real_points(n, seed):
    return (WIDTH * np.random.default_rng(seed).standard_normal((n, 2))).astype(np.float32)


DATA = RealData(real_points(256, 1), real_points(64, 2))

counted: collections.Counter[str] = collections.Counter()


def ticking(name, net):
    """The net, whose evaluations are counted by row: those under differentiation apart from the others."""

    def note(kind, x):
        jax.debug.callback(lambda: counted.update({f"{name} {kind}": len(x)}))
        return x

    @jax.custom_vjp
    def tick(x):
        return note("forward", x)

    tick.defvjp(lambda x: (note("gradient", x), None), lambda _, g: (g,))
    return lambda p, x: net(p, tick(x))


def detour(p, z):
    """``linear`` with a wide layer in between, so that a second critic and a flow are not dear beside it."""
    return jnp.repeat(z, 4096, axis=1) @ jnp.repeat(p, 4096, axis=0) / 4096


COUNTING = known_pair(ticking("generator", linear), ticking("critic", log_ratio))
# more than eight latents, for which flows have no splines, which take long to compile
WIDE = known_pair(ticking("generator", detour), ticking("critic", log_ratio), dim=9)


def passes_counted():
    jax.effects_barrier()
    each = {k: v / N for k, v in counted.items()}
    both = each.get("generator gradient", 0.0)
    return Passes(
        both,
        each.get("critic gradient", 0.0) - both,
        each.get("generator forward", 0.0),
        each.get("critic forward", 0.0),
    )


FAST = ("dcd-pixel", "ddls", "ex2", "i-sir", "mh-gan")
"""One of each kind; those that train first, and further presets, take longer to compile."""
EXACT = [
    pytest.param(m, id=m.name, marks=() if m.name in FAST else pytest.mark.slow)
    for m in METHODS
    if m.name not in ("drs", "obrs")
]
"""Methods whose passes do not depend on chance; rejection fills its batches with candidates that it does not use."""


@pytest.mark.parametrize("method", EXACT)
def test_passes_that_are_charged_are_those_that_are_made_and_fit_the_budget(method):
    budget, pair = 9.0, WIDE if method in TRAINED else COUNTING
    contest = Contest(pair, prices(pair), jax.random.key(0), DATA, BATCH, {("ddls", budget): 0.01}, training=QUICK)
    plan = method.plan(contest, budget)
    method.run(contest, plan.settings, method.values[0], N, 0)  # trains what is trained
    jax.effects_barrier()
    counted.clear()
    drawn = method.run(contest, plan.settings, method.values[0], N, 0)
    scored = len(DATA.held_x) / N if method.name == "mh-gan" else 0.0  # the real samples at which its chains start
    assert passes_counted() == drawn.passes._replace(flows=0.0) + Passes(critics=scored)
    assert plan.cost == pytest.approx(drawn.prices.cost(drawn.passes)) and plan.cost <= budget
    if method.name != "flow":  # one pass, whatever the budget
        assert plan.cost > budget - 7.5  # a round of Ex2, the largest unit that budgets are spent in


@pytest.mark.parametrize("name", ["obrs", "drs"])
def test_rejection_sees_as_many_candidates_on_average_as_the_budget_pays(name):
    """Two candidates, half a gradient each; the mean of 400 numbers whose spread is below 2: 20 % are four errors."""
    pair = known_pair()
    contest = Contest(pair, prices(pair), jax.random.key(0), DATA, 200)
    method = {m.name: m for m in METHODS}[name]
    plan = method.plan(contest, 1.0)
    drawn = method.run(contest, plan.settings, 1.0, 400, 0)
    assert plan.cost == pytest.approx(1.0) and drawn.prices.cost(drawn.passes) == pytest.approx(1.0, rel=0.2)


def test_the_critic_that_boosting_adds_makes_its_gradients_dearer():
    contest = Contest(WIDE, prices(WIDE), jax.random.key(0), DATA, BATCH, {("ddls", 9.0): 0.01}, training=QUICK)
    boosted, ddls = ({m.name: m for m in METHODS}[name].plan(contest, 9.0) for name in ("boosted", "ddls"))
    assert 1 <= boosted.settings["chain"]["steps"] < ddls.settings["chain"]["steps"]


def test_corrected_steps_are_left_out_with_a_reason_where_latents_lie_on_a_sphere():
    pair = known_pair().replace(prior=pairs.Sphere((2,)))
    contest = Contest(pair, prices(pair), jax.random.key(0), DATA)
    plans = {m.name: m.plan(contest, 20.0) for m in METHODS if m.name in ("ddls", "ddls-mala", "ex2", "obrs")}
    assert {k for k, v in plans.items() if v.settings is None} == {"ddls-mala", "ex2"}
    assert "sphere" in plans["ex2"].reason and plans["ddls-mala"].reason == plans["ex2"].reason


def halves():
    """Real points and random Fourier features of them."""
    real = real_points(4000, 3)
    chooser, judge = (point_features(real, "points", seed=seed) for seed in (0, 1))
    return Halves(chooser, real[:2000], judge, real[2000:])


TOY = [m for m in METHODS if m.name in ("dcd-latent", "obrs")]
PROTOCOL = Protocol((6.0,), n=400, tried=200, batch=200)


def test_the_exact_method_is_first_and_a_second_run_computes_nothing_anew(tmp_path):
    """At 6 gradients OBRS sees 12 candidates, more than M = 1 / 0.36: its law is that of the data."""
    toy = {"exact": known_pair()}
    found = leaderboard(toy, DATA, halves(), tmp_path, PROTOCOL, TOY)
    ranked = sorted(found["entries"], key=lambda e: e["fid"])
    assert [e["method"] for e in ranked][0] == "obrs"
    # two thirds of the way to the data at least, where a chain of five steps stays behind by more than the interval
    assert ranked[0]["gap"] > 0.66 and ranked[0]["like_best"] and not ranked[1]["like_best"]
    # of M candidates half a gradient each; the mean of 400 geometric numbers: 20 % are four standard errors
    assert ranked[0]["value"] == 1.0 and ranked[0]["spent"] == pytest.approx(0.5 / WIDTH**2, rel=0.2)
    assert 5.0 < ranked[1]["spent"] <= 6.0
    refuse = functools.partial(pytest.fail, "computed again")
    fixed = [dataclasses.replace(m, run=lambda *args: refuse()) for m in TOY]
    assert leaderboard(toy, DATA, halves(), tmp_path, PROTOCOL, fixed) == found
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        leaderboard(toy, DATA, halves(), tmp_path, PROTOCOL._replace(seed=1), fixed)
    kept[0].write_bytes(kept[0].read_bytes()[:-40])
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        leaderboard(toy, DATA, halves(), tmp_path, PROTOCOL, fixed)


def test_contrastive_divergence_carries_samples_to_the_data_whatever_scale_the_critic_had():
    """A ratio ten times too flat: its chain hardly moves until the critic is trained for it."""
    flat = known_pair(score=lambda p, x: 0.1 * log_ratio(p, x))
    training = Training(contrast_rounds=200, contrast_batch=64)
    contest = Contest(flat, prices(flat), jax.random.key(0), DATA, 400, training=training)
    method = {m.name: m for m in METHODS}["dcd"]
    plan = method.plan(contest, 20.0)
    assert plan.settings["chain"]["steps"] == 10 and plan.cost < 20.0  # a longer chain than it is trained for is none
    width = lambda rate: float(np.std(method.run(contest, plan.settings, rate, 400, 0).samples))
    # 400 draws of two coordinates: a standard deviation of 0.6 is known to 0.015
    assert width(1e-9) > 0.8 and width(0.02) == pytest.approx(WIDTH, abs=0.06)
    assert np.isnan(width(1e30))


def test_the_report_of_contrastive_divergence_keeps_the_step_of_its_chain_beside_the_learning_rate(tmp_path):
    method = [m for m in METHODS if m.name == "dcd"]
    quick = PROTOCOL._replace(n=40, tried=20, batch=20, training=QUICK)
    (entry,) = leaderboard({"exact": known_pair()}, DATA, halves(), tmp_path, quick, method)["entries"]
    assert entry["value"] in method[0].values and entry["knob"] == "learning rate"
    # 0.3 in units of the data's spread
    assert entry["settings"]["chain"]["step_size"] == pytest.approx(0.3 * WIDTH**2, rel=0.2)
