"""A critic under training, split into the weights that are trained and the rest that is kept."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pairs import InputError, Net

from .losses import ScoreFunction

__all__ = ["CriticFrame", "split_critic"]

_BUFFERS = {"mean", "var", "running_mean", "running_var", "batch_stats", "u", "v", "sigma", "weight_u", "weight_v"}
_FROZEN = {"features", "center", "spread", "fixed"}  # of a critic on features; what is added to a critic


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["kept"], meta_fields=["apply", "tree", "architecture"]
)
@dataclasses.dataclass(frozen=True)
class CriticFrame:
    """Everything of a critic but its trained weights; an argument of compiled functions.

    Attributes:
      kept: Leaves that training leaves alone, by position.
      apply: ``(params, x, *labels) -> (batch,)``, static.
      tree: Structure of the parameters, static.
      architecture: How a checkpoint rebuilds the net, static; None for a net that cannot be rebuilt.
    """

    kept: dict[str, Any]
    apply: Callable[..., Array]
    tree: Any
    architecture: Any

    def score(self, trained: dict[str, Array], *labels: Array) -> ScoreFunction:
        """Return the score function of one batch of samples.

        Args:
          trained: Trained weights.
          *labels: Labels ``(batch,)`` of a conditional critic.

        Returns:
          ``(batch, *sample) -> (batch,)``.
        """
        params = self.net(trained).params
        return lambda x: self.apply(params, x, *labels)

    def net(self, trained: dict[str, Array]) -> Net:
        """Return the critic with the given trained weights.

        Args:
          trained: Trained weights.

        Returns:
          A net of the same architecture.
        """
        both = {**trained, **self.kept}
        params = jax.tree.unflatten(self.tree, [both[str(i)] for i in range(len(both))])
        return Net(params, self.apply, self.architecture)


def split_critic(net: Net) -> tuple[CriticFrame, dict[str, Array]]:
    """Split a critic into its frame and its trained weights.

    Running statistics, power-iteration vectors, whole numbers, the feature net of a critic on features, and terms
    that were added to a critic (:func:`dcd.with_labels`) are kept.

    Args:
      net: Critic.

    Returns:
      The frame, and the trained weights by position.

    Raises:
      InputError: The critic has no weights to train.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(net.params)
    trained: dict[str, Array] = {}
    kept: dict[str, Any] = {}
    for i, (path, leaf) in enumerate(leaves):
        names = {str(getattr(step, "key", getattr(step, "name", ""))) for step in path}
        number = jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.inexact)
        if number and not names & (_BUFFERS | _FROZEN):
            trained[str(i)] = jnp.asarray(leaf)
        else:
            kept[str(i)] = leaf
    if not trained:
        raise InputError("critic", "has no weights to train", "use architecture='auto'")
    return CriticFrame(kept, net.apply, tree, net.architecture), trained
