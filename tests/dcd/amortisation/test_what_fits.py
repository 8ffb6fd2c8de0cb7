"""What can be amortised, and what an amortised pair keeps of the pair that it was made of."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from known_targets import ALONE, DDLS, known_pair, slope

import dcd
import pairs
from dcd.amortisation.amortised_pair import amortised_pair
from dcd.amortisation.objective import check_law
from pairs import InputError, Normal, Sphere, TruncatedNormal, Uniform
from pairs.flows.couplings import Flow


def test_the_original_pair_is_calibrated_only_while_it_has_the_critic_that_was():
    plain = known_pair(Normal((2,)), slope, jnp.ones(2)).replace(critic_kind="logit")
    flow = Flow(2, 1, 4)
    for calibrated in (True, False):
        pair = plain.replace(calibrated=calibrated)
        fast = amortised_pair(pair, flow, flow.init(jax.random.key(0)), pair.prior, DDLS, pair.record)
        assert not fast.calibrated and dcd.original_pair(fast).calibrated is calibrated
        other = fast.replace(critic=pairs.wrap(slope, jnp.asarray([1.0, 1.5])))
        assert not dcd.original_pair(other).calibrated
        assert not dcd.original_pair(fast.replace(critic_kind="energy")).calibrated
    # a record of another hand says nothing about the critic
    strange = fast.replace(record=pairs.Record(amortised={"calibrated": True}))
    assert not dcd.original_pair(strange).calibrated
    with pytest.raises(InputError, match="does not say for which chain"):
        dcd.correct(strange, 3, jax.random.key(0))
    with pytest.raises(InputError, match=r"has a flow before its generator already; .*dcd\.original_pair"):
        dcd.amortise(fast, DDLS, jax.random.key(0), ALONE)


MIXTURE = pairs.ClassMixture((2,), jnp.zeros((2, 2)), jnp.ones((2, 2)), jnp.full(2, 0.5))


@pytest.mark.parametrize(
    "prior, change, words",
    [
        (Normal((2,)), {"prior_weight": 0.0}, "without bounds"),
        (MIXTURE, {"prior_weight": 0.0}, "without bounds"),
        (Normal((2,)), {"anneal_noise": (1.0, 0.5)}, "anneal_noise"),
        (Uniform((2,)), {"anneal_noise": (2.0,)}, "anneal_noise"),
        (MIXTURE, {"prior_weight": 0.5}, None),
        *((prior, {"prior_weight": 0.0}, None) for prior in (Uniform((2,)), Sphere((2,)), TruncatedNormal((2,), 2.0))),
    ],
    ids=lambda v: getattr(v, "kind", str(v)),
)
def test_a_chain_is_lawful_only_where_it_samples_a_density_of_finite_integral(prior, change, words):
    problem = check_law(known_pair(prior, slope, jnp.ones(2)), dcd.preset("ddls").replace(**change))
    assert problem is None if words is None else words in problem


def broken(p, x):
    return jnp.where(x[:, 0] < p[0], jnp.nan, x @ p[1:])


@pytest.mark.parametrize("method", ["isir", "mh"])
def test_candidates_of_weight_nan_are_counted_and_not_taken(method):
    flow = Flow(1, 1, 4)

    def drawn(limit, **more):
        pair = known_pair(Normal((1,)), slope, jnp.ones(1)).replace(critic=pairs.wrap(broken, jnp.asarray([limit, 1])))
        fast = amortised_pair(pair, flow, flow.init(jax.random.key(0)), pair.prior, DDLS, pair.record)
        return dcd.correct(fast, 200, jax.random.key(1), method=method, particles=2, steps=6, **more)

    found = drawn(0.0)
    # half of 1,400 candidates of a normal law: standard error 0.013
    assert found.settings["not_finite"] == pytest.approx(0.5, abs=0.05)
    # seven candidates are all lost in 1 of 128
    assert found.exhausted.sum() < 10 and np.isfinite(found.log_ratio[~found.exhausted]).all()
    assert found.latents[~found.exhausted].min() >= 0 and 0 < found.acceptance <= 1
    with pytest.raises(InputError, match="NaN or infinity"):
        drawn(1e9)
    with pytest.raises(InputError, match="^then: moves samples"):
        drawn(1e9, then=dcd.preset("dcd-pixel"))  # before anything is drawn


def test_what_cannot_be_amortised_is_refused_in_a_line():
    pair = known_pair(Normal((2,)), slope, jnp.ones(2))
    key = jax.random.key(0)
    for chain, words in (
        (dcd.preset("dcd-pixel"), "moves samples"),
        (dcd.preset("ddls").replace(temperature=0.0), "temperature 0"),
        (dcd.preset("ddls").replace(prior_weight=0.0), "prior weight 0"),
        (dcd.preset("dot"), "temperature 0"),
        (dcd.preset("ddls").replace(steps=0), "moves nothing"),
    ):
        with pytest.raises(InputError, match=words):
            dcd.amortise(pair, chain, key, dcd.Amortise(steps=1, chain_weight=0.5))
    with pytest.raises(InputError, match="bins"):
        dcd.Amortise(bins=1)
    with pytest.raises(InputError, match="has no flow"):
        dcd.correct(pair, 3, key)
    with pytest.raises(InputError, match="has no flow"):
        dcd.original_pair(pair)
