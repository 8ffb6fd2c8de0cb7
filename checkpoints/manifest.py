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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairs import InputError, Prior, prior_from_record
from pairs.io.paths import as_path
from pairs.sequential.labels import classes_of
from pairs.sequential.layers import Layer
from pairs.sequential.spec import infer_shapes, parse_layers

from .toml_files import read_toml

__all__ = ["Manifest", "NetManifest", "read_manifest", "shipped_manifests"]

_SHIPPED = Path(__file__).resolve().parent / "manifests"
_NET = {"file": str, "key": str, "sha256": str, "input_shape": list, "ignore": list, "layers": list}
_SECTIONS: dict[str, dict[str, type]] = {
    "pair": {
        "name": str,
        "sample_range": list,
        "critic_kind": str,
        "classes": int,
        "real_is_low": bool,
        "license": str,
        "source": str,
        "notes": str,
        "check": str,
    },
    "generator": _NET,
    "critic": _NET,
}
_REQUIRED = {"pair": ("name", "sample_range"), "generator": ("file", "layers"), "critic": ("file", "layers")}


@dataclasses.dataclass(frozen=True)
class NetManifest:
    """One net: where its numbers are and which layers they belong to.

    Attributes:
      section: ``generator`` or ``critic``.
      file: The weight file.
      layers: The layers.
      input_shape: Shape of one input, channels last.
      key: The part of the file that is the state dict.
      sha256: What the file must be.
      ignore: Names or patterns of tensors that belong to no layer.
    """

    section: str
    file: str
    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    key: str | None = None
    sha256: str | None = None
    ignore: tuple[str, ...] = ()


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
        return _range(self.pair["sample_range"])


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
    unknown = sorted(set(data) - {*_SECTIONS, "prior"})
    if unknown:
        raise InputError(unknown[0], "is no section of a manifest", "use pair, prior, generator, critic")
    for section, settings in _SECTIONS.items():
        if section != "critic" or section in data:
            _check_section(section, data.get(section), settings)
    if "critic" in data and "critic_kind" not in data["pair"]:
        raise InputError("pair.critic_kind", "is missing", "add it to [pair]")
    if "critic" not in data and data["pair"].get("real_is_low"):
        raise InputError("pair.real_is_low", "is set, and there is no critic", "leave it out, or add [critic]")
    if not isinstance(data.get("prior"), dict):
        raise InputError("prior", "is missing", 'add [prior] with kind = "normal" and shape = [64]')
    _range(data["pair"]["sample_range"])
    prior = _prior(data["prior"])
    generator = _net("generator", data["generator"], prior.shape)
    shapes = infer_shapes(generator.layers, generator.input_shape, "generator.layers")
    if generator.input_shape != prior.shape or not shapes[-1]:
        problem = f"maps {generator.input_shape} to {shapes[-1]}, the prior has shape {prior.shape}"
        raise InputError("generator", problem, "begin with the prior's shape and return samples")
    critic = _net("critic", data["critic"], shapes[-1]) if "critic" in data else None
    if critic is not None:
        _check_critic(critic, shapes[-1])
    return Manifest(path, data["pair"], prior, generator, critic, _classes(data["pair"], generator, critic))


def _check_section(section: str, values: Any, settings: Mapping[str, type]) -> None:
    if not isinstance(values, dict):
        raise InputError(section, "is missing", f"add a [{section}] section")
    for name, value in values.items():
        if name not in settings:
            raise InputError(f"{section}.{name}", "is no setting", f"use {', '.join(settings)}")
        if not isinstance(value, settings[name]):
            raise InputError(f"{section}.{name}", f"is {value!r}"[:80], f"give a {settings[name].__name__}")
    for name in _REQUIRED[section]:
        if name not in values:
            raise InputError(f"{section}.{name}", "is missing", f"add it to [{section}]")


def _prior(values: Mapping[str, Any]) -> Prior:
    if values.get("kind") == "class-mixture":
        raise InputError("prior.kind", "is 'class-mixture', which has arrays", "build the pair in Python and save it")
    settings = dict(values)
    order = settings.pop("order", "channels_last")
    if order not in ("channels_last", "pytorch"):
        raise InputError("prior.order", f"is {order!r}"[:80], "use channels_last or pytorch")
    try:
        prior = prior_from_record(settings)
    except (TypeError, KeyError) as error:
        raise InputError("prior", f"cannot be read ({error})", 'give kind = "normal" and shape = [64]') from None
    return prior if order == "channels_last" else dataclasses.replace(prior, shape=(*prior.shape[1:], prior.shape[0]))


def _range(value: Any) -> tuple[float, float] | None:
    if not value:
        return None
    sound = all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e30 for v in value)
    if len(value) != 2 or not sound:
        problem = f"is {value!r}"
        raise InputError("pair.sample_range", problem[:80], "give two numbers, or [] where samples are unbounded")
    return float(value[0]), float(value[1])


def _net(section: str, values: Mapping[str, Any], shape: tuple[int, ...]) -> NetManifest:
    given = tuple(values.get("input_shape", shape))
    if not given or any(type(n) is not int or n < 1 for n in given):
        raise InputError(f"{section}.input_shape", f"is {list(given)}"[:80], "give positive integers, channels last")
    ignore = tuple(values.get("ignore", ()))
    if any(not isinstance(pattern, str) for pattern in ignore):
        raise InputError(f"{section}.ignore", f"is {list(ignore)}"[:80], 'give names or patterns, ["aux.*"]')
    layers = parse_layers(values["layers"], f"{section}.layers")
    return NetManifest(section, values["file"], layers, given, values.get("key"), values.get("sha256"), ignore)


def _classes(pair: Mapping[str, Any], generator: NetManifest, critic: NetManifest | None) -> int | None:
    nets = (generator,) if critic is None else (generator, critic)
    found = {net.section: classes_of(net.layers, f"{net.section}.layers") for net in nets}
    said = {n for n in (pair.get("classes"), *found.values()) if n is not None}
    if len(said) > 1:
        each = ", ".join(f"{name} {n}" for name, n in found.items() if n is not None)
        raise InputError(
            "pair.classes", f"is {pair.get('classes', 'not given')}, the layers have {each}", "make them equal"
        )
    if said and not any(found.values()):
        raise InputError(
            "pair.classes", f"is {pair['classes']}, but no layer reads labels", "leave it out, or add label layers"
        )
    return said.pop() if said else None


def _check_critic(critic: NetManifest, sample: tuple[int, ...]) -> None:
    if critic.input_shape != sample:
        problem = f"is {list(critic.input_shape)}, the generator returns {list(sample)}"
        raise InputError("critic.input_shape", problem, "correct the layers of one of them")
    idle = ("squeeze", "flatten", "unflatten", "reshape", "identity", "dropout")
    doing = [layer.kind for layer in critic.layers if layer.kind not in idle]
    if doing and doing[-1] == "sigmoid":
        problem = "end in a sigmoid, so the score is a probability"
        raise InputError("critic.layers", problem, 'leave the sigmoid out and set critic_kind = "logit"')
    end = infer_shapes(critic.layers, critic.input_shape, "critic.layers")[-1]
    if end:
        one = all(n == 1 for n in end)
        remedy = 'add {layer = "squeeze"} at the end' if one else "return one number per sample"
        raise InputError("critic.layers", f"end in shape {list(end)}, not one number", remedy)
