"""Checks of a Pair: its nets are run on a few samples, and what the samplers cannot use is refused.

Nets that mix the samples of a batch (minibatch standard deviation, a BatchNorm that insists on batch statistics) are
found by comparing samples scored alone with the same samples scored together.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import on_device
from .errors import InputError
from .protocol import Net, Pair

__all__ = ["check_classifier", "check_pair", "shape_of"]


def shape_of(name: str, net: Net, *inputs: Any) -> jax.ShapeDtypeStruct:
    """Shape of what a net returns, found without running it.

    Raises:
      InputError: with the net's name, where it fails on such inputs.
    """
    try:
        return jax.eval_shape(net, *inputs)
    except InputError:
        raise
    except Exception as error:  # whatever a stranger's module raises, the user needs one line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            name, f"fails on input {inputs[0].shape}: {reason}", "check the latent and sample shapes"
        ) from error


def check_classifier(pair: Pair, classifier: Net) -> None:
    """Refuse a net that does not map the pair's samples ``(batch, *sample)`` to logits ``(batch, classes)``.

    Raises:
      InputError: it fails on them; it returns another shape, or other classes than a conditional pair has.
    """
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    shape = shape_of("classifier", classifier, x).shape
    if len(shape) != 2 or shape[0] != 2 or shape[1] < 2 or pair.classes not in (None, shape[1]):
        wanted = "at least 2 classes" if pair.classes is None else f"{pair.classes} classes"
        raise InputError("classifier", f"maps {x.shape} to {shape}", f"return logits (batch, classes), {wanted}")


def check_pair(pair: Pair, seed: int = 0) -> None:
    """Run both nets on a few samples and refuse what the samplers cannot use.

    Raises:
      InputError: shapes do not match; NaN or infinity in weights or outputs; samples outside
        the declared range; a critic that returns probabilities; a net whose output for one
        sample depends on the rest of the batch; an encoder that does not invert shapes.
    """
    n = 8
    for name in ("generator", "critic", "encoder", "features", "classifier"):
        net = getattr(pair, name)
        for path, leaf in jax.tree_util.tree_leaves_with_path(None if net is None else net.params):
            if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) and not np.all(np.isfinite(np.asarray(leaf))):
                where = jax.tree_util.keystr(path, simple=True, separator=".")
                raise InputError(name, f"weights '{where}' hold NaN or infinity", "use an earlier checkpoint")
    z = pair.prior.sample(jax.random.key(seed), n)
    labels = (jnp.arange(n) % pair.classes,) if pair.classes else ()
    shape_of("generator", pair.generator, z, *labels)
    x = np.asarray(pair.generator(z, *labels))
    if x.shape != (n, *pair.sample_shape):
        raise InputError("generator", f"returns {x.shape}", f"return ({n}, {', '.join(map(str, pair.sample_shape))})")
    if not np.all(np.isfinite(x)):
        raise InputError("generator", "returns NaN or infinity", "check its weights")
    if pair.sample_range is not None:
        low, high = pair.sample_range
        slack = 1e-3 * (high - low)
        if x.min() < low - slack or x.max() > high + slack:
            raise InputError(
                "sample_range",
                f"is [{low:g}, {high:g}] but samples lie in [{x.min():.4g}, {x.max():.4g}], "
                f"outside by up to {max(low - x.min(), x.max() - high):.3g}",
                "declare the range the generator was trained for (sample_range in a manifest, --range at import), "
                f'or end its layers with {{layer = "clip", low = {low:g}, high = {high:g}}}',
            )
    _refuse_batch_mixing("generator", pair.generator, z, labels, x)
    if pair.has_critic:
        _check_critic(pair, x, labels, seed)
    if pair.classifier is not None:
        check_classifier(pair, pair.classifier)
    if pair.encoder is not None:
        code = shape_of("encoder", pair.encoder, x, *labels).shape
        if code != (n, *pair.prior.shape):
            raise InputError("encoder", f"returns {code}", f"return (batch, {', '.join(map(str, pair.prior.shape))})")


def _check_critic(pair: Pair, x: np.ndarray, labels: tuple[Any, ...], seed: int) -> None:
    n = len(x)
    d = shape_of("critic", pair.critic, x, *labels)
    if d.shape != (n,):
        remedy = "wrap it with squeeze=True" if d.shape == (n, 1) else "return one number per sample"
        raise InputError("critic", f"returns {d.shape} for {n} samples", remedy)
    score = np.asarray(pair.critic(x, *labels))
    if not np.all(np.isfinite(score)):
        raise InputError("critic", "returns NaN or infinity", "check its weights and the sample range")
    _refuse_probability(pair, x, labels, seed)
    _refuse_batch_mixing("critic", pair.critic, x, labels, score)


def _refuse_probability(pair: Pair, x: np.ndarray, labels: tuple[Any, ...], seed: int) -> None:
    """A logit leaves [0, 1] on loud noise; a probability never does."""
    noise = np.random.default_rng(seed).standard_normal(x.shape).astype(x.dtype)
    spread = float(np.std(x)) + 1.0
    inputs = [x, spread * noise, 30 * spread * noise, -30 * spread * noise]
    scores = np.stack([np.asarray(pair.critic(on_device(v), *labels)) for v in inputs])
    if np.all((scores >= 0) & (scores <= 1)) and np.ptp(scores) > 0:
        raise InputError(
            "critic",
            "returns values in [0, 1] whatever it is shown, so it looks like a probability",
            "drop the final sigmoid and give the logit (check=False if it is a bounded score)",
        )


def _refuse_batch_mixing(name: str, net: Net, inputs: Any, labels: tuple[Any, ...], whole: np.ndarray) -> None:
    if jax.default_backend() != "cpu":  # accelerators round the inputs of products, not alike for all batch sizes
        with jax.default_matmul_precision("highest"):
            _compare_alone(name, net, inputs, labels, np.asarray(net(inputs, *labels)))
    else:
        _compare_alone(name, net, inputs, labels, whole)


def _compare_alone(name: str, net: Net, inputs: Any, labels: tuple[Any, ...], whole: np.ndarray) -> None:
    alone = np.concatenate([np.asarray(net(inputs[i : i + 1], *(v[i : i + 1] for v in labels))) for i in range(3)])
    scale = np.abs(whole).max() + 1e-6
    if not np.allclose(alone, whole[:3], rtol=1e-3, atol=1e-3 * scale):
        raise InputError(
            name,
            "gives a sample another value when its batch changes (train-mode BatchNorm, minibatch standard deviation)",
            "use running statistics, or remove the layer that mixes samples",
        )
