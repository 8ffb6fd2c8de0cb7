r"""The law of StyleGAN2's styles as a normal one: mean and covariance before the mapping's last leaky ReLU.

With v what that leaky ReLU takes, over latents z of N(0, I),

.. math:: m = \mathbb E\, v, \quad S^\top S = \mathrm{Cov}\, v, \quad w = \mathrm{LeakyReLU}(m + u S),\; u \sim N(0, I)

has nearly the law of the styles. S is the symmetric root.

References:
  Wulff and Torralba (2020), arXiv:2009.06529.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pairs import InputError
from pairs.gan.stylegan2 import StyleGan2Config

__all__ = ["fitted_styles"]

_LATENTS = 20_000
_SEED = 0


def fitted_styles(gained: Mapping[str, np.ndarray], config: StyleGan2Config) -> dict[str, np.ndarray]:
    """Tensors with ``mean`` and ``spread`` in place of the mapping's layers.

    Args:
      gained: Tensors of the generator, the mapping's weights with their gains.
      config: Of the generator.

    Raises:
      InputError: A conditional generator, whose styles have a law for each label.
    """
    if config.classes is not None:
        raise InputError("space", "is 'w', and this generator has labels", "import it in the space 'z'")
    draw = np.random.default_rng(_SEED)
    x = draw.standard_normal((_LATENTS, config.latent))
    x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-8)
    for i in range(config.mapping):
        x = x if i == 0 else math.sqrt(2) * np.where(x >= 0, x, 0.2 * x)
        x = x @ gained[f"mapping.fc{i}.weight"].T + gained[f"mapping.fc{i}.bias"]
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    spread = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    rest = {n: a for n, a in gained.items() if not n.startswith("mapping.fc")}
    return {**rest, "mean": x.mean(axis=0), "spread": spread}
