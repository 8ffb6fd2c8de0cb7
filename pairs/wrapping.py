"""From a Flax module or a plain function to a :class:`Net`, always in inference mode; and the checks of a Pair.

BatchNorm uses its running statistics, Dropout is off, random state is left out.
What still mixes the samples of a batch (minibatch standard deviation, a
BatchNorm that insists on batch statistics) is found by running the net and refused.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx
from flax.errors import FlaxError
from jax import Array

from .errors import InputError
from .priors import Prior
from .protocol import CriticKind, Net, NoCritic, Pair
from .record import Record
from .registry import Architecture

__all__ = ["wrap", "make_pair", "check_pair"]

_OFF = ("train", "training", "is_training", "is_train")
_ON = ("deterministic", "use_running_average", "inference", "eval_mode")


@dataclasses.dataclass(frozen=True)
class NnxApply:
    """Calls an NNX module given its state; equal for equal structure.

    Random streams play no part in inference: kept aside, so that parameters are numbers only.
    """

    graphdef: Any
    randomness: Any = dataclasses.field(compare=False)

    def __call__(self, state: Any, *inputs: Any) -> Array:
        return nnx.merge(self.graphdef, self.randomness, state)(*inputs)


@dataclasses.dataclass(frozen=True)
class LinenApply:
    """Calls a Linen module with fixed keyword arguments; Linen modules compare by content."""

    module: linen.Module
    kwargs: tuple[tuple[str, bool], ...] = ()

    def __call__(self, variables: Any, *inputs: Any) -> Array:
        try:
            run = cast(Callable[..., Array], self.module.apply)
            return run(variables, *inputs, **dict(self.kwargs))
        except FlaxError as error:
            first = str(error).split("(https", 1)[0]
            raise InputError(
                "module",
                f"does not run in inference mode: {first}",
                "give BatchNorm use_running_average=True (or a 'train' argument that sets it)",
            ) from None


@dataclasses.dataclass(frozen=True)
class Parameterless:
    """Calls a function of the inputs alone, ``f(x)``."""

    function: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """The function of the first input; labels are not read."""
        return self.function(inputs[0])


@dataclasses.dataclass(frozen=True)
class Squeezed:
    """Drops a trailing axis of length one: critics that return ``(batch, 1)``."""

    inner: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        y = self.inner(params, *inputs)
        return y[..., 0] if y.ndim == 2 and y.shape[-1] == 1 else y


def wrap(model: Any, params: Any = None, *, squeeze: bool = False, architecture: Architecture | None = None) -> Net:
    """Make a :class:`Net`.

    Args:
      model: an NNX module (``params`` stays empty), a Linen module (``params`` are its
        variables), or a function ``f(params, *inputs)``, or ``f(input)`` without ``params``. Define functions once, at
        module level: every new lambda is a new architecture and a new trace.
      params: pytree of arrays.
      squeeze: drop a trailing axis of length one (critics that return ``(batch, 1)``).
      architecture: how a checkpoint rebuilds the net without your code.

    Raises:
      InputError: neither module nor function, missing variables, a module stuck in training mode.

    >>> net = wrap(lambda p, x: p * x, jnp.asarray(2.0))
    >>> float(net(jnp.asarray(3.0)))
    6.0
    """
    apply: Callable[..., Array]
    if isinstance(model, Net):
        apply, params, architecture = model.apply, model.params, architecture or model.architecture
    elif isinstance(model, nnx.Module):
        view = nnx.view(model, use_running_average=True, deterministic=True, raise_if_not_found=False)
        graphdef, randomness, state = nnx.split(view, nnx.RngState, ...)
        apply, params = NnxApply(graphdef, randomness), nnx.as_pure(state)
    elif isinstance(model, linen.Module):
        if params is None:
            raise InputError("params", "are missing for a Linen module", "give its variables, {'params': ...}")
        apply = LinenApply(model, _inference_arguments(model))
    elif any(base.__module__.startswith("torch.") for base in type(model).__mro__):
        remedy = "save its state_dict, describe its layers in a pair.toml, and give that to 'ganrefine import'"
        raise InputError("model", f"is a PyTorch module ({type(model).__name__})", remedy)
    elif callable(model):
        function = cast(Callable[..., Array], model)
        apply = Parameterless(function) if params is None and _positions(function) == 1 else function
    else:
        raise InputError("model", f"is a {type(model).__name__}", "give an NNX module, a Linen module or a function")
    return Net(params, Squeezed(apply) if squeeze else apply, architecture)


def _positions(function: Callable[..., Any]) -> int | None:
    """Number of positional arguments that a function takes; ``None`` where it takes any number, or does not say."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in given):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in given)


def _inference_arguments(module: linen.Module) -> tuple[tuple[str, bool], ...]:
    names = inspect.signature(type(module).__call__).parameters
    return tuple((n, False) for n in _OFF if n in names) + tuple((n, True) for n in _ON if n in names)


def make_pair(
    generator: Net,
    critic: Net | None,
    prior: Prior,
    *,
    sample_range: tuple[float, float] | None,
    critic_kind: CriticKind | None,
    calibrated: bool = False,
    classes: int | None = None,
    encoder: Net | None = None,
    features: Net | None = None,
    classifier: Net | None = None,
    record: Record | None = None,
    check: bool = True,
) -> Pair:
    """Build a :class:`Pair` and run :func:`check_pair` on it (``check=False`` skips the run).

    The sample shape is read off the generator.

    Raises:
      InputError: see :func:`check_pair`.
    """
    z = jax.eval_shape(lambda k: prior.sample(k, 2), jax.random.key(0))
    labels = (jax.ShapeDtypeStruct((2,), jnp.int32),) if classes else ()
    x = _shape_of("generator", generator, z, *labels)
    if x.ndim < 2 or x.shape[0] != 2:
        raise InputError("generator", f"maps latents {z.shape} to {x.shape}", "return (batch, *sample)")
    pair = Pair(
        generator,
        critic if critic is not None else Net((), NoCritic()),
        prior,
        tuple(x.shape[1:]),
        sample_range,
        critic_kind,
        calibrated,
        classes,
        encoder,
        features,
        record or Record(),
        classifier,
    )
    if check:
        check_pair(pair)
    return pair


def _shape_of(name: str, net: Net, *inputs: Any) -> jax.ShapeDtypeStruct:
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
    shape = _shape_of("classifier", classifier, x).shape
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
            if jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.inexact) and not np.all(np.isfinite(np.asarray(leaf))):
                where = jax.tree_util.keystr(path, simple=True, separator=".")
                raise InputError(name, f"weights '{where}' hold NaN or infinity", "use an earlier checkpoint")
    z = pair.prior.sample(jax.random.key(seed), n)
    labels = (jnp.arange(n) % pair.classes,) if pair.classes else ()
    _shape_of("generator", pair.generator, z, *labels)
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
        code = _shape_of("encoder", pair.encoder, x, *labels).shape
        if code != (n, *pair.prior.shape):
            raise InputError("encoder", f"returns {code}", f"return (batch, {', '.join(map(str, pair.prior.shape))})")


def _check_critic(pair: Pair, x: np.ndarray, labels: tuple[Any, ...], seed: int) -> None:
    n = len(x)
    d = _shape_of("critic", pair.critic, x, *labels)
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
    scores = np.stack([np.asarray(pair.critic(jnp.asarray(v), *labels)) for v in inputs])
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
