"""A manifest that describes a critic alone, for a stored pair that has a generator.

Its form::

    [pair]
    critic_kind = "logit"            # name, real_is_low, license, source, notes, check, classes as in a whole manifest

    [critic]
    file = "critic.pth"
    layers = [{layer = "flatten"}, {layer = "dense", out = 1}, {layer = "squeeze"}]

Prior and range are the stored pair's, and the critic takes the samples of its generator.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.io.paths import as_path

from .manifest_values import SECTIONS, NetManifest, check_critic, check_section, read_classes, read_net
from .toml_files import read_toml

__all__ = ["CriticManifest", "is_critic_manifest", "read_critic_manifest"]


@dataclasses.dataclass(frozen=True)
class CriticManifest:
    """A checked manifest of a critic; no weight file has been opened.

    Attributes:
      path: The file.
      pair: The settings of ``[pair]``.
      critic: The critic.
    """

    path: Path
    pair: Mapping[str, Any]
    critic: NetManifest


def is_critic_manifest(path: str | os.PathLike[str]) -> bool:
    """Whether a manifest has a critic and no generator.

    Args:
      path: The file.

    Raises:
      InputError: It is no TOML file.
    """
    data = read_toml(as_path("manifest", path))
    return "critic" in data and "generator" not in data


def read_critic_manifest(
    path: str | os.PathLike[str], sample: tuple[int, ...] | None = None, classes: int | None = None
) -> CriticManifest:
    """Parse and check a manifest with a critic alone.

    Args:
      path: The file.
      sample: Shape of the generator's samples; the critic's ``input_shape`` where None.
      classes: Number of labels of the generator's pair; not compared where ``sample`` is None.

    Raises:
      InputError: naming the section and setting, or the number of the layer, that is wrong.
    """
    path = as_path("manifest", path)
    data = read_toml(path)
    for section in sorted(set(data) - {"pair", "critic"}):
        problem = "stands beside [critic] in the manifest of a critic for a stored pair, which has its own"
        raise InputError(section, problem, f"leave [{section}] out")
    pair = data.get("pair")
    if isinstance(pair, dict) and "sample_range" in pair:
        raise InputError("pair.sample_range", "is that of the stored pair", "leave it out")
    check_section("pair", pair, {k: v for k, v in SECTIONS["pair"].items() if k != "sample_range"}, ("critic_kind",))
    check_section("critic", data.get("critic"), SECTIONS["critic"])
    if sample is None and "input_shape" not in data["critic"]:
        remedy = "add it to [critic], such as input_shape = [28, 28, 1], channels last"
        raise InputError("critic.input_shape", "is not said by a critic alone", remedy)
    critic = read_net("critic", data["critic"], sample or ())
    check_critic(critic, sample or critic.input_shape)
    found = read_classes(data["pair"], (critic,))
    if sample is not None and found not in (None, classes):
        problem = f"has {found} classes, the generator {classes or 'takes no labels'}"
        raise InputError("critic", problem, "give the critic that was trained with this generator")
    return CriticManifest(path, data["pair"], critic)
