"""Label-split autoencoder: who gets which gradient, class Gaussians in closed form, swaps, paths, a code held."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from checkpoints import load_pair, save_pair
from pairs import ClassMixture, InputError
from pairs.augment import shift_images
from pairs.vae import label_split as ls
from pairs.vae.label_codes import blocks, refit_class_gaussians, sample_class, swap, vary_class, vary_style
from pairs.vae.label_split_losses import adversary_loss, joint_loss
from pairs.vae.label_split_settings import Nets
from pairs.vae.losses import label_losses
from pairs.vae.nets import VaeConfig

SETTINGS = ls.LabelSplit(
    VaeConfig((4, 4, 1), 3, (8,), "silu", (-1.0, 1.0)),
    classes=3,
    label_width=2,
    gm_steps=2,
    adversary_steps=2,
    batch=12,
)
STATE = jax.jit(lambda key: ls.init(SETTINGS, key))(jax.random.key(0))
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), np.uint8)
LABELS = np.arange(30) % 3
X = jnp.asarray(IMAGES[:12].astype(np.float32) / 127.5 - 1.0)
Y = jnp.asarray(LABELS[:12])
KEY = jax.random.key(1)


@pytest.fixture(scope="module")
def pair():
    return ls.to_pair(SETTINGS, STATE, IMAGES, LABELS)


def _size(tree) -> float:
    return float(sum(np.abs(v).sum() for v in jax.tree.leaves(tree)))


def _gap(a, b):
    return jax.tree.map(lambda u, v: np.asarray(u) - np.asarray(v), a, b)


@functools.partial(jax.jit, static_argnums=0)
def _joint(settings: ls.LabelSplit, nets: Nets):
    """``((loss, figures), gradient)``."""
    return jax.value_and_grad(lambda n: joint_loss(settings, n, X, Y, KEY), has_aux=True)(nets)


@functools.cache
def _round(settings: ls.LabelSplit):
    """State and figures after one round."""
    return ls.make_update(settings, IMAGES, LABELS)(STATE, KEY, 0)


WITHOUT_ADVERSARY = dataclasses.replace(SETTINGS, adversary_weight=0.0)


@pytest.mark.slow
def test_the_joint_step_leaves_the_class_gaussians_alone_and_moves_every_net() -> None:
    _, found = _joint(SETTINGS, STATE.nets)
    assert _size((found.means, found.raw)) == 0
    assert all(_size(v) > 0 for v in found[:4])


@pytest.mark.slow
def test_the_adversary_reaches_the_style_encoder_alone() -> None:
    (_, with_it), (_, without) = (_joint(s, STATE.nets) for s in (SETTINGS, WITHOUT_ADVERSARY))
    gap = _gap(with_it, without)
    assert _size(gap.style) > 0
    # the rest is the same sum of the same terms: equal to rounding of a value of order one
    assert _size((gap.label, gap.decoder)) < 1e-4
    # and its own loss teaches the adversary, whatever the weight
    assert _size(gap.adversary) < 1e-4 < _size(with_it.adversary)


@pytest.mark.slow
def test_an_adversary_without_opinion_moves_nothing() -> None:
    flat = STATE.nets._replace(adversary=jax.tree.map(jnp.zeros_like, STATE.nets.adversary))
    found = [_joint(s, flat)[1].style for s in (SETTINGS, WITHOUT_ADVERSARY)]
    # uniform outputs are the optimum of the cross entropy with the uniform law
    assert _size(_gap(*found)) < 1e-5


@pytest.mark.slow
def test_the_adversarys_loss_has_no_slope_in_the_codes() -> None:
    codes = jax.random.normal(KEY, (12, 3))
    for on in ("sample", "mean", "both"):
        s = dataclasses.replace(SETTINGS, adversary_on=on)
        loss = lambda m, d, s=s: adversary_loss(s, STATE.nets.adversary, m, d, Y)
        assert _size(jax.jit(jax.grad(loss, argnums=(0, 1)))(codes, codes)) == 0


@pytest.mark.slow
def test_the_consistency_term_is_the_label_loss_of_decoded_mixtures_and_reaches_the_decoder_alone() -> None:
    ((total, figures), slope), ((plain, _), without) = (
        _joint(s, STATE.nets) for s in (SETTINGS, dataclasses.replace(SETTINGS, consistency=0.0))
    )
    gap = _gap(slope, without)
    assert _size(gap.decoder) > 0
    # the rest is the same sum of the same terms: equal to rounding of a value of order one
    assert _size((gap.label, gap.style, gap.adversary, gap.means, gap.raw)) < 1e-4
    # the difference of two float32 losses of order ten
    np.testing.assert_allclose(total - plain, SETTINGS.consistency * figures["consistency"], atol=1e-5)
    # a decoder that ignores its input makes one image, whose label loss is known
    flat = jax.tree.map(jnp.zeros_like, STATE.nets.decoder)

    @jax.jit
    def expected(nets: Nets):
        images = SETTINGS.decoder(nets.decoder, jnp.zeros((12, 5)))
        return jnp.mean(label_losses(SETTINGS.label_encoder(nets.label, images), nets.means, nets.raw, Y)[0])

    nets = STATE.nets._replace(decoder=flat)
    (_, figures), _ = _joint(SETTINGS, nets)
    np.testing.assert_allclose(figures["consistency"], expected(nets), rtol=1e-5)


@pytest.mark.slow
def test_refitted_class_gaussians_are_the_maximum_of_their_likelihood() -> None:
    codes = np.random.default_rng(1).normal(size=(60, 2)) * [1.0, 0.3] + (np.arange(60) % 3)[:, None]
    found = refit_class_gaussians(codes.astype(np.float32), np.arange(60) % 3, 3)
    for c in range(3):
        np.testing.assert_allclose(found.means[c], codes[c::3].mean(axis=0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.scales[c], codes[c::3].std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.weights, np.full(3, 1 / 3), rtol=1e-6)
    with pytest.raises(InputError, match="class 3"):
        refit_class_gaussians(codes, np.arange(60) % 3, 4)


@pytest.mark.slow
def test_the_prior_is_the_class_gaussian_times_a_standard_normal(pair) -> None:
    assert isinstance(pair.prior, ClassMixture) and pair.classes == 3
    labels = np.full(5, 1)
    z = np.asarray(pair.prior.sample(KEY, 5, labels))
    means, scales = np.asarray(pair.prior.means)[1, :2], np.asarray(pair.prior.scales)[1, :2]
    u = (z[:, :2] - means) / scales
    log_prob = -0.5 * np.sum(u**2, 1) - np.sum(np.log(scales)) - 0.5 * np.sum(z[:, 2:] ** 2, 1)
    log_prob = log_prob - 2.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(jax.jit(pair.prior.log_prob)(z, labels), log_prob, rtol=1e-4)


@pytest.mark.slow
def test_conditional_shapes_and_a_swap_with_itself_is_the_reconstruction(pair) -> None:
    assert blocks(pair) == ((0, 2), (2, 5))
    codes = pair.encoder(X)
    assert codes.shape == (12, 5)
    np.testing.assert_allclose(swap(pair, X, X), pair.generator(codes, Y), atol=1e-6)
    mixed = swap(pair, X, X[::-1])
    expected = pair.generator(jnp.concatenate([codes[:, :2], codes[::-1, 2:]], axis=1))
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    assert pair.critic(X, Y).shape == (12,)


@pytest.mark.slow
def test_class_samples_at_temperature_zero_have_the_mean_code_whatever_the_key(pair) -> None:
    draw = jax.jit(lambda key: sample_class(pair, key, jnp.asarray([2, 0]), temperature=0.0))
    for seed in (0, 1):
        z = np.asarray(draw(jax.random.key(seed)))
        np.testing.assert_array_equal(z[:, :2], np.asarray(pair.prior.means)[[2, 0], :2])


@pytest.mark.slow
def test_class_and_style_paths_keep_the_other_code(pair) -> None:
    z = np.asarray(pair.prior.sample(KEY, 5, np.arange(5) % 3))[:4]
    path = np.asarray(vary_class(pair, jnp.asarray(z), 0, 2, 5))
    np.testing.assert_array_equal(path[:, :, 2:], np.repeat(z[:, None, 2:], 5, axis=1))
    np.testing.assert_allclose(path[:, [0, -1], :2], np.tile(np.asarray(pair.prior.means)[[0, 2], :2], (4, 1, 1)))
    path = np.asarray(vary_style(pair, jnp.asarray(z[:2]), jnp.asarray(z[2:]), 5))
    np.testing.assert_array_equal(path[:, :, :2], np.repeat(z[:2, None, :2], 5, axis=1))
    np.testing.assert_allclose(path[:, -1, 2:], z[2:, 2:], atol=1e-6)


@pytest.mark.slow
def test_refinement_with_either_code_held_leaves_it_bit_identical(pair) -> None:
    for name in ("label", "style"):
        first, end = getattr(blocks(pair), name)
        config = dcd.Langevin("latent", 3, 1e-3, prior_weight=1.0, hold=(first, end))
        result = dcd.refine(pair, config, jax.random.key(2), 6, batch=6)
        moved = result.positions != result.latents
        assert not moved[:, first:end].any()
        assert moved[:, :first].all() and moved[:, end:].all()


@pytest.mark.slow
def test_a_round_of_training_moves_everything_and_the_pair_survives_storage(pair, tmp_path) -> None:
    state, figures = _round(dataclasses.replace(SETTINGS, adversary_on="both", independence=1.0))
    for before, after in zip(STATE.nets, state.nets, strict=True):
        assert _size(_gap(before, after)) > 0
    assert all(np.isfinite(float(v)) for v in figures.values()) and "hsic" in figures
    save_pair(tmp_path / "pair", pair)
    loaded = load_pair(tmp_path / "pair")
    np.testing.assert_array_equal(loaded.critic(X, Y), pair.critic(X, Y))
    np.testing.assert_array_equal(loaded.encoder(X, Y), pair.encoder(X, Y))
    np.testing.assert_array_equal(loaded.prior.means, pair.prior.means)
    assert blocks(loaded) == blocks(pair)


@pytest.mark.slow
def test_shifted_images_are_crops_of_the_edge_padded_image_and_every_offset_occurs() -> None:
    x = jax.random.uniform(KEY, (200, 5, 4, 1))
    moved = np.asarray(shift_images(jax.random.key(3), x, 1))
    padded = np.pad(np.asarray(x), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    crops = [padded[:, i : i + 5, j : j + 4] for i in range(3) for j in range(3)]
    same = np.stack([np.all(moved == c, axis=(1, 2, 3)) for c in crops])
    assert np.all(same.sum(axis=0) == 1)
    # 200 draws of 9 equally likely offsets: none occurs less than 8 times but with chance 1e-3
    assert same.sum(axis=1).min() >= 8
    np.testing.assert_array_equal(shift_images(KEY, x, 0), x)


@pytest.mark.slow
def test_shifting_moves_what_the_label_loss_trains_and_leaves_the_adversary_to_the_bit() -> None:
    """The adversary's turns come before the joint step and see the style alone, of images where they are."""
    settings = dataclasses.replace(SETTINGS, adversary_on="both", independence=1.0)
    gap = _gap(*(_round(s)[0].nets for s in (settings, dataclasses.replace(settings, shift=0))))
    assert _size(gap.means) > 0 and _size(gap.label) > 0
    assert _size(gap.adversary) == 0


def test_missing_or_wrong_labels_are_refused() -> None:
    with pytest.raises(InputError, match="no labels"):
        ls.make_update(SETTINGS, IMAGES, None)
    with pytest.raises(InputError, match="labels"):
        ls.make_update(SETTINGS, IMAGES, LABELS + 1)
    with pytest.raises(InputError, match="shift"):
        dataclasses.replace(SETTINGS, shift=0.5)
    with pytest.raises(InputError, match="adversary_on"):
        dataclasses.replace(SETTINGS, adversary_on="everything")
