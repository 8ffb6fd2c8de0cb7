"""A chain in sample space that is part of the generator draws what the chain draws."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import checkpoints
import dcd
from pairs import InputError, Net, Normal, Pair
from pairs.sequential.spec import init_sequential

HEAD = [{"layer": "dense", "out": 8}, {"layer": "silu"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
CHAIN = dcd.Langevin("pixel", 4, 0.2, temperature=0.0, critic_scale=2.0, anneal=(1.0, 0.5))


def made(classes: int | None = None) -> Pair:
    keys = jax.random.split(jax.random.key(0))
    # samples near the ends of their range, so that the projection counts
    generator = init_sequential(keys[0], [{"layer": "dense", "out": 3}, {"layer": "tanh"}], (2,))
    critic = init_sequential(keys[1], HEAD, (3,))
    if classes:
        own = Net(generator.params, lambda p, z, c: generator.apply(p, z) * jnp.where(c == 1, 1.0, -1.0)[:, None])
        head = Net(critic.params, lambda p, x, c: critic.apply(p, x) * (1.0 + c))
        return Pair(own, head, Normal((2,)), (3,), (-1.0, 1.0), "energy", classes=classes)
    return Pair(generator, critic, Normal((2,)), (3,), (-1.0, 1.0), "energy")


@pytest.mark.parametrize(("classes", "clip"), [(None, 0.0), (None, 0.1), (2, 0.0)])
def test_its_samples_are_those_of_the_chain_without_noise(classes: int | None, clip: float) -> None:
    pair, key, chain = made(classes), jax.random.key(1), CHAIN.replace(clip=clip)
    folded = dcd.fold_chain(pair, chain)
    chain, still = (dcd.refine(p, c, key, 32) for p, c in ((pair, chain), (folded, chain.replace(steps=0))))
    # float32 steps in another program
    np.testing.assert_allclose(still.after, chain.after, atol=1e-5)
    assert np.abs(chain.after - chain.before).max() > 0.05 and np.abs(still.after).max() == 1.0


def test_a_sealed_folded_pair_is_read_back(tmp_path) -> None:
    folded = dcd.fold_chain(made(), CHAIN)
    checkpoints.save_pair(tmp_path / "pair", folded)
    again, z = checkpoints.load_pair(tmp_path / "pair"), np.ones((2, 2), np.float32)
    np.testing.assert_array_equal(again.generate(z), folded.generate(z))
    assert again.record["folded"]["steps"] == 4 and "chain" not in again.record and not again.calibrated


def test_a_sample_whose_next_place_is_not_finite_rests() -> None:
    steep = made().replace(critic=Net(jnp.asarray(1e30), lambda p, x: jnp.sum((p * (x - 0.5)) ** 3, axis=1)))
    steep = steep.replace(sample_range=None)
    chain = CHAIN.replace(anneal=(1.0,))
    run = dcd.refine(steep, chain, jax.random.key(1), 16)
    z = jnp.asarray(steep.prior.sample(jax.random.key(2), 16))
    folded = dcd.fold_chain(steep, chain).generate(z)
    assert run.stopped.all() and np.isfinite(folded).all()
    np.testing.assert_array_equal(folded, steep.generate(z))


def test_a_generator_of_half_precision_climbs_in_single_precision() -> None:
    pair = made()
    half = pair.replace(generator=Net(pair.generator.params, lambda p, z: pair.generator(z).astype(jnp.bfloat16)))
    x = dcd.fold_chain(half, CHAIN).generate(np.ones((2, 2), np.float32))
    assert x.dtype == jnp.float32 and np.abs(x - half.generate(np.ones((2, 2), np.float32))).max() > 0.05


def test_without_a_range_noise_is_measured_by_the_spread_of_the_samples() -> None:
    pair = made().replace(sample_range=None)
    wide = pair.replace(generator=Net(pair.generator.params, lambda p, z: 100 * pair.generator(z)))
    noisy = CHAIN.replace(temperature=1e-3)  # sqrt(2 1e-3 (2 0.2 + 2 0.1)) = 0.035
    with pytest.raises(InputError, match="of the spread of the samples"):
        dcd.fold_chain(pair, noisy)
    assert dcd.fold_chain(wide, noisy).record["folded"]["steps"] == 4


@pytest.mark.parametrize(
    ("field", "chain"),
    [
        ("space", dcd.Langevin("latent", 4, 0.1)),
        ("temperature", CHAIN.replace(temperature=1e-3)),
        ("tether", CHAIN.replace(tether=0.1)),
        ("divergence", CHAIN.replace(divergence="js")),
        ("project", CHAIN.replace(project=False)),
        ("chain", dcd.Underdamped("pixel", 4, 0.1, prior_weight=0.0)),
    ],
)
def test_what_is_no_function_of_the_sample_or_no_plain_step_is_refused(field: str, chain: dcd.Langevin) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        dcd.fold_chain(made(), chain)


def test_noise_below_a_hundredth_of_the_half_range_is_left_out() -> None:
    quiet = CHAIN.replace(temperature=1e-5)  # sqrt(2 1e-5 (2 0.2 + 2 0.1)) = 0.0035
    z = np.ones((2, 2), np.float32)
    folded = dcd.fold_chain(made(), quiet).generate(z)
    np.testing.assert_array_equal(folded, dcd.fold_chain(made(), CHAIN).generate(z))
