"""Wrapping means inference mode, one trace per architecture, and one-line refusals of what samplers cannot use."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from pairs import InputError, Net, Normal, Pair, make_pair, wrap


class NnxNet(nnx.Module):
    """BatchNorm and Dropout around a dense layer."""

    def __init__(self, seed: int):
        rngs = nnx.Rngs(seed)
        self.dense = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.norm(self.dense(x)))


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x, train: bool = True):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(4)(x))
        return linen.Dropout(0.5, deterministic=not train)(x)


class StuckLinen(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.BatchNorm(use_running_average=False)(x)


X = jnp.asarray(np.random.default_rng(0).standard_normal((5, 3)), jnp.float32)


def _linen(seed: int) -> tuple[LinenNet, dict]:
    model = LinenNet()
    return model, jax.jit(lambda k: model.init(k, X, train=False))(jax.random.key(seed))


def test_an_nnx_module_is_wrapped_in_inference_mode_and_left_as_it_was() -> None:
    model = NnxNet(0)
    model.norm.mean[...] = jnp.arange(4.0)
    model.norm.var[...] = jnp.full(4, 4.0)
    before = jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat))))
    net = wrap(model)
    y = jax.jit(lambda n, x: n(x))(net, X)
    plain = X @ model.dense.kernel[...] + model.dense.bias[...]
    np.testing.assert_allclose(y, (plain - jnp.arange(4.0)) / np.sqrt(4.0 + 1e-5), rtol=1e-5, atol=1e-6)
    after = jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat))))
    jax.tree.map(np.testing.assert_array_equal, before, after)
    assert not model.norm.use_running_average and not model.drop.deterministic


def test_a_linen_module_is_wrapped_in_inference_mode() -> None:
    model, variables = _linen(0)
    np.testing.assert_allclose(wrap(model, variables)(X), model.apply(variables, X, train=False), rtol=1e-6)


@pytest.mark.parametrize("make", [lambda i: wrap(NnxNet(i)), lambda i: wrap(*_linen(i))], ids=["nnx", "linen"])
def test_three_instances_of_one_architecture_are_traced_once(make) -> None:
    traces = 0

    def run(net: Net, x):
        nonlocal traces
        traces += 1
        return net(x)

    call = jax.jit(run)
    outputs = [call(make(i), X) for i in range(3)]
    assert traces == 1
    assert not np.allclose(outputs[0], outputs[1])  # weights are arguments, so they are not those of the first


STUCK = {"params": {"BatchNorm_0": {"scale": jnp.ones(3), "bias": jnp.zeros(3)}}}


@pytest.mark.parametrize(
    "make,field",
    [
        (lambda: wrap(3), "model"),
        (lambda: wrap(LinenNet()), "params"),
        (lambda: wrap(StuckLinen(), STUCK)(X), "module"),
    ],
    ids=["number", "no variables", "train mode"],
)
def test_what_cannot_be_wrapped_is_refused(make, field) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.field == field


def generate(p, z):
    return jnp.tanh(z * p)


def score(p, x):
    return jnp.sum(x * p, axis=-1)


def score_column(p, x):
    return score(p, x)[:, None]


def probability(p, x):
    return jax.nn.sigmoid(score(p, x))


def minibatch_deviation(p, x):
    return score(p, x) + jnp.mean(jnp.std(x, axis=0))


def batch_normalised(p, z):
    return jnp.tanh((z - z.mean(0)) / (z.std(0) + 1e-3))


def wrong_code(p, x):
    return x[:, :1]


def narrow(p, x):
    return x @ jnp.ones((7,))


def infinite(p, x):
    return score(p, x) / 0.0


ONE = jnp.ones(())


def _pair(generator=generate, critic=score, span=(-1.0, 1.0), p=ONE, **more) -> Pair:
    return make_pair(
        wrap(generator, p), wrap(critic, ONE), Normal((3,)), sample_range=span, critic_kind="logit", **more
    )


def test_a_sound_pair_is_taken_with_its_shape_read_off_the_generator() -> None:
    pair = _pair()
    assert pair.sample_shape == (3,)
    assert make_pair(
        pair.generator, wrap(score_column, ONE, squeeze=True), pair.prior, sample_range=None, critic_kind="logit"
    ).score(X).shape == (5,)


@pytest.mark.parametrize(
    "settings,field,words",
    [
        (dict(critic=score_column), "critic", "squeeze=True"),
        (dict(critic=probability), "critic", "probability"),
        (dict(critic=minibatch_deviation), "critic", "minibatch standard deviation"),
        (dict(generator=batch_normalised), "generator", "running statistics"),
        (dict(critic=narrow), "critic", "fails on input"),
        (dict(critic=infinite), "critic", "NaN or infinity"),
        (dict(span=(0.0, 1.0)), "sample_range", "samples lie in"),
        (dict(p={"w": jnp.asarray([1.0, jnp.nan, 1.0])}, generator=lambda p, z: z), "generator", "'w' hold NaN"),
        (dict(encoder=wrap(wrong_code, ONE)), "encoder", "return (batch, 3)"),
    ],
    ids=lambda v: "" if isinstance(v, dict) else str(v).replace(" ", "-"),
)
def test_a_pair_that_samplers_cannot_use_is_refused_in_one_line(settings, field, words) -> None:
    with pytest.raises(InputError) as caught:
        _pair(**settings)
    assert caught.value.field == field and words in str(caught.value) and "\n" not in str(caught.value)


def test_a_bounded_score_is_taken_where_the_check_is_switched_off() -> None:
    assert _pair(critic=probability, check=False).score(X).shape == (5,)


def test_a_function_of_the_input_alone_and_a_pytorch_module() -> None:
    net = wrap(lambda x: 2 * x)
    np.testing.assert_array_equal(net(jnp.ones(3)), 2 * np.ones(3))
    np.testing.assert_array_equal(wrap(lambda p, x: p * x, jnp.asarray(3.0))(jnp.ones(3)), 3 * np.ones(3))
    stranger = type("Module", (), {"__module__": "torch.nn.modules.module", "__call__": lambda self, x: x})()
    with pytest.raises(InputError, match="is a PyTorch module .*ganrefine import"):
        wrap(stranger)
