"""How much of a label codes give away: a linear probe and one with a hidden layer, tested on codes of other images."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from pairs.vae.nets import Mlp

__all__ = ["probe"]


def probe(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    hidden: tuple[int, ...] = (),
    steps: int = 1500,
    seed: int = 0,
) -> float:
    """Accuracy on ``test`` of a classifier of standardised codes; Adam, batches of 256.

    A third of the training codes is kept aside, and the weights that did best on it are taken.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1e-8
    x, held = np.split((train - mean) / spread, [2 * len(train) // 3])
    y, held_y = np.split(labels, [2 * len(train) // 3])
    net = Mlp((train.shape[1],), (int(labels.max()) + 1,), hidden, "relu")
    opt = optax.adam(3e-3 if not hidden else 1e-3)

    @jax.jit
    def hundred(params: list, state: optax.OptState, key: Array, x: Array, y: Array) -> tuple[list, optax.OptState]:
        def turn(i: Array, carry: tuple) -> tuple:
            params, state = carry
            rows = jax.random.randint(jax.random.fold_in(key, i), (256,), 0, len(x))
            loss = lambda p: jnp.mean(optax.softmax_cross_entropy_with_integer_labels(net(p, x[rows]), y[rows]))
            delta, state = opt.update(jax.grad(loss)(params), state, params)
            return optax.apply_updates(params, delta), state

        return jax.lax.fori_loop(0, 100, turn, (params, state))

    accuracy = jax.jit(lambda p, x, y: jnp.mean(jnp.argmax(net(p, x), axis=1) == y))
    params = net.init(jax.random.key(seed))
    state, best = opt.init(params), (-1.0, params)
    for i in range(steps // 100):
        params, state = hundred(params, state, jax.random.fold_in(jax.random.key(seed + 1), i), x, y)
        best = max(best, (float(accuracy(params, held, held_y)), params), key=lambda b: b[0])
    return float(accuracy(best[1], (test - mean) / spread, test_labels))
