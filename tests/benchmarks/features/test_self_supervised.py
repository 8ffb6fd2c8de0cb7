"""Feature nets trained without labels: the loss, the views, what is learnt, what is kept, what is refused."""

from __future__ import annotations

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import load_features
from benchmarks.features.self_supervised import (
    SelfSupervised,
    contrastive_loss,
    self_supervised_features,
    train_unlabelled,
)
from benchmarks.features.views import random_view
from pairs import InputError
from pairs.io.pixels import to_range
from pairs.registry import build


def signs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of 12 x 12 with a bar that lies (0) or stands (1) at a random place."""
    rng = np.random.default_rng(seed)
    kind, at = rng.integers(0, 2, n), rng.integers(3, 9, n)
    x = rng.normal(40, 10, (n, 12, 12, 1))
    for image, k, i in zip(x, kind, at, strict=True):
        image[(slice(2, 10), i) if k else (i, slice(2, 10))] += 180
    return np.clip(x, 0, 255).astype(np.uint8), kind


view = jax.jit(random_view)
SHORT = SelfSupervised(steps=60, batch=32, shift=0.2)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    return folder, self_supervised_features(signs(200)[0], folder, SHORT, name="signs")


@pytest.mark.slow
def test_the_loss_has_its_closed_form_and_falls_where_partners_agree():
    z, loss = np.tile(np.eye(4, dtype=np.float32), (2, 1)), jax.jit(contrastive_loss)
    # one partner at cosine 1, six others at 0
    assert float(loss(3 * z, 0.5)) == pytest.approx(np.log(np.exp(2) + 6) - 2, rel=1e-5)
    apart = np.concatenate([z[:4], np.roll(z[:4], 1, axis=0)])
    assert float(loss(apart, 0.5)) > float(loss(z, 0.5)) + 1


@pytest.mark.slow
def test_views_without_any_change_are_the_images_and_a_shift_moves_every_pixel_alike():
    x = jnp.asarray(signs(6)[0], jnp.float32)
    same = view(jax.random.key(0), x, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(same, x, atol=1e-3)  # float32 weights of places up to 12
    moved = view(jax.random.key(0), x, 0.0, 0.25, 0.0)
    inside = slice(3, 9)  # held at the borders, free of them further in than a quarter
    best = [
        min(
            float(np.abs(random_shift(image, dy, dx)[inside, inside] - seen[inside, inside]).mean())
            for dy in np.linspace(-3, 3, 25)
            for dx in np.linspace(-3, 3, 25)
        )
        for image, seen in zip(np.asarray(x[:2]), np.asarray(moved[:2]), strict=True)
    ]
    # a grid of a quarter pixel leaves a tenth of the bar's height at most; unrelated places leave more than 20
    assert max(best) < 12


def random_shift(image: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """The image read at places moved by (dy, dx), bilinear, held at the borders."""
    for axis, by in ((0, dy), (1, dx)):
        place = np.clip(np.arange(image.shape[axis]) + by, 0, image.shape[axis] - 1)
        low = np.minimum(np.floor(place).astype(int), image.shape[axis] - 2)
        part = (place - low).reshape(-1, 1, 1) if axis == 0 else (place - low).reshape(1, -1, 1)
        image = np.take(image, low, axis) * (1 - part) + np.take(image, low + 1, axis) * part
    return image


@pytest.mark.slow
def test_brightness_and_contrast_change_within_their_bounds():
    x = jnp.full((200, 8, 8, 1), 100.0)
    means = np.asarray(view(jax.random.key(0), x, 0.1, 0.1, 0.1)).mean((1, 2, 3))
    # 100 exp(+-0.1) +- 12.7, and a constant image stays constant
    assert 100 * np.exp(-0.1) - 12.7 <= means.min() < 90 and 110 < means.max() <= 100 * np.exp(0.1) + 12.7 + 1e-3


@pytest.mark.slow
def test_what_no_label_told_is_learnt(kept):
    _, features = kept
    (x, y), (t, truth) = signs(200, 1), signs(100, 2)
    a, b = features(x), features(t)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    found = y[np.argmax(b @ a.T, axis=1)]
    # the nearest neighbour's kind: chance is 0.5 with deviation 0.05
    assert (found == truth).mean() > 0.9


@pytest.mark.slow
def test_the_net_is_kept_read_back_and_trained_anew_for_other_images_or_settings(kept):
    folder, features = kept
    x, _ = signs(200)

    def refuse(*_: float) -> None:
        raise AssertionError("it was trained again")

    again = self_supervised_features(x, folder, SHORT, name="signs", on_progress=refuse)
    np.testing.assert_array_equal(again(x[:5]), features(x[:5]))
    assert load_features(folder / features.name).sha256 == features.sha256
    reference = features.reference("data")
    assert reference.n == 200 and reference.mu.shape == (features.dim,)
    np.testing.assert_allclose(reference.mu, features(x).astype(np.float64).mean(0), atol=1e-5)
    for other in ({"x": signs(200, 5)[0]}, {"settings": dataclasses.replace(SHORT, seed=1)}):
        with pytest.raises(AssertionError, match="again"):
            self_supervised_features(**{"x": x, "folder": folder, "settings": SHORT, "on_progress": refuse, **other})


@pytest.mark.slow
def test_training_is_a_function_of_the_seed():
    x, few = signs(40)[0], SelfSupervised(steps=2, batch=8)
    first, same, other = (train_unlabelled(x, dataclasses.replace(few, seed=s)) for s in (0, 0, 1))
    for k, v in first.params.items():
        np.testing.assert_array_equal(v, same.params[k])
    assert first.loss == same.loss != other.loss


def test_the_net_on_floats_agrees_with_bytes_and_is_rebuilt_by_its_architecture(kept):
    features, x = kept[1], signs(4)[0]
    net = features.as_net((0.0, 1.0))
    rows = jax.jit(lambda n, v: n(v))(net, to_range(x, (0.0, 1.0)))
    np.testing.assert_allclose(rows, features(x), atol=1e-4 * np.abs(rows).max())  # inputs rounded once
    apply, template = build(net.architecture)
    assert apply == net.apply
    assert jax.tree.map(lambda a: a.shape, template) == jax.tree.map(lambda a: a.shape, net.params)


def test_a_damaged_net_and_a_question_about_classes_are_refused(kept, tmp_path):
    folder, features = kept
    with pytest.raises(InputError, match="no classes"):
        features.logits(signs(2)[0])
    for file in (folder / features.name).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "input_shape": [24, 24, 1]}))
    with pytest.raises(InputError, match="another architecture"):
        load_features(tmp_path)


def test_unfit_images_and_settings_are_refused():
    with pytest.raises(InputError, match="at least 128"):
        train_unlabelled(signs(20)[0])
    with pytest.raises(InputError, match="uint8"):
        train_unlabelled(np.zeros((200, 12, 12, 1), np.float32))
    with pytest.raises(InputError, match="zoom"):
        SelfSupervised(zoom=2)
    with pytest.raises(InputError, match="steps"):
        SelfSupervised(steps=0)
