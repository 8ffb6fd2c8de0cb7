"""From nets and a prior to a :class:`Pair`, whose parts have been run together once."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .errors import InputError
from .pair_checks import check_pair, shape_of
from .priors import Prior
from .protocol import CriticKind, Net, NoCritic, Pair
from .record import Record

__all__ = ["make_pair"]


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
      InputError: a net is no :class:`Net`; or see :func:`check_pair`.
    """
    nets = {
        "generator": generator,
        "critic": critic,
        "encoder": encoder,
        "features": features,
        "classifier": classifier,
    }
    for name, net in nets.items():
        if not isinstance(net, Net) and (net is not None or name == "generator"):
            remedy = f"wrap it: pairs.wrap({name}), or pairs.wrap({name}, weights) where weights come apart from it"
            raise InputError(name, f"is a {type(net).__name__}, not a pairs.Net", remedy)
    z = jax.eval_shape(lambda k: prior.sample(k, 2), jax.random.key(0))
    labels = (jax.ShapeDtypeStruct((2,), jnp.int32),) if classes else ()
    x = shape_of("generator", generator, z, *labels)
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
