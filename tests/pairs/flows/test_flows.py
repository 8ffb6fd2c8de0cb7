"""Flows: what they map, how they change volume, and the charts of the priors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stored_pairs import same, tiny_pair

from checkpoints import load_pair, save_pair
from pairs import ClassMixture, InputError, Normal, Prior, Sphere, TruncatedNormal, Uniform
from pairs.flows.charts import base_law, from_latents, to_latents
from pairs.flows.couplings import Flow
from pairs.flows.latent_flow import flow_encoder, flow_generator, flow_latents
from pairs.flows.spline import EDGE, spline, spline_inverse
from pairs.record import Record
from pairs.registry import Architecture, build


def _random(flow: Flow, seed: int = 0) -> dict:
    """Parameters far from those of the identity."""
    rng = np.random.default_rng(seed)
    number = lambda s: jnp.asarray(rng.normal(0, 0.1, s.shape), jnp.float32)
    return jax.tree.map(number, flow.shapes())


FLOWS = [
    pytest.param(Flow(3, 4, 8), marks=pytest.mark.slow),
    Flow(5, 2, 8, bins=3),
    # nothing to couple: a spline of one coordinate
    pytest.param(Flow(1, 2, 4, bins=6), marks=pytest.mark.slow),
    Flow(2, 2, 8, bins=2, classes=3),
]


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_volume_change_is_the_determinant_of_the_jacobian_and_the_inverse_inverts(flow):
    params, n = _random(flow), 4
    x = 1.5 * jax.random.normal(jax.random.key(2), (n, flow.size))
    labels = None if flow.classes is None else jnp.arange(n) % flow.classes

    def one(v, c):
        return flow.forward(params, v[None], None if c is None else c[None])[0][0]

    y, log_det = jax.jit(flow.forward)(params, x, labels)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(one), (0, None if labels is None else 0)))(x, labels)
    # single precision through four layers
    np.testing.assert_allclose(log_det, np.linalg.slogdet(np.asarray(jacobian, np.float64))[1], atol=2e-4)
    assert np.abs(np.asarray(log_det)).min() > 1e-3  # a flow that forgot its volume would give zeros
    back, again = jax.jit(flow.inverse)(params, y, labels)
    np.testing.assert_allclose(back, x, atol=2e-3)
    np.testing.assert_allclose(again, log_det, atol=2e-3)


@pytest.mark.slow
def test_a_flow_begins_as_the_identity_and_moves_every_coordinate_in_two_layers():
    flow = Flow(6, 2, 4, bins=2)
    x = jax.random.normal(jax.random.key(0), (3, 6))
    forward = jax.jit(flow.forward)
    y, log_det = forward(flow.init(jax.random.key(1)), x)
    np.testing.assert_allclose(y, x, atol=1e-5)
    np.testing.assert_allclose(log_det, 0, atol=1e-5)
    assert np.all(np.abs(np.asarray(forward(_random(flow), x)[0] - x)).min(0) > 1e-4)


def test_a_class_changes_the_map():
    flow = Flow(2, 2, 8, classes=3)
    x = jnp.ones((2, 2))
    first, second = jax.jit(flow.forward)(_random(flow), x, jnp.asarray([0, 1]))[0]
    assert np.abs(np.asarray(first - second)).max() > 1e-3


@pytest.mark.slow
def test_splines_join_the_identity_at_their_edges_and_rise():
    raw = jax.random.normal(jax.random.key(0), (11,)) * 2
    x = jnp.linspace(-1.2 * EDGE, 1.2 * EDGE, 601)
    y, log_slope = jax.jit(spline)(x, jnp.broadcast_to(raw, (601, 11)))
    outside = np.abs(np.asarray(x)) >= EDGE
    np.testing.assert_array_equal(np.asarray(y)[outside], np.asarray(x)[outside])
    assert np.all(np.diff(np.asarray(y)) > 0) and np.all(np.asarray(log_slope)[outside] == 0)
    assert np.abs(np.asarray(y - x)).max() > 0.3
    np.testing.assert_allclose(jax.jit(spline_inverse)(y, jnp.broadcast_to(raw, (601, 11)))[0], x, atol=2e-4)


MIXTURE = ClassMixture((2,), jnp.asarray([[-2.0, 0.0], [2.0, 1.0]]), jnp.full((2, 2), 0.5), jnp.asarray([0.5, 0.5]))
PRIORS: list[tuple[Prior, int | None]] = [
    (Normal((3,), 2.0), None),
    (Uniform((3,), -1.0, 2.0), None),
    (TruncatedNormal((3,), 1.5), None),
    (MIXTURE, 2),
    (MIXTURE, None),
]


@pytest.mark.parametrize("prior, classes", PRIORS, ids=lambda v: getattr(v, "kind", v))
def test_a_chart_carries_its_base_law_to_the_prior(prior, classes):
    base, n = base_law(prior, classes), 6
    labels = None if classes is None else jnp.arange(n) % classes
    v = base.sample(jax.random.key(0), n)
    z = jax.jit(to_latents)(prior, v, labels)
    one = lambda v, c: to_latents(prior, v[None], None if c is None else c[None])[0]
    jacobian = jax.jit(jax.vmap(jax.jacfwd(one), (0, None if labels is None else 0)))(v, labels)
    # the change of variables, b(v) = p0(c(v)) |c'(v)|, in single precision
    volume = np.linalg.slogdet(np.asarray(jacobian, np.float64))[1]
    np.testing.assert_allclose(base.log_prob(v), prior.log_prob(z, labels) + volume, atol=1e-4)
    np.testing.assert_allclose(jax.jit(from_latents)(prior, z, labels), v, atol=1e-3)


def test_the_chart_of_a_box_ends_at_its_sides():
    v = jnp.asarray([[-40.0], [0.3], [40.0]])
    sides = np.round(np.linspace(-2, 2, 21), 1).tolist()  # some of these boxes are passed by a sum that rounds up
    for low, high in ((a, b) for a in sides for b in sides if a < b):
        prior = Uniform((1,), low, high)
        z = np.asarray(to_latents(prior, v))
        assert np.float32(low) <= z.min() and z.max() <= np.float32(high)


def test_the_chart_of_a_sphere_keeps_the_direction_and_gives_the_typical_length():
    prior = Sphere((3,), 2.0)
    v = base_law(prior).sample(jax.random.key(0), 5)
    z = to_latents(prior, v)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 2, rtol=1e-5)
    back = from_latents(prior, z)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), np.sqrt(3), rtol=1e-5)
    np.testing.assert_allclose(to_latents(prior, back), z, rtol=1e-5)


def test_a_prior_without_a_chart_is_refused():
    with pytest.raises(InputError, match="needs one of the priors"):
        base_law(Prior((2,)))


@pytest.mark.slow
@pytest.mark.parametrize("prior", [Uniform((4,)), PRIORS[3][0]], ids=lambda p: p.kind)
def test_a_stored_pair_behind_a_flow_comes_back_with_equal_samples(prior, tmp_path):
    pair = tiny_pair()
    if prior.kind == "class-mixture":
        prior = ClassMixture((4,), jnp.ones((2, 4)), jnp.ones((2, 4)), jnp.asarray([0.25, 0.75]))
    flow = Flow(4, 2, 8)
    params = _random(flow)
    made = pair.replace(generator=flow_generator(pair.generator, prior, flow, params), prior=base_law(prior))
    loaded = load_pair(save_pair(tmp_path / "pair", made))
    same(loaded, made)
    u = made.prior.sample(jax.random.key(3), 5)
    np.testing.assert_array_equal(loaded.generate(u), made.generate(u))
    z = jax.jit(flow_latents, static_argnums=0)(flow, params, prior, u)[0]
    # the same sums, compiled apart
    np.testing.assert_allclose(made.generate(u), pair.generate(z), atol=1e-5)


def test_the_encoder_behind_a_flow_finds_the_points_that_the_generator_takes_to_its_latents():
    from pairs.sequential.spec import init_sequential

    pair, prior, flow = tiny_pair(), Uniform((4,)), Flow(4, 2, 8)
    params = _random(flow)
    layers = [{"layer": "flatten"}, {"layer": "dense", "out": 4}, {"layer": "tanh"}]
    encoder = init_sequential(jax.random.key(5), layers, (2, 2, 3))
    x = pair.generate(prior.sample(jax.random.key(0), 5))
    z = encoder(x)
    u = flow_encoder(encoder, prior, flow, params)(x)
    np.testing.assert_allclose(jax.jit(flow_latents, static_argnums=0)(flow, params, prior, u)[0], z, atol=1e-3)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"layers": 10**9}, "flow.layers"),
        ({"layers": "6"}, "flow.layers"),
        ({"size": 10**11}, "flow.size"),
        ({"size": 5}, "flow.size"),  # the latents have 4 coordinates
        ({"width": 2.0}, "flow.width"),
        ({"bins": 1}, "flow.bins"),
        ({"bins": -3}, "flow.bins"),
        ({"classes": True}, "flow.classes"),
        ({"depth": 2}, "flow"),
        (None, "flow"),
    ],
    ids=str,
)
def test_sizes_of_a_stored_flow_are_checked_before_anything_is_made_of_them(change, field):
    pair, sizes = tiny_pair(), {"size": 4, "layers": 2, "width": 8, "bins": 0, "classes": None}
    made = flow_generator(pair.generator, pair.prior, Flow(**sizes), {}).architecture
    build(made)
    given = None if change is None else sizes | change
    with pytest.raises(InputError, match=f"^{field}: "):
        build(Architecture(made.name, Record(made.config, flow=given)))
