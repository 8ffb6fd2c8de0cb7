"""Values of a manifest (:mod:`checkpoints.manifest`): which settings there are, and that they fit one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pairs import InputError, Prior, prior_from_record
from pairs.sequential.labels import classes_of
from pairs.sequential.layers import Layer
from pairs.sequential.spec import infer_shapes, parse_layers

__all__ = [
    "SECTIONS",
    "NetManifest",
    "check_critic",
    "check_section",
    "read_classes",
    "read_net",
    "read_prior",
    "read_range",
]


_NET = {"file": str, "key": str, "sha256": str, "input_shape": list, "ignore": list, "layers": list}


SECTIONS: dict[str, dict[str, type]] = {
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


_LONGEST_NAME = 200
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


def check_section(
    section: str, values: Any, settings: Mapping[str, type], required: tuple[str, ...] | None = None
) -> None:
    """Refuse unknown and missing settings of a section, and values of another type.

    Args:
      section: Its name.
      values: What the manifest has.
      settings: Types of the settings that there are.
      required: Settings that must be there; those of a whole manifest where None.

    Raises:
      InputError: With the name of the section and setting.
    """
    if not isinstance(values, dict):
        raise InputError(section, "is missing", f"add a [{section}] section")
    for name, value in values.items():
        if name not in settings:
            raise InputError(f"{section}.{name[:60]}", "is no setting", f"use {', '.join(settings)}")
        if not isinstance(value, settings[name]):
            raise InputError(f"{section}.{name}", f"is {value!r}"[:80], f"give a {settings[name].__name__}")
        if name == "name" and not (value.isprintable() and 1 <= len(value) <= _LONGEST_NAME):
            problem = f"is {value!r}" if len(value) <= _LONGEST_NAME else f"has {len(value):,} characters"
            raise InputError(f"{section}.name", problem, f"give 1 to {_LONGEST_NAME} printable characters")
    for name in _REQUIRED[section] if required is None else required:
        if name not in values:
            unbounded = ": [low, high], or [] where samples have no bounds" if name == "sample_range" else ""
            raise InputError(f"{section}.{name}", "is missing", f"add it to [{section}]{unbounded}")


def read_prior(values: Mapping[str, Any]) -> Prior:
    """The prior of ``[prior]``, channels last.

    Raises:
      InputError: With the name of the section and setting.
    """
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


def read_range(value: Any) -> tuple[float, float] | None:
    """Bounds of a sample; None where there are none.

    Raises:
      InputError: With the name of the section and setting.
    """
    if not value:
        return None
    sound = all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e30 for v in value)
    if len(value) != 2 or not sound:
        problem = f"is {value!r}"
        raise InputError("pair.sample_range", problem[:80], "give two numbers, or [] where samples are unbounded")
    return float(value[0]), float(value[1])


def read_net(section: str, values: Mapping[str, Any], shape: tuple[int, ...]) -> NetManifest:
    """A net's section, with its layers parsed.

    Raises:
      InputError: With the name of the section and setting.
    """
    given = tuple(values.get("input_shape", shape))
    if not given or any(type(n) is not int or n < 1 for n in given):
        raise InputError(f"{section}.input_shape", f"is {list(given)}"[:80], "give positive integers, channels last")
    ignore = tuple(values.get("ignore", ()))
    if any(not isinstance(pattern, str) for pattern in ignore):
        raise InputError(f"{section}.ignore", f"is {list(ignore)}"[:80], 'give names or patterns, ["aux.*"]')
    layers = parse_layers(values["layers"], f"{section}.layers")
    return NetManifest(section, values["file"], layers, given, values.get("key"), values.get("sha256"), ignore)


def read_classes(pair: Mapping[str, Any], nets: Sequence[NetManifest]) -> int | None:
    """Number of labels that the pair and its layers agree on; None where no layer reads labels.

    Args:
      pair: The settings of ``[pair]``.
      nets: The nets.

    Raises:
      InputError: With the name of the section and setting.
    """
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


def check_critic(critic: NetManifest, sample: tuple[int, ...]) -> None:
    """Refuse a critic that does not take samples of this shape, or does not end in one score.

    Raises:
      InputError: With the name of the section and setting.
    """
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
