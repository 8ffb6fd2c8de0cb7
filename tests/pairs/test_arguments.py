"""Keys, arrays and nets that callers give to public functions: they work, or are refused in one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
import interp
from interp.checks import check_ends
from pairs import InputError, Normal, Pair, make_pair, wrap
from pairs.arguments import checked_key, differentiable
from pairs.arrays import as_floats
from pairs.batches import generate, score

KEY = jax.random.key(0)
CHAIN = dcd.Langevin(steps=2)
SETTINGS = interp.GeodesicSettings(mode="none", segments=4, points=4, evaluations=2)
DATA = np.random.default_rng(0).uniform(-1, 1, (32, 4, 4, 1)).astype(np.float32)


def pair_of(samples: Any = jnp.float32, scores: Any = jnp.float32) -> Pair:
    generator = wrap(lambda p, z: jnp.tanh(jnp.tile(z, (1, 4))).reshape(-1, 4, 4, 1).astype(samples), {})
    critic = wrap(lambda p, x: jnp.sum(x.astype(jnp.float32), axis=(1, 2, 3)).astype(scores), {})
    return make_pair(generator, critic, Normal((4,)), sample_range=(-1, 1), critic_kind="logit").replace(
        calibrated=True
    )


PAIR = pair_of()

TAKE_KEYS: dict[str, Callable[[Any], Any]] = {
    "refine": lambda key: dcd.refine(PAIR, CHAIN, key, 4, batch=4).after,
    "refine_underdamped": lambda key: dcd.refine_underdamped(PAIR, dcd.Underdamped(steps=2), key, 4, batch=4).after,
    "run_choice": lambda key: dcd.run_choice(PAIR, dcd.Choice("own", CHAIN), key, 4, batch=4).after,
    "isir": lambda key: dcd.isir(PAIR, 4, key, particles=2, steps=2, batch=8).samples,
    "obrs": lambda key: dcd.obrs(PAIR, 4, key, pilot=16, batch=8).samples,
    "precondition": lambda key: dcd.precondition(PAIR, CHAIN, key, chains=4, steps=2).precondition,
    "calibrate": lambda key: dcd.calibrate(PAIR, DATA, key)[0].critic.params,
    "weigh": lambda key: interp.weigh(PAIR, key, interp.PathWeightSettings(samples=64)).floor,
}
NO_KEYS = [0, None, "x", np.zeros(2), np.int64(3), np.zeros(3, np.uint32), jax.random.split(KEY, 2)]


def refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        call()
    line = str(refusal.value)
    assert words in line and "\n" not in line and "; " in line and len(line) < 200, line


@pytest.mark.parametrize("name", TAKE_KEYS)
def test_an_old_style_key_gives_what_its_typed_key_gives(name) -> None:
    old, typed = (TAKE_KEYS[name](key) for key in (jax.random.PRNGKey(3), jax.random.key(3)))
    assert all(map(np.array_equal, jax.tree.leaves(old), jax.tree.leaves(typed)))


@pytest.mark.parametrize("name", TAKE_KEYS)
@pytest.mark.parametrize("given", NO_KEYS, ids=lambda v: type(v).__name__ + str(getattr(v, "shape", "")))
def test_what_is_no_key_is_refused_in_one_line(name, given) -> None:
    if name == "weigh" and given is None:
        return  # the default of this function
    refused(lambda: TAKE_KEYS[name](given), "key: ")


@pytest.mark.parametrize("name", TAKE_KEYS)
def test_a_traced_key_is_refused_in_one_line(name) -> None:
    refused(lambda: jax.jit(TAKE_KEYS[name])(KEY), "key: is traced; call this function outside jax.jit")


TRACED: dict[str, Callable[[], Any]] = {
    "latents": lambda: jax.grad(lambda z: dcd.refine(PAIR, CHAIN, KEY, 4, latents=z).after.sum())(jnp.ones((4, 4))),
    "n": lambda: jax.jit(lambda n: dcd.refine(PAIR, CHAIN, KEY, n).after)(4),
    "pair": lambda: jax.jit(lambda scale: dcd.refine(scaled(scale), CHAIN, KEY, 4).after)(1.0),
    "z0": lambda: jax.jit(lambda z: interp.geodesic(PAIR, z, z, settings=SETTINGS).path)(jnp.ones((1, 4))),
    "data_x": lambda: jax.jit(lambda x: dcd.recover(PAIR, x, KEY)[0].score(x))(DATA),
    "real_x": lambda: jax.jit(lambda x: dcd.calibrate(PAIR, x, KEY)[0].score(x))(DATA),
    "x": lambda: jax.jit(lambda x: interp.invert(PAIR, x, KEY).z)(DATA[:1]),
}


def scaled(scale: Any) -> Pair:
    critic = wrap(lambda p, x: p * jnp.sum(x, axis=(1, 2, 3)), jnp.float32(1))
    return PAIR.replace(critic=critic, calibrated=False).replace(critic=jax.tree.map(lambda p: p * scale, critic))


@pytest.mark.parametrize("field", TRACED)
def test_traced_values_are_refused_in_one_line_that_names_them(field) -> None:
    refused(TRACED[field], f"{field}: is ")


KINDS = [np.float16, jnp.bfloat16, np.int32, bool, np.float64]


@pytest.mark.parametrize("kind", KINDS)
def test_latents_of_any_real_type_give_what_single_precision_gives(kind) -> None:
    z = np.array([[0, 1, 1, 0], [1, 0, 0, 1]])
    single, given = jnp.asarray(z, jnp.float32), jnp.asarray(z).astype(kind)
    for call in (
        lambda z: generate(PAIR, z),
        lambda z: dcd.start(PAIR, CHAIN, z, np.arange(2)).position,
        lambda z: dcd.refine(PAIR, CHAIN, KEY, 2, latents=z, batch=2).after,
        lambda z: check_ends(PAIR, "z0", z),
    ):
        assert np.asarray(call(given)).dtype == np.float32
        assert np.array_equal(call(given), call(single))
    assert np.array_equal(generate(PAIR, z.tolist()), generate(PAIR, single))


@pytest.mark.parametrize(
    "given", [np.full((2, 4), "a"), np.full((2, 4), None), np.zeros((2, 4), complex), [[0], [0, 0]]]
)
def test_what_is_no_array_of_real_numbers_is_refused_in_one_line(given) -> None:
    refused(lambda: generate(PAIR, given), "z: ")
    refused(lambda: score(PAIR, given), "x: ")
    refused(lambda: dcd.start(PAIR, CHAIN, given, np.arange(2)), "position: ")
    refused(lambda: dcd.refine(PAIR, CHAIN, KEY, 2, latents=given), "latents: ")
    refused(lambda: interp.geodesic(PAIR, given, given, settings=SETTINGS), "z0: ")


@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("space", ["latent", "pixel"])
def test_a_pair_in_half_precision_is_refined_in_single_precision(kind, space) -> None:
    chain = dcd.Langevin(space=space, steps=2)
    found = dcd.refine(pair_of(kind, kind), chain, KEY, 4, batch=4)
    assert found.after.dtype == found.before.dtype == np.float32
    assert np.all(np.isfinite(found.after)) and np.any(found.after != found.before)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16])
def test_a_pair_in_half_precision_is_interpolated(kind) -> None:
    found = interp.geodesic(pair_of(kind, kind), np.zeros((1, 4)), np.ones((1, 4)), settings=SETTINGS)
    assert found.path.dtype == np.float32 and bool(jnp.all(jnp.isfinite(found.path)))


def test_nets_of_whole_numbers_pass_no_gradient_and_are_refused() -> None:
    for pair, name in ((pair_of(jnp.uint8), "generator"), (pair_of(scores=jnp.int32), "critic")):
        refused(lambda pair=pair: dcd.refine(pair, CHAIN, KEY, 4), f"{name}: returns ")
        ends = np.zeros((1, 4)), np.ones((1, 4))
        refused(lambda pair=pair, ends=ends: interp.geodesic(pair, *ends, settings=SETTINGS), f"{name}: returns ")


def test_a_pair_in_single_precision_stays_the_same_object() -> None:
    assert differentiable(PAIR) is PAIR
    assert as_floats("z", jnp.ones(3)).dtype == jnp.float32
    assert checked_key(KEY) is KEY
