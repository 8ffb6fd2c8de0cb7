"""``pair.toml``: a manifest that turns somebody's weight files into a verified pair.

Written for who knows the PyTorch model::

    [pair]
    name = "mnist-dcgan"
    sample_range = [-1, 1]
    critic_kind = "logit"            # wasserstein, logit or energy
    license = "MIT"
    source = "where the files come from"

    [prior]
    kind = "normal"                  # normal, uniform, sphere, truncated
    shape = [64]

    [generator]
    file = "netG.pth"
    key = "model_state_dict"         # only where the file wraps the state dict
    layers = [
      {layer = "unflatten", shape = [64, 1, 1]},
      {layer = "conv_transpose", out = 128, kernel = 7},
      {layer = "batch_norm"},
      {layer = "relu"},
      {layer = "conv_transpose", out = 1, kernel = 4, stride = 4},
      {layer = "tanh"},
    ]

    [critic]
    file = "netD.pth"
    layers = [
      {layer = "flatten"},
      {layer = "dense", out = 1, name = "fc"},   # name: the module's prefix in the file
      {layer = "squeeze"},
    ]

``input_shape`` of a net is the prior's shape, or the generator's output, unless given
(channels last). A critic's final sigmoid is left out: its score is the logit.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairs import InputError, Net, Pair, Prior, Record, make_pair, prior_from_record
from pairs.sequential.layers import Layer
from pairs.sequential.spec import infer_shapes, parse_layers, sequential_net

from .conversion import convert_tensors
from .digest import file_digest
from .foreign.tensors import read_foreign, select

__all__ = ["Manifest", "NetManifest", "import_manifest", "read_manifest", "shipped_manifests"]

_SHIPPED = Path(__file__).resolve().parent / "manifests"
_SECTIONS = {
    "pair": {"name": str, "sample_range": list, "critic_kind": str, "license": str, "source": str, "notes": str},
    "generator": {"file": str, "key": str, "sha256": str, "input_shape": list, "layers": list},
    "critic": {"file": str, "key": str, "sha256": str, "input_shape": list, "layers": list},
}
_REQUIRED = {
    "pair": ("name", "sample_range", "critic_kind"),
    "generator": ("file", "layers"),
    "critic": ("file", "layers"),
}


@dataclasses.dataclass(frozen=True)
class NetManifest:
    """One net: where its numbers are and which layers they belong to."""

    section: str
    file: str
    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    key: str | None = None
    sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A checked manifest; shapes of all layers fit, no weight file has been opened."""

    path: Path
    pair: Mapping[str, Any]
    prior: Prior
    generator: NetManifest
    critic: NetManifest


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
    path = Path(path).expanduser()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("manifest", f"cannot read '{path}' ({error.strerror or error})", "check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("manifest", f"'{path}' is not TOML ({error})", "correct the line it names") from None
    unknown = sorted(set(data) - {*_SECTIONS, "prior"})
    if unknown:
        raise InputError(unknown[0], "is no section of a manifest", "use pair, prior, generator, critic")
    for section, settings in _SECTIONS.items():
        _check_section(section, data.get(section), settings)
    if not isinstance(data.get("prior"), dict):
        raise InputError("prior", "is missing", 'add [prior] with kind = "normal" and shape = [64]')
    prior = _prior(data["prior"])
    generator = _net("generator", data["generator"], prior.shape)
    shapes = infer_shapes(generator.layers, generator.input_shape, "generator.layers")
    if generator.input_shape != prior.shape or not shapes[-1]:
        problem = f"maps {generator.input_shape} to {shapes[-1]}, the prior has shape {prior.shape}"
        raise InputError("generator", problem, "begin with the prior's shape and return samples")
    critic = _net("critic", data["critic"], shapes[-1])
    _check_critic(critic, shapes[-1])
    return Manifest(path, data["pair"], prior, generator, critic)


def import_manifest(path: str | os.PathLike[str], files: str | os.PathLike[str] | None = None) -> Pair:
    """The verified pair that a manifest describes.

    Args:
      path: the manifest.
      files: folder of the weight files; the manifest's own folder by default.

    Raises:
      InputError: bad manifest; missing, damaged or refused weight file; tensors that do not match
        the layers (all of them are named); or a pair that fails :func:`pairs.check_pair`.
    """
    manifest = read_manifest(path)
    folder = Path(files).expanduser() if files is not None else manifest.path.parent
    nets, provenance = {}, {}
    for spec in (manifest.generator, manifest.critic):
        nets[spec.section], provenance[spec.section] = _load(spec, folder)
    about = {k: v for k, v in manifest.pair.items() if k not in ("sample_range", "critic_kind")}
    return make_pair(
        nets["generator"],
        nets["critic"],
        manifest.prior,
        sample_range=_range(manifest.pair["sample_range"]),
        critic_kind=manifest.pair["critic_kind"],
        record=Record({**about, "imported": provenance}),
    )


def _check_section(section: str, values: Any, settings: Mapping[str, type]) -> None:
    if not isinstance(values, dict):
        raise InputError(section, "is missing", f"add a [{section}] section")
    for name, value in values.items():
        if name not in settings:
            raise InputError(f"{section}.{name}", "is no setting", f"use {', '.join(settings)}")
        if not isinstance(value, settings[name]):
            raise InputError(f"{section}.{name}", f"is {value!r}", f"give a {settings[name].__name__}")
    for name in _REQUIRED[section]:
        if name not in values:
            raise InputError(f"{section}.{name}", "is missing", f"add it to [{section}]")


def _prior(values: Mapping[str, Any]) -> Prior:
    if values.get("kind") == "class-mixture":
        raise InputError("prior.kind", "is 'class-mixture', which has arrays", "build the pair in Python and save it")
    try:
        return prior_from_record(dict(values))
    except (TypeError, KeyError) as error:
        raise InputError("prior", f"cannot be read ({error})", 'give kind = "normal" and shape = [64]') from None


def _range(value: Any) -> tuple[float, float] | None:
    if not value:
        return None
    if len(value) != 2 or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value):
        raise InputError("pair.sample_range", f"is {value!r}", "give two numbers, or [] where samples are unbounded")
    return float(value[0]), float(value[1])


def _net(section: str, values: Mapping[str, Any], shape: tuple[int, ...]) -> NetManifest:
    given = tuple(values.get("input_shape", shape))
    if not given or any(type(n) is not int or n < 1 for n in given):
        raise InputError(f"{section}.input_shape", f"is {list(given)}", "give positive integers, channels last")
    layers = parse_layers(values["layers"], f"{section}.layers")
    return NetManifest(section, values["file"], layers, given, values.get("key"), values.get("sha256"))


def _check_critic(critic: NetManifest, sample: tuple[int, ...]) -> None:
    if critic.input_shape != sample:
        problem = f"is {list(critic.input_shape)}, the generator returns {list(sample)}"
        raise InputError("critic.input_shape", problem, "correct the layers of one of them")
    doing = [layer.kind for layer in critic.layers if layer.kind not in ("squeeze", "flatten", "identity", "dropout")]
    if doing and doing[-1] == "sigmoid":
        problem = "end in a sigmoid, so the score is a probability"
        raise InputError("critic.layers", problem, 'leave the sigmoid out and set critic_kind = "logit"')
    end = infer_shapes(critic.layers, critic.input_shape, "critic.layers")[-1]
    if end:
        one = all(n == 1 for n in end)
        remedy = 'add {layer = "squeeze"} at the end' if one else "return one number per sample"
        raise InputError("critic.layers", f"end in shape {list(end)}, not one number", remedy)


def _load(spec: NetManifest, folder: Path) -> tuple[Net, dict[str, Any]]:
    path = folder / Path(spec.file).expanduser()
    try:
        foreign = read_foreign(path)
        tensors = select(foreign.tensors, spec.key, path)
        sha256 = file_digest(path)
    except InputError as error:
        raise InputError(f"{spec.section}.{error.field}", error.problem, error.remedy) from None
    if spec.sha256 is not None and spec.sha256.lower() != sha256:
        problem = f"of '{path}' is {sha256}, the manifest says {spec.sha256}"
        raise InputError(f"{spec.section}.sha256", problem, "use the file the manifest was written for")
    params = convert_tensors(tensors, spec.layers, spec.input_shape, f"{spec.section}.layers").params
    # Module prefixes have served; without them equal architectures are equal, and traced once.
    layers = [layer.converted() for layer in spec.layers]
    net = sequential_net(layers, params, spec.input_shape)
    return net, {"file": path.name, "format": foreign.format, "sha256": sha256, "key": spec.key}
