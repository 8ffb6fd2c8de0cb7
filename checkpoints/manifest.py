"""``pair.toml``: a manifest that turns somebody's weight files into a verified pair.

Written for who knows the PyTorch model::

    [pair]
    name = "mnist-dcgan"
    sample_range = [-1, 1]
    critic_kind = "logit"            # wasserstein, logit, energy or least_squares
    real_is_low = true               # only where the critic was trained towards low scores on real samples
    license = "MIT"
    source = "where the files come from"
    check = "golden.npz"             # stored outputs that the pair must reproduce (checkpoints.golden)

    [prior]
    kind = "normal"                  # normal, uniform (low, high), sphere, truncated
    shape = [64]

    [generator]
    file = "netG.pth"
    key = "model_state_dict"         # only where the file wraps the state dict
    ignore = ["aux.*"]               # tensors that belong to no layer
    layers = [
      {layer = "unflatten", shape = [64, 1, 1]},
      {layer = "conv_transpose", out = 128, kernel = 7},
      {layer = "batch_norm"},
      {layer = "relu"},
      {layer = "conv_transpose", out = 1, kernel = 4, stride = 4},
      {layer = "tanh"},
    ]

    [critic]                         # without it, adapt and tune make a critic
    file = "netD.pth"
    layers = [
      {layer = "flatten"},
      {layer = "dense", out = 1, name = "fc"},   # name: the module's prefix in the file
      {layer = "squeeze"},
    ]

``input_shape`` of a net is the prior's shape, or the generator's output, unless given
(channels last). A critic's final sigmoid is left out: its score is the logit. Latents that are
images have ``shape = [C, H, W]`` with ``order = "pytorch"`` in ``[prior]``. A conditional pair
has label layers (:mod:`pairs.sequential.labels`), whose ``classes`` are those of the pair.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairs import InputError, Prior
from pairs.io.paths import as_path
from pairs.sequential.spec import infer_shapes

from .manifest_values import (
    SECTIONS,
    NetManifest,
    check_critic,
    check_section,
    read_classes,
    read_net,
    read_prior,
    read_range,
)
from .toml_files import read_toml

__all__ = ["Manifest", "read_manifest", "shipped_manifests"]

_SHIPPED = Path(__file__).resolve().parent / "manifests"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A checked manifest; shapes of all layers fit, no weight file has been opened.

    Attributes:
      path: The file.
      pair: The settings of ``[pair]``.
      prior: The prior.
      generator: The generator.
      critic: The critic, ``None`` where there is none.
      classes: Number of labels of a conditional pair.
    """

    path: Path
    pair: Mapping[str, Any]
    prior: Prior
    generator: NetManifest
    critic: NetManifest | None
    classes: int | None = None

    @property
    def nets(self) -> tuple[NetManifest, ...]:
        """The generator, and the critic where there is one."""
        return (self.generator,) if self.critic is None else (self.generator, self.critic)

    @property
    def sample_range(self) -> tuple[float, float] | None:
        """Lowest and highest value of a sample, ``None`` where there is no bound."""
        return read_range(self.pair["sample_range"])


def shipped_manifests() -> tuple[str, ...]:
    """Names of the manifests that come with the package; :func:`read_manifest` takes them in place of a path."""
    return tuple(sorted(p.stem for p in _SHIPPED.glob("*.toml")))


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Parse and check a manifest.

    Raises:
      InputError: naming the section and setting, or the number of the layer, that is wrong.
    """
    if str(path) in shipped_manifests():
        path = _SHIPPED / f"{path}.toml"
    path = as_path("manifest", path)
    data = read_toml(path)
    unknown = sorted(set(data) - {*SECTIONS, "prior"})
    if "choice" in data and "gain" in data:
        remedy = f"give it as --tuned {shlex.quote(str(path))}, or give the pair beside it"
        raise InputError("pair", f"'{path}' holds what tune found, no manifest", remedy)
    if unknown:
        raise InputError(unknown[0], "is no section of a manifest", "use pair, prior, generator, critic")
    if "critic" in data and "generator" not in data:
        problem = "is missing: this manifest describes a critic alone"
        command = f"ganrefine import PAIR {shlex.quote(str(path))} --out DIR"
        remedy = f"add [generator], or give the stored pair that the critic is for: {command}"
        raise InputError("generator", problem, remedy)
    for section, settings in SECTIONS.items():
        if section != "critic" or section in data:
            check_section(section, data.get(section), settings)
    if "critic" in data and "critic_kind" not in data["pair"]:
        raise InputError("pair.critic_kind", "is missing", "add it to [pair]")
    if "critic" not in data and data["pair"].get("real_is_low"):
        raise InputError("pair.real_is_low", "is set, and there is no critic", "leave it out, or add [critic]")
    if not isinstance(data.get("prior"), dict):
        raise InputError("prior", "is missing", 'add [prior] with kind = "normal" and shape = [64]')
    read_range(data["pair"]["sample_range"])
    prior = read_prior(data["prior"])
    generator = read_net("generator", data["generator"], prior.shape)
    shapes = infer_shapes(generator.layers, generator.input_shape, "generator.layers")
    if generator.input_shape != prior.shape or not shapes[-1]:
        problem = f"maps {generator.input_shape} to {shapes[-1]}, the prior has shape {prior.shape}"
        raise InputError("generator", problem, "begin with the prior's shape and return samples")
    critic = read_net("critic", data["critic"], shapes[-1]) if "critic" in data else None
    if critic is not None:
        check_critic(critic, shapes[-1])
    classes = read_classes(data["pair"], (generator,) if critic is None else (generator, critic))
    return Manifest(path, data["pair"], prior, generator, critic, classes)
