"""What recovery keeps, records and refuses, whatever critic it finds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_recovery import LAYERS, gaussian_pair, normal_data

import dcd
import pairs
from dcd.critics import adaptation, architectures
from pairs import InputError, Pair, make_pair, wrap
from pairs.sequential.spec import init_sequential


@pytest.mark.slow
def test_recovery_stops_when_held_out_loss_no_longer_falls_and_keeps_the_best() -> None:
    # 40 points and a steep learning rate: the held-out loss turns soon
    pair, data = gaussian_pair(dim=2), normal_data(40, 2)
    config = dcd.Recover(
        steps=3000, batch=64, learning_rate=5e-3, r1=0.0, evaluate_every=20, patience=3, holdout=0.4, ema=0.5
    )
    _, report = dcd.recover(pair, data, jax.random.key(0), config)
    seen = report.history["held_out_loss"]
    assert report.stopped_early and report.steps < 3000
    assert report.best_step == report.history["held_out_step"][int(np.argmin(seen))]
    # the critic returned is the best one, not the last one
    assert report.held_out.loss == pytest.approx(min(seen), rel=1e-4) and min(seen) < seen[-1]


@pytest.mark.slow
def test_continuing_the_pairs_own_critic_starts_from_it_and_keeps_its_buffers() -> None:
    layers = [{"layer": "dense", "out": 8}, {"layer": "batch_norm"}, {"layer": "silu"}, *LAYERS[-2:]]
    own = init_sequential(jax.random.key(7), layers, (1,))
    pair = gaussian_pair().replace(critic=own)
    config = dcd.Recover(steps=5, batch=16, architecture="critic", learning_rate=1e-4, evaluate_every=5)
    new, _ = dcd.recover(pair, normal_data(100, mean=1.0), jax.random.key(0), config)
    for before, after in zip(own.params, new.critic.params, strict=True):
        for name in before:
            same = np.array_equal(before[name], after[name])
            assert same == (name in ("mean", "var")), name
            # Adam moves each weight by at most about the learning rate per update
            assert np.max(np.abs(before[name] - after[name])) < 1e-3
    assert new.critic.architecture == own.architecture


@pytest.mark.slow
def test_the_record_tells_the_settings_and_drops_what_belonged_to_the_old_critic() -> None:
    pair = gaussian_pair()
    pair = pair.replace(record=pair.record.updated(name="toy", chain={"steps": 3}))
    new, report = dcd.recover(
        pair, normal_data(20_000), jax.random.key(0), dcd.Recover(steps=2, batch=256, architecture=LAYERS)
    )
    assert new.record["recovered"]["settings"] == report.settings
    assert new.name == "toy" and "chain" not in new.record
    assert new.critic.architecture is not None and new.critic.architecture.name == "sequential"
    assert report.to_dict()["held_out"]["auc"] == report.held_out.auc


def _labelled() -> Pair:
    means = pairs.ClassMixture((2,), jnp.asarray([[-1.0, 0.0], [1.0, 0.0]]), jnp.full((2, 2), 0.3), jnp.full(2, 0.5))
    return make_pair(wrap(lambda p, z, y: z, ()), None, means, classes=2, sample_range=None, critic_kind=None)


@pytest.mark.slow
def test_a_conditional_pair_without_a_critic_gets_one_that_reads_labels() -> None:
    """Real samples of a class lie where the generator puts the other: the two classes' scores must part."""
    pair, y = _labelled(), np.arange(80) % 2
    real = np.asarray(pair.prior.sample(jax.random.key(1), 80, y))
    with pytest.raises(InputError, match="architecture: is 'critic', and this pair has none"):
        dcd.recover(pair, real, jax.random.key(0), dcd.Recover(architecture="critic"), labels=1 - y)
    config = dcd.Recover(steps=40, batch=32, evaluate_every=20, learning_rate=1e-2, ema=0.5)
    new, _ = dcd.recover(pair, real, jax.random.key(0), config, labels=1 - y)
    right, wrong = (np.asarray(new.score(real, label)) for label in (1 - y, y))
    # no critic without labels could tell them apart
    assert new.has_critic and np.mean(right > wrong) > 0.9


@pytest.mark.slow
def test_a_pair_without_a_critic_has_no_raw_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    keep = lambda pair, *_, recovery, **more: (seen.append(recovery.architecture) or pair, {})
    monkeypatch.setattr(adaptation, "adapt", keep)
    keys, x = jax.random.split(jax.random.key(0)), np.zeros((2, 2), np.float32)
    alone = _labelled()
    with_critic = alone.replace(critic=wrap(lambda p, x, y: x[:, 0], ()), critic_kind="logit")
    assert list(dcd.critic_variants(alone, x, x, keys)[0]) == ["recovered"]
    assert list(dcd.critic_variants(with_critic, x, x, keys)[0]) == ["raw", "recovered"]
    with pytest.raises(InputError, match="maps: are given without features"):
        dcd.critic_variants(alone, x, x, keys, maps=with_critic.critic)
    assert seen == ["auto", "auto"]  # a new small critic, also where the pair has one


def test_default_critics_fit_vectors_small_and_large_images() -> None:
    for shape, kinds in [((2,), {"dense"}), ((28, 28, 1), {"dense"}), ((32, 32, 3), {"conv", "dense"})]:
        layers = architectures.default_layers(shape)
        assert {layer["layer"] for layer in layers} & {"dense", "conv"} == kinds
        # shapes alone: nothing is compiled
        net = jax.eval_shape(lambda key, shape=shape: architectures.fresh_critic(key, shape), jax.random.key(0))
        scores = jax.eval_shape(lambda net, x: net(x), net, jax.ShapeDtypeStruct((3, *shape), jnp.float32))
        assert scores.shape == (3,)


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("loss", {"loss": "mse"}),
        ("r1", {"r1": -1.0}),
        ("steps", {"steps": 0}),
        ("ema", {"ema": 1.0}),
        ("holdout", {"holdout": 0.0}),
        ("architecture", {"architecture": "resnet"}),
        ("architecture[0]", {"architecture": ({"layer": "denes", "out": 1},)}),
        ("shift", {"shift": -1}),
    ],
)
def test_bad_settings_are_named(field: str, settings: dict) -> None:
    with pytest.raises(InputError) as error:
        dcd.Recover(**settings)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.zeros((8, 2), np.float32), "shape"),
        (np.zeros((8, 1), np.uint8), "uint8"),
        (np.full((8, 1), np.nan, np.float32), "NaN"),
        (np.zeros((2, 1), np.float32), "n at least 4"),
    ],
)
def test_data_that_do_not_fit_are_refused(data: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        dcd.recover(gaussian_pair(), data, jax.random.key(0))
