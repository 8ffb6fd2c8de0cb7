"""Two ONNX files become a pair that keeps the protocol, and everything undecided is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints import load_pair, save_pair
from checkpoints.graphs.nets import onnx_critic, onnx_generator
from checkpoints.graphs.pair_import import import_onnx
from pairs import InputError, Normal, Uniform
from pairs.prior_text import parse_prior

onnx = pytest.importorskip("onnx")
TensorProto, helper = onnx.TensorProto, onnx.helper
ReferenceEvaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
files = pytest.importorskip("onnx_files")
critic, file, generator = files.critic, files.file, files.generator

_run = jax.jit(lambda net, *inputs: net(*inputs))
_RNG = np.random.default_rng(5)


def _oracle(data: bytes, **inputs: np.ndarray) -> np.ndarray:
    return ReferenceEvaluator(onnx.load_model_from_string(data)).run(None, inputs)[0]


def _latents(n: int) -> np.ndarray:
    return _RNG.normal(size=(n, 6)).astype(np.float32)


def test_two_files_are_a_pair_where_nothing_is_ambiguous() -> None:
    pair = import_onnx(generator(), critic("Sigmoid"), prior="normal:6")
    assert pair.sample_shape == (6, 6, 1) and pair.sample_range == (-1.0, 1.0) and pair.critic_kind == "logit"
    assert any("Sigmoid was taken off" in note for note in pair.record["notes"])
    z = _latents(4)
    x = _run(pair.generator, z)
    np.testing.assert_allclose(x, np.moveaxis(_oracle(generator(), z=z), 1, -1), atol=1e-6)
    np.testing.assert_allclose(
        _run(pair.critic, x), _oracle(critic(), x=np.moveaxis(np.asarray(x), -1, 1))[:, 0], atol=1e-5
    )


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_batch_size_is_free(n: int) -> None:
    g, d = onnx_generator(generator(), Normal((6,))), onnx_critic(critic(), (6, 6, 1))
    z = _latents(n)
    x = _run(g.net, z)
    np.testing.assert_allclose(x, np.moveaxis(_oracle(generator(), z=z), 1, -1), atol=1e-6)
    assert _run(d.net, x).shape == (n,)


def test_a_graph_made_for_a_batch_of_one_is_mapped_over_the_samples() -> None:
    fixed = onnx_generator(generator(batch=1), Normal((6,)))
    z = _latents(5)
    np.testing.assert_allclose(_run(fixed.net, z), _run(onnx_generator(generator(), Normal((6,))).net, z), atol=1e-6)
    assert any("batch of one" in note for note in fixed.notes)


def test_a_graph_made_for_another_fixed_batch_is_refused() -> None:
    with pytest.raises(InputError, match="free batch size"):
        onnx_generator(generator(batch=4), Normal((6,)))


@pytest.mark.parametrize("labels", ["number", "one_hot"])
def test_class_numbers_go_in_whatever_form_the_graph_takes(labels: str) -> None:
    data = generator(labels=labels)
    pair = import_onnx(data, critic(labels=True), prior="normal:6", critic_kind="wasserstein")
    assert pair.classes == 5
    z, y = _latents(5), np.asarray([4, 0, 3, 3, 1])
    given = np.eye(5, dtype=np.float32)[y] if labels == "one_hot" else y
    x = _run(pair.generator, z, y)
    np.testing.assert_allclose(x, np.moveaxis(_oracle(data, z=z, y=given), 1, -1), atol=1e-6)
    expected = _oracle(critic(labels=True), x=np.moveaxis(np.asarray(x), -1, 1), y=y)[:, 0]
    np.testing.assert_allclose(_run(pair.critic, x, y), expected, atol=1e-5)


def test_an_unconditional_critic_of_a_conditional_generator_leaves_the_labels_out() -> None:
    pair = import_onnx(generator(labels="number"), critic(), prior="normal:6", critic_kind="energy", check=False)
    x = _run(pair.generator, _latents(3), np.asarray([0, 1, 2]))
    np.testing.assert_array_equal(*(_run(pair.critic, x, np.asarray(y)) for y in ([0, 1, 2], [3, 3, 3])))
    with pytest.raises(InputError, match="takes labels, the generator does not"):
        import_onnx(generator(), critic(labels=True), prior="normal:6", critic_kind="energy")


def test_labels_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(InputError, match="classes: are 7, the generator has 5"):
        onnx_generator(generator(labels="number"), Normal((6,)), classes=7)
    net = onnx_generator(generator(labels="number"), Normal((6,))).net
    with pytest.raises(InputError, match="takes labels"):
        net(_latents(2))


@pytest.mark.parametrize(("last", "expected"), [("Tanh", (-1, 1)), ("Sigmoid", (0, 1)), ("Softsign", (-1, 1))])
def test_the_range_is_that_of_the_last_operator(last: str, expected: tuple) -> None:
    assert onnx_generator(generator(last, flat=True), Normal((6,))).sample_range == expected


def test_a_range_that_is_not_said_is_asked_for() -> None:
    both = generator("Identity"), critic()
    with pytest.raises(InputError, match="sample_range: is not said.*None where samples are unbounded"):
        import_onnx(*both, prior="normal:6", critic_kind="energy")
    pair = import_onnx(*both, prior="normal:6", critic_kind="energy", sample_range=None, check=False)
    assert pair.sample_range is None


def test_flat_images_take_the_sample_shape_and_its_order() -> None:
    z = _latents(3)
    with_shape = onnx_generator(
        generator(flat=True, channels=2), Normal((6,)), sample_shape=(6, 6, 2), layout="channels_first"
    )
    np.testing.assert_allclose(
        _run(with_shape.net, z), _run(onnx_generator(generator(channels=2), Normal((6,))).net, z), atol=1e-6
    )
    with pytest.raises(InputError, match="layout: of .* is not clear"):
        onnx_generator(generator(flat=True, channels=2), Normal((6,)), sample_shape=(6, 6, 2))
    with pytest.raises(InputError, match="sample_shape: is .5, 5, 1., the generator returns .36."):
        onnx_generator(generator(flat=True), Normal((6,)), sample_shape=(5, 5, 1))
    x = np.asarray(_run(with_shape.net, z))
    flat = onnx_critic(critic(flat=True, channels=2), (6, 6, 2), layout="channels_first")
    np.testing.assert_allclose(_run(flat.net, x), _run(onnx_critic(critic(channels=2), (6, 6, 2)).net, x), atol=1e-5)


def test_the_sigmoid_of_a_critic_is_taken_off_or_refused() -> None:
    x = _RNG.normal(size=(3, 6, 6, 1)).astype(np.float32)
    stripped = onnx_critic(critic("Sigmoid"), (6, 6, 1))
    np.testing.assert_allclose(_run(stripped.net, x), _run(onnx_critic(critic(), (6, 6, 1)).net, x), atol=1e-6)
    with pytest.raises(InputError, match="ends in a Sigmoid"):
        onnx_critic(critic("Sigmoid"), (6, 6, 1), sigmoid="refuse")
    with pytest.raises(InputError, match="critic_kind: is 'wasserstein', but the critic ended in a Sigmoid"):
        import_onnx(generator(), critic("Sigmoid"), prior="normal:6", critic_kind="wasserstein")


def test_a_sigmoid_that_something_else_uses_is_not_taken_off() -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0),
        helper.make_node("Sigmoid", ["m"], ["s"]),
        helper.make_node("Mul", ["s", "s"], ["q"]),
        helper.make_node("Sigmoid", ["q"], ["y"]),
        helper.make_node("Add", ["y", "q"], ["other"]),
    ]
    arrays = {"axes": np.asarray([1, 2, 3])}
    two = file(nodes, {"x": (TensorProto.FLOAT, ["n", 1, 6, 6])}, ["y", "other"], arrays)
    with pytest.raises(InputError, match="another node uses"):
        onnx_critic(two, (6, 6, 1), output="y")
    with pytest.raises(InputError, match="critic_output: is not decided: there are 2; give one of y, other"):
        onnx_critic(two, (6, 6, 1))


def test_a_generator_alone_is_a_pair_without_a_critic() -> None:
    pair = import_onnx(generator(), prior="normal:6")
    assert not pair.has_critic and pair.critic_kind is None and pair.sample_range == (-1.0, 1.0)
    with pytest.raises(InputError, match="critic_kind: is 'logit', and there is no critic"):
        import_onnx(generator(), prior="normal:6", critic_kind="logit")


def test_what_a_pair_needs_is_asked_for_in_one_line() -> None:
    with pytest.raises(InputError, match="critic_kind: is not said"):
        import_onnx(generator(), critic(), prior="normal:6")
    with pytest.raises(InputError, match="prior: has shape .7., the generator takes .6.; give a prior of size 6"):
        import_onnx(generator(), critic(), prior="normal:7", critic_kind="energy")
    with pytest.raises(InputError, match="takes samples of shape .1, 6, 6.*returns .6, 6, 3."):
        import_onnx(generator(channels=3), critic(), prior="normal:6", critic_kind="energy")


def test_a_stored_pair_comes_back_bit_for_bit_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = import_onnx(
        generator(labels="number"), critic(), prior="normal:6", critic_kind="energy", name="small", check=False
    )
    path = save_pair(tmp_path / "pair", pair)
    monkeypatch.setitem(sys.modules, "onnx", None)
    again = load_pair(path)
    assert jax.tree.structure(again) == jax.tree.structure(pair) and again.name == "small"
    z, y = _latents(3), jnp.asarray([0, 1, 2])
    np.testing.assert_array_equal(_run(again.generator, z, y), _run(pair.generator, z, y))
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(pair), strict=True):
        np.testing.assert_array_equal(a, b)


def test_priors_from_words() -> None:
    assert parse_prior("normal:96") == Normal((96,))
    assert parse_prior("uniform:4x1x1,low=0,high=1") == Uniform((4, 1, 1), 0.0, 1.0)
    for words in ("normal", "normal:", "normal:a", "gauss:3", "normal:3,width=2", "class-mixture:3"):
        with pytest.raises(InputError, match="prior"):
            parse_prior(words)


def test_a_published_generator_gives_its_published_images(data_root: Path) -> None:
    """Samples lie in [-1, 1]; the network has about ten layers of float32 sums over at most a thousand terms."""
    folder = data_root / "pairs" / "mnist-wgan-gp-onnx"
    made = onnx_generator(folder / "generator.onnx", Normal((96,)))
    assert made.face.sample == (28, 28, 1) and made.face.classes == 10 and made.sample_range == (-1.0, 1.0)
    golden = np.load(folder / "golden.npz")
    x = _run(made.net, golden["z"], golden["label"].argmax(1))
    np.testing.assert_allclose(x, np.moveaxis(golden["x"], 1, -1), atol=1e-5)
