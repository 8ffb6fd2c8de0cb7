"""What must not change a run: chunks, batches, resuming, wrapping again. Bitwise where the shapes agree."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import drive

from dcd import Langevin, advance, refine, start
from dcd.langevin.kernel import make_kernel
from dcd.langevin.loop import loop_pays
from dcd.langevin.noise import draw_noise
from dcd.langevin.presets import dcd_latent, ddls, dgflow
from dcd.langevin.starts import latents_of
from dcd.langevin.target import make_target
from pairs import Net, Normal, make_pair

KEY = jax.random.key(31)
N, STEPS = 16, 8
TRACES: list[str] = []


def mlp(params, x):
    return jnp.tanh(x @ params["a"]) @ params["b"]


def counted(params, x):
    TRACES.append("critic")
    return mlp(params, x)[:, 0]


def weights(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    f = lambda *shape: jnp.asarray(rng.standard_normal(shape) / shape[0] ** 0.5, jnp.float32)
    return {"a": f(inputs, 8), "b": f(8, outputs)}


def small(seed: int = 0):
    """A generator from 4 to 6 numbers and a critic, both with one hidden layer."""
    return make_pair(
        Net(weights(seed, 4, 6), mlp),
        Net(weights(seed + 1, 6, 1), counted),
        Normal((4,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


PAIR = small()
ULA = ddls(STEPS, 0.05)
MALA = ddls(STEPS, 0.3, metropolis=True)
CONFIGS = pytest.mark.parametrize("config", [ULA, MALA], ids=["ula", "mala"])


@functools.cache
def whole(config: Langevin = ULA):
    return refine(PAIR, config, KEY, N, batch=N)


def equal(a, b) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def fields(result):
    return result._replace(config=None)


@CONFIGS
@pytest.mark.parametrize("chunk", [1, 5, STEPS])
def test_chunk_size_changes_no_bit(config, chunk):
    equal(fields(refine(PAIR, config, KEY, N, batch=N, chunk=chunk)), fields(whole(config)))


def test_the_same_key_repeats_and_another_key_does_not():
    equal(fields(refine(PAIR, ULA, KEY, N, batch=N)), fields(whole()))
    other = refine(PAIR, ULA, jax.random.key(32), N, batch=N)
    assert not np.any(other.latents == whole().latents) and not np.any(other.after == whole().after)


def test_a_result_prints_its_size_its_steps_and_scores_and_no_array():
    result = refine(PAIR, ULA, KEY, N)
    lines = repr(result).splitlines()
    assert lines[0] == f"Result of {N} samples (6), {STEPS} steps" and len(lines) == 3
    assert f"{result.start_score.mean():.4g} to {result.score.mean():.4g}" in lines[1]
    assert "(16, 6)" in repr(jax.tree.map(np.shape, result))  # a tree of other values prints as it is


def test_one_compiled_loop_agrees_with_single_steps():
    z = latents_of(PAIR, KEY, np.arange(N))
    single, info = advance(PAIR, MALA, KEY, start(PAIR, MALA, z, np.arange(N)), loop=False)
    # two programs of the same sums: float32 rounding over 8 contracting steps
    np.testing.assert_allclose(single.position, whole(MALA).positions, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(info.acceptance, whole(MALA).trace.acceptance, rtol=1e-4, atol=1e-4)


draw = jax.jit(lambda step, index: draw_noise(jax.random.fold_in(KEY, 1), step, index, (4,)))


def test_the_chain_is_the_kernel_fed_with_its_noise():
    """Ties the closed forms, which are checked on the bare kernel, to what users call."""
    noise, uniform = zip(*(draw(k, jnp.arange(N)) for k in range(STEPS)), strict=True)
    state, info = drive(PAIR, MALA, whole(MALA).latents, 0, random=(np.stack(noise), np.stack(uniform)))
    np.testing.assert_allclose(state.position, whole(MALA).positions, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(info.score, whole(MALA).trace.score, rtol=1e-4, atol=1e-5)


@CONFIGS
def test_resuming_from_a_state_on_disk_changes_no_bit(config, tmp_path):
    z = latents_of(PAIR, KEY, np.arange(N))
    state = start(PAIR, config, z, np.arange(N))
    middle, first = advance(PAIR, config, KEY, state, 0, 3)
    leaves, tree = jax.tree.flatten(middle)
    np.savez(tmp_path / "state.npz", *leaves)
    del middle
    with np.load(tmp_path / "state.npz") as saved:
        again = jax.tree.unflatten(tree, [jnp.asarray(saved[name]) for name in saved.files])
    end, second = advance(PAIR, config, KEY, again, 3)
    np.testing.assert_array_equal(end.position, whole(config).positions)
    equal(jax.tree.map(lambda a, b: np.concatenate([a, b]), first, second), whole(config).trace)


def test_advancing_leaves_the_callers_state_usable():
    state = start(PAIR, ULA, latents_of(PAIR, KEY, np.arange(N)), np.arange(N))
    ends = [advance(PAIR, ULA, KEY, state)[0].position for _ in range(2)]
    np.testing.assert_array_equal(*ends)


def test_batches_change_no_noise_and_results_only_by_rounding():
    split = refine(PAIR, ULA, KEY, N, batch=5)
    np.testing.assert_array_equal(split.latents, whole().latents)
    # another batch shape may sum in another order
    np.testing.assert_allclose(split.after, whole().after, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(split.trace.score, whole().trace.score, rtol=1e-4, atol=1e-5)


def test_noise_of_a_sample_depends_on_key_step_and_its_own_index_alone():
    noise, uniform = draw(4, jnp.arange(N))
    order = np.array([6, 1, *range(N - 2)])
    again, uniform_again = draw(4, jnp.asarray(order))
    np.testing.assert_array_equal(again, np.asarray(noise)[order])
    np.testing.assert_array_equal(uniform_again, np.asarray(uniform)[order])
    other, uniform_other = draw(5, jnp.arange(N))
    assert not np.any(other == noise) and len(np.unique(noise)) == noise.size
    assert not np.any(uniform_other == uniform)


def test_noise_is_standard_normal_and_the_uniform_uniform():
    draws = [draw(k, jnp.arange(N)) for k in range(500)]
    x = np.concatenate([np.asarray(noise, np.float64) for noise, _ in draws])
    u = np.concatenate([np.asarray(uniform) for _, uniform in draws])
    # 8000 vectors of 4: errors of mean and variance 0.0056 and 0.0079, of a correlation 0.011, of u's mean 0.0032
    assert abs(x.mean()) < 0.025 and abs(x.var() - 1) < 0.036
    assert np.abs(np.corrcoef(np.c_[x, u].T) - np.eye(5)).max() < 0.05
    assert abs(u.mean() - 0.5) < 0.015 and 0 <= u.min() and u.max() < 1


def test_a_longer_draw_begins_with_the_shorter_one():
    long, short = refine(PAIR, ULA, KEY, 20, batch=N), refine(PAIR, ULA, KEY, 11, batch=N)
    for name in ("before", "after", "latents", "start_score"):
        np.testing.assert_array_equal(getattr(long, name)[:11], getattr(short, name))
    np.testing.assert_array_equal(long.trace.score[:, :11], short.trace.score)
    tail = refine(PAIR, ULA, KEY, 9, batch=N, first_index=11)
    np.testing.assert_array_equal(tail.latents, long.latents[11:])
    np.testing.assert_allclose(tail.after, long.after[11:], rtol=1e-5, atol=1e-5)


def test_no_steps_returns_the_generators_samples_to_the_bit():
    result = refine(PAIR, ULA.replace(steps=0), KEY, N, batch=N)
    np.testing.assert_array_equal(result.after, result.before)
    np.testing.assert_array_equal(result.before, jax.jit(PAIR.generate)(result.latents))
    assert result.trace.score.shape == (0, N)


def test_snapshots_are_the_samples_after_so_many_steps():
    result = refine(PAIR, ULA, KEY, N, batch=N, snapshots=(0, 3, STEPS))
    np.testing.assert_array_equal(result.snapshots[0], result.before)
    np.testing.assert_array_equal(result.snapshots[STEPS], result.after)
    state = start(PAIR, ULA, result.latents, np.arange(N))
    third = advance(PAIR, ULA, KEY, state, 0, 3)[0].position
    np.testing.assert_allclose(result.snapshots[3], jax.jit(PAIR.generate)(third), rtol=1e-6, atol=1e-6)
    equal(result.after, whole().after)


def test_progress_counts_sample_steps_up_to_all_of_them():
    seen = []
    refine(PAIR, ULA, KEY, 20, batch=N, chunk=4, on_progress=lambda done, total: seen.append((done, total)))
    assert [d for d, _ in seen] == [64, 128, 144, 160] and {t for _, t in seen} == {160}


def test_latent_contrastive_divergence_is_the_kl_flow_to_the_bit_under_one_key():
    one, two = (refine(PAIR, c, KEY, N, batch=N) for c in (dcd_latent(5, 0.1, 0.01**0.5), dgflow("kl", 5, 0.1, 0.01)))
    equal(fields(one), fields(two))
    assert not np.any(one.after == one.before)


def test_wrapping_again_and_other_numbers_trace_nothing_new():
    refine(PAIR, ULA, KEY, N, batch=N)
    assert TRACES  # the counter counts
    TRACES.clear()
    for changes in ({}, dict(step_size=0.01), dict(temperature=0.3), dict(critic_scale=2.0), dict(prior_weight=0.5)):
        refine(small(seed=5), ULA.replace(**changes), jax.random.key(1), N, batch=N)
    refine(PAIR, ULA.replace(steps=3), KEY, 5, batch=N)
    assert TRACES == []


def test_a_step_with_the_librarys_convolution_is_called_from_the_host_and_any_other_looped():
    def convolve(w, x):
        return jnp.sum(jax.lax.conv(x.reshape(-1, 1, 2, 3), w, (1, 1), "VALID"), axis=(1, 2, 3))

    def looped(pair):
        z = latents_of(pair, KEY, np.arange(4))
        return loop_pays(make_kernel(ULA), make_target(pair, ULA), KEY, start(pair, ULA, z, np.arange(4)))

    critic = Net(jnp.ones((1, 1, 2, 2)), convolve)
    with_convolution = make_pair(PAIR.generator, critic, Normal((4,)), sample_range=None, critic_kind="energy")
    assert looped(PAIR) and not looped(with_convolution)
