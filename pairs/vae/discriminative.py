r"""Discriminative regularisation (arXiv 1602.03220): an autoencoder that also matches a classifier's representations.

With the frozen classifier's representations :math:`d_l` and learned standard deviations, one per pixel and unit:

.. math::
   \mathrm{cost} = \beta\,\mathrm{KL}(q(z|x) \| N(0, I)) - \log N(x; \mu(z), \sigma_0^2)
      - w \sum_l \log N(d_l(x); d_l(\mu(z)), \sigma_l^2)

The paper has :math:`w = \beta = 1` (:data:`PAPER`). Thousands of units then weigh against a few dozen nats of KL:
codes leave the prior, reconstructions get better and draws from N(0, I) worse. :data:`BALANCED`, the default,
has w near the ratio of pixels to units and :math:`\beta = 2.5`; :mod:`pairs.vae.fitted_prior` mends either. The first
``classifier_steps`` updates train the classifier, which is left alone after that and travels with the pair as
its feature net (:mod:`pairs.vae.feature_map`). :math:`\log\sigma` stays within 3 of zero: pixels that never
change would otherwise have an unbounded likelihood.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..errors import InputError
from ..fitting import Job, Update
from ..protocol import Pair
from ..record import Record
from .classifier import ConvClassifier, classification_loss
from .energy import ElboCritic, bound_pair
from .feature_map import feature_net
from .fitted_prior import with_fitted_prior
from .losses import draw_posterior, gaussian_log_likelihood, kl_standard, split_posterior, squared_error
from .nets import VaeConfig
from .train import Data, adam, apply_gradient, as_data, check_positive, draw_images, in_batches, to_float

__all__ = [
    "BALANCED",
    "PAPER",
    "Discriminative",
    "DiscriminativeState",
    "Trainable",
    "cost",
    "init",
    "job",
    "make_update",
    "to_pair",
]

LOG_SIGMA_LIMIT = 3.0


@dataclasses.dataclass(frozen=True)
class Discriminative:
    """Settings; the symbols are those of the module.

    Attributes:
      model: Sizes of the autoencoder.
      classes: Number of labels.
      feature_weight: w, the weight of the representations; 0 is the plain VAE with learned deviations.
      beta: Weight of the KL.
      classifier_steps: Updates of the classifier before the autoencoder is trained.
      batch: Images per update.
      learning_rate: Adam's.
      components: Number of Gaussians of a prior fitted to the codes; 0 keeps N(0, I).

    Raises:
      InputError: a value out of range, with the field's name.
    """

    model: VaeConfig = VaeConfig()
    classes: int = 10
    feature_weight: float = 0.1
    beta: float = 2.5
    classifier_steps: int = 1000
    batch: int = 100
    learning_rate: float = 1e-3
    components: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "beta", "batch", "learning_rate")
        check_positive(self, "feature_weight", "classifier_steps", "components", zero=True)
        if self.classes < 2:
            raise InputError("classes", f"is {self.classes}", "give at least 2")
        if self.model.sample_range is None:
            raise InputError("sample_range", "is missing", "images need a range, for example (0.0, 1.0)")

    @property
    def teaching_steps(self) -> int:
        """Updates that go to the classifier: none where representations have no weight."""
        return self.classifier_steps if self.feature_weight else 0

    @property
    def sample_range(self) -> tuple[float, float]:
        """Range of the images."""
        return self.model.sample_range or (0.0, 1.0)

    @property
    def classifier(self) -> ConvClassifier:
        """The classifier whose representations are matched."""
        if len(self.model.sample_shape) != 3:
            raise InputError("sample_shape", f"is {self.model.sample_shape}", "give images (H, W, C)")
        return ConvClassifier(self.model.sample_shape, self.sample_range, self.classes)


PAPER = {"feature_weight": 1.0, "beta": 1.0}
BALANCED = {"feature_weight": 0.1, "beta": 2.5}


class Trainable(NamedTuple):
    """What the autoencoder's optimiser moves: nets, and log standard deviations of pixels and representations."""

    encoder: Any
    decoder: Any
    pixel: Array
    layers: list[Array]


class DiscriminativeState(NamedTuple):
    """Everything a resumed run needs."""

    classifier: Any
    classifier_opt: Any
    nets: Trainable
    opt: Any


def init(settings: Discriminative, key: Array) -> DiscriminativeState:
    """Fresh state; all standard deviations start at 1."""
    classifier_key, encoder_key, decoder_key = jax.random.split(key, 3)
    classifier = settings.classifier.init(classifier_key)
    nets = Trainable(
        settings.model.encoder.init(encoder_key),
        settings.model.decoder.init(decoder_key),
        jnp.zeros(settings.model.sample_shape),
        [jnp.zeros(s) for s in settings.classifier.shapes()],
    )
    opt = adam(settings.learning_rate)
    return DiscriminativeState(classifier, opt.init(classifier), nets, opt.init(nets))


def cost(
    settings: Discriminative, nets: Trainable, classifier: Any, x: Array, key: Array
) -> tuple[Array, dict[str, Array]]:
    """The cost above, a mean over the batch, and its parts; the classifier's parameters get no gradient."""
    mean, log_var = split_posterior(settings.model.encoder(nets.encoder, x))
    made = settings.model.decoder(nets.decoder, draw_posterior(key, mean, log_var))
    kl = kl_standard(mean, log_var)
    pixel = gaussian_log_likelihood(x, made, nets.pixel)
    total = settings.beta * kl - pixel
    parts = {"kl": jnp.mean(kl), "pixel": -jnp.mean(pixel), "error": jnp.mean(squared_error(x, made))}
    if settings.feature_weight:
        frozen = jax.lax.stop_gradient(classifier)
        represent = settings.classifier.representations
        wanted, found = jax.lax.stop_gradient(represent(frozen, x)), represent(frozen, made)
        likelihood = sum(gaussian_log_likelihood(*t) for t in zip(wanted, found, nets.layers, strict=True))
        total = total - settings.feature_weight * likelihood
        parts["features"] = -jnp.mean(jnp.asarray(likelihood))
    return jnp.mean(total), parts


def make_update(settings: Discriminative, images: ArrayLike, labels: ArrayLike | None) -> Update:
    """``update(state, key, step)``: the classifier first, then the autoencoder."""
    data = as_data(images, settings.model.sample_shape, labels, settings.classes)
    teach, learn = _compiled_updates(settings)
    return lambda state, key, step: (teach if step < settings.teaching_steps else learn)(state, key, data)


@functools.lru_cache(maxsize=4)
def _compiled_updates(settings: Discriminative) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Updates of the classifier and of the nets, the same for equal settings: a run taken up compiles nothing."""
    opt, span = adam(settings.learning_rate), settings.sample_range

    @jax.jit
    def teach(state: DiscriminativeState, key: Array, data: Data) -> tuple[DiscriminativeState, dict[str, Array]]:
        data_key, shift_key = jax.random.split(key)
        x, y = draw_images(data_key, data, settings.batch, span)
        loss, gradient = jax.value_and_grad(classification_loss, argnums=1)(
            settings.classifier, state.classifier, x, y, shift_key
        )
        parts = cost(settings, state.nets, state.classifier, x, data_key)[1]  # as it stands: curves of equal length
        params, opt_state = apply_gradient(opt, gradient, state.classifier_opt, state.classifier)
        return state._replace(classifier=params, classifier_opt=opt_state), {**parts, "classifier": loss}

    @jax.jit
    def learn(state: DiscriminativeState, key: Array, data: Data) -> tuple[DiscriminativeState, dict[str, Array]]:
        data_key, noise_key = jax.random.split(key)
        x, y = draw_images(data_key, data, settings.batch, span)
        gradient, parts = jax.grad(cost, argnums=1, has_aux=True)(settings, state.nets, state.classifier, x, noise_key)
        nets, opt_state = apply_gradient(opt, gradient, state.opt, state.nets)
        bound = lambda v: jnp.clip(v, -LOG_SIGMA_LIMIT, LOG_SIGMA_LIMIT)
        nets = nets._replace(pixel=bound(nets.pixel), layers=[bound(v) for v in nets.layers])
        if settings.feature_weight:
            parts["classifier"] = classification_loss(settings.classifier, state.classifier, x, y, noise_key, 0)
        return state._replace(nets=nets, opt=opt_state), parts

    return teach, learn


@functools.lru_cache(maxsize=4)
def _compiled_errors(settings: Discriminative) -> Callable[..., Any]:
    """``(nets, rows) -> squared errors`` of reconstructions, one for equal settings."""

    @jax.jit
    def errors(nets: Trainable, rows: Array) -> Array:
        model, x = settings.model, to_float(rows, settings.sample_range)
        return squared_error(x, model.decoder(nets.decoder, split_posterior(model.encoder(nets.encoder, x))[0]))

    return errors


def to_pair(
    settings: Discriminative, state: DiscriminativeState, images: ArrayLike, key: Array, record: Record | None = None
) -> Pair:
    """The trained autoencoder as a pair.

    The decoder is the generator, the posterior mean the encoder, an evidence bound the critic (``ganrefine adapt``
    recovers a better one). Where representations had a weight the feature map comes along. ``key`` serves the
    fitted prior.
    """
    model, nets = settings.model, state.nets
    data = as_data(images, model.sample_shape)

    # one deviation for all pixels: the learned ones are floored where nothing ever changes, and would rule the score
    weight = 0.5 * model.size / float(jnp.mean(in_batches(_compiled_errors(settings), nets, data.images)))
    critic = ElboCritic(model.encoder, model.decoder, "elbo", weight, 1.0)
    features = None
    if settings.feature_weight:
        features = feature_net(settings.classifier, state.classifier, nets.pixel, nets.layers, settings.feature_weight)
    pair = bound_pair(critic, nets.encoder, nets.decoder, model.sample_range, features, record)
    if not settings.components:
        return pair
    return with_fitted_prior(pair, to_float(data.images[:20_000], settings.sample_range), key, settings.components)


def job(settings: Discriminative, images: ArrayLike, labels: ArrayLike | None) -> Job:
    """Training as :func:`checkpoints.train` runs it, ``teaching_steps`` included in its steps."""
    return Job(
        "discriminative-vae",
        settings,
        lambda key: init(settings, key),
        lambda: make_update(settings, images, labels),
        lambda state, key, record: to_pair(settings, state, images, key, record),
    )
