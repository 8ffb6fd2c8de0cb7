"""Keras's list of layers in the manifest's terms. Layers with arrays: :mod:`~checkpoints.foreign.keras_arrays`."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from .keras_arrays import WITH_ARRAYS, Chain, Shape
from .keras_plain import PLAIN, activation
from .limits import Refused, shown

__all__ = ["flat_layers", "translate"]

_DEPTH = 16
_LAYERS = 2000


def flat_layers(config: Any) -> list[dict[str, Any]]:
    """The layers of a model as :func:`_flat` gives them, each with an ``id`` of its own.

    Models inside a model may use a name twice; such layers are known by the names of the models around them as well.

    Args:
      config: ``{"class_name": ..., "config": {...}}``.

    Raises:
      Refused: another kind of model, branches, or no list of layers.
    """
    found = _flat(config)
    used = [_name(layer) for layer in found]
    for layer, name in zip(found, used, strict=True):
        layer["id"] = ".".join(map(str, layer["within"])) if isinstance(name, str) and used.count(name) > 1 else name
    return found


def _flat(config: Any, place: tuple[str, ...] = (), within: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    """The layers of a Sequential model, or of a Functional one that is a chain, nested ones spread out.

    Args:
      config: ``{"class_name": ..., "config": {...}}``.
      place: names of the groups around it in an archive of Keras 3.
      within: names of the models around it.

    Returns:
      The layers as they stand in the file, each with its ``place``, and in ``within`` the names of the models around it
      and its own. Keras 3 numbers the layers of each class within a model, whatever they are called.

    Raises:
      Refused: another kind of model, branches, or no list of layers.
    """
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise Refused("its description of the model has an unknown form")
    kind, inner = config.get("class_name"), config["config"].get("layers")
    if kind not in ("Sequential", "Functional", "Model") or not isinstance(inner, list) or len(place) > _DEPTH:
        raise Refused(f"its model is a '{shown(kind)}', not a Sequential one")
    if kind != "Sequential":
        _check_ends(config["config"], inner)
    found: list[dict[str, Any]] = []
    used: dict[str, int] = {}
    for position, layer in enumerate(inner):
        if (
            not isinstance(layer, dict)
            or not isinstance(layer.get("config"), dict)
            or type(layer.get("class_name")) is not str
        ):
            raise Refused("its description of the model has an unknown form")
        if not isinstance(_name(layer), str):
            raise Refused("a layer has no proper name")
        if not _is_of_keras(layer):
            problem = f"its layer '{shown(_name(layer))}' is a {shown(layer['class_name'])} of"
            raise Refused(f"{problem} {shown(layer.get('module') or layer.get('registered_name'))}, not of Keras")
        if kind != "Sequential" and position and _sources(layer) != [_name(inner[position - 1])]:
            raise Refused(
                f"its layer '{shown(_name(layer))}' does not follow the one before it: the model has branches"
            )
        nested = layer["class_name"] in ("Sequential", "Functional", "Model")
        snake = _snake(layer["class_name"])
        used[snake] = used.get(snake, -1) + 1
        inside = (*place, f"{snake}_{used[snake]}" if used[snake] else snake)
        names = (*within, _name(layer))
        found.extend(_flat(layer, inside, names) if nested else [{**layer, "place": inside, "within": names}])
        if len(found) > _LAYERS:
            raise Refused(f"its model has more than {_LAYERS} layers")
    return found


def _check_ends(config: dict[str, Any], layers: list[Any]) -> None:
    """Refuse a Functional model whose input is not its first layer, or whose result is not its last one."""
    for key, position, word in (("input_layers", 0, "input"), ("output_layers", -1, "output")):
        named = [config[key]] if isinstance(config.get(key), (list, dict)) else []
        names: list[Any] = []
        while named:
            value = named.pop()
            inside = list(value.values()) if isinstance(value, dict) else value
            if isinstance(inside, list) and inside and isinstance(inside[0], str):
                names.append(inside[0])
            elif isinstance(inside, list) and len(inside) <= _LAYERS:
                named.extend(v for v in inside if isinstance(v, (list, dict)))
        if key in config and (not layers or names != [_name(layers[position])]):
            listed = ", ".join(shown(n) for n in names[:4]) or "none"
            raise Refused(f"its {word} is not the chain's {'first' if position == 0 else 'last'} layer ({listed})")


def _is_of_keras(layer: dict[str, Any]) -> bool:
    """Whether the class is Keras's, not one of another package that is called alike."""
    module, registered = layer.get("module"), layer.get("registered_name")
    if isinstance(module, str):
        return module.split(".")[0] in ("keras", "tf_keras", "tensorflow")
    return registered is None or registered == layer["class_name"] or str(registered).lower().startswith("keras>")


def _snake(name: str) -> str:
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name[:256]))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _name(layer: Any) -> Any:
    if not isinstance(layer, dict):
        return None
    config = layer.get("config")
    return layer.get("name") or (config.get("name") if isinstance(config, dict) else None)


def _sources(layer: dict[str, Any], limit: int = 50) -> list[Any]:
    """Names of the layers whose outputs a layer takes, in the forms of Keras 2 and 3."""
    found, waiting = [], [layer.get("inbound_nodes")]
    while waiting and limit:
        value, limit = waiting.pop(), limit - 1
        if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and type(value[1]) is int:
            found.append(value[0])
        elif isinstance(value, dict) and isinstance(value.get("keras_history"), list) and value["keras_history"]:
            found.append(value["keras_history"][0])
        elif isinstance(value, (list, dict)):
            waiting.extend(reversed(list(value.values() if isinstance(value, dict) else value)))
    return found


def translate(
    layers: list[dict[str, Any]], arrays: dict[str, list[np.ndarray]]
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]], Shape]:
    """Tensors by name, the layer list, and the shape of the input, channels last.

    Args:
      layers: as :func:`flat_layers` gives them.
      arrays: the arrays of each layer, by its name.

    Raises:
      Refused: a layer or a setting that has no counterpart, or arrays that do not fit.
    """
    shape = _input_shape(layers)
    chain = Chain(shape)
    for layer in layers:
        kind, config = layer["class_name"], layer["config"]
        name = layer.get("id", config.get("name"))
        if type(name) is not str or not name or len(name) > 256:
            raise Refused("a layer has no proper name")
        if config.get("data_format") == "channels_first":
            raise Refused(f"layer '{shown(name)}' has its channels first")
        held = arrays.get(name, [])
        if kind in WITH_ARRAYS:
            WITH_ARRAYS[kind](chain, config, name, held)
        elif kind == "Flatten":
            chain.flatten()
        elif kind == "Reshape":
            chain.reshape(_reshaped(config, chain.shape))
        elif kind in PLAIN:
            chain.layers += PLAIN[kind](config, chain.shape, name)
            chain.shape = _after(chain.layers[-1] if chain.layers else {}, kind, config, chain.shape)
        else:
            code = ", which runs code of its own" if kind == "Lambda" else ""
            raise Refused(f"its layer '{shown(name)}' is a {shown(kind)}{code}: it has no counterpart")
        if kind in WITH_ARRAYS:
            chain.layers += activation(config.get("activation"), name)
    if (
        chain.order is not None
        and len(chain.order) > 1
        and not np.array_equal(chain.order, np.arange(len(chain.order)))
    ):
        raise Refused("it ends in a flattened image, whose order differs here")
    return chain.tensors, chain.layers, shape


def _input_shape(layers: list[dict[str, Any]]) -> Shape:
    for layer in layers[:2]:
        config = layer["config"]
        for key in ("batch_shape", "batch_input_shape"):
            given = config.get(key)
            if (
                isinstance(given, list)
                and 1 < len(given) < 5
                and all(type(n) is int and 0 < n < 2**20 for n in given[1:])
            ):
                return tuple(given[1:])
    raise Refused("the shape of its input is not fixed")


def _side(n: Any) -> bool:
    return type(n) is int and (n > 0 or n == -1)


def _reshaped(config: dict[str, Any], shape: Shape) -> Shape:
    target = config.get("target_shape")
    if not isinstance(target, list) or not 1 <= len(target) <= 3 or not all(_side(n) for n in target):
        raise Refused("a Reshape layer has no proper target")
    known = math.prod(n for n in target if n > 0)
    return tuple(n if n > 0 else math.prod(shape) // max(known, 1) for n in target)


def _after(last: dict[str, Any], kind: str, config: dict[str, Any], shape: Shape) -> Shape:
    from pairs.sequential.spec import infer_shapes  # loads JAX, which the trial of a file has no use for

    if kind in ("InputLayer",) or not last or len(shape) < 2:
        return shape
    return infer_shapes([last], shape)[-1]
