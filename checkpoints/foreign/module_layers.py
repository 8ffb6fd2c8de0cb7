"""From the tree of a whole PyTorch module to a layer list in the manifest's terms.

Only ``Sequential`` containers fix the order in which their children are called. A class of the user's
own may call its children in any order, view their outputs, or add to them; the file does not say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs import InputError

from .limits import shown
from .modules import Module, check_unaltered

__all__ = ["Layers", "layers_of_module"]

Layers = list[dict[str, Any]]

_FAR = 15  # from here on softplus is a line to within rounding
_GELU = {"none": False, "tanh": True}


def layers_of_module(tree: Module, guess: bool = False) -> Layers:
    """The layer list of a module; each layer with tensors names its prefix in the state dict.

    Args:
      tree: as the reader gives it, ``read_foreign(path).modules[key]``.
      guess: take the children of other classes in the order in which they were registered, as a
        basis for a draft; without it such a class is refused.

    Returns:
      Mappings as a manifest has them, ``{"layer": "conv", "name": "main.0", "out": 64, ...}``.

    Raises:
      InputError: a class whose order of calls is unknown, or a layer that the manifest has no word for.
    """
    found: Layers = []
    _walk(tree, "", guess, found)
    return found


def _walk(module: Module, path: str, guess: bool, found: Layers) -> None:
    check_unaltered(module, path)
    if _torch(module) and module.name in _LAYERS:
        try:
            made = _LAYERS[module.name](module)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"'{shown(path)}' is a {module.name} without proper settings ({shown(str(error))})"
            raise InputError("module", problem, "export the model to ONNX") from None
        named = bool(module.tensors)
        found.extend(
            {"layer": layer.pop("layer"), **({"name": path} if named and path else {}), **layer} for layer in made
        )
        return
    if not module.children and _torch(module) and module.name != "Sequential":
        problem = f"'{shown(path)}' is a {shown(module.name)}, which a layer list has no word for"
        raise InputError("module", problem, "export the model to ONNX")
    if not guess and not (_torch(module) and module.name == "Sequential"):
        where = f"'{shown(path)}' is" if path else "it is"
        order = f"in which order its forward calls {_children(module)} is not in the file"
        problem = f"{where} a {shown(module.name)}, and {order}"
        raise InputError("module", problem, "write its layers in a manifest, or export the model to ONNX")
    for name, child in module.children.items():
        _walk(child, f"{path}.{name}" if path else name, guess, found)


def _torch(module: Module) -> bool:
    return module.kind.startswith("torch.nn.modules.")


def _children(module: Module) -> str:
    names = [shown(n) for n in module.children]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "its tensors"


def _same(value: Any) -> Any:
    """One number where all axes agree, else a list."""
    values = list(value) if isinstance(value, (tuple, list)) else [value]
    if not values or any(type(v) is not int for v in values):
        raise ValueError("a size is no number")
    return values[0] if len(set(values)) == 1 else values


def _unless(default: Any, **settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value != default}


def _conv(module: Module) -> Layers:
    s = module.settings
    padding = s["padding"] if isinstance(s["padding"], str) else _same(s["padding"])
    layer = {"layer": "conv", "out": int(s["out_channels"]), "kernel": _same(s["kernel_size"])}
    layer |= (
        _unless(1, stride=_same(s["stride"]))
        | _unless(0, padding=padding)
        | _unless(True, bias="bias" in module.tensors)
    )
    layer |= _unless(1, dilation=_same(s["dilation"]), groups=int(s["groups"]))
    if module.name.startswith("ConvTranspose"):
        return [layer | {"layer": "conv_transpose"} | _unless(0, output_padding=_same(s["output_padding"]))]
    mode = s.get("padding_mode", "zeros")
    return [layer | (_unless("zeros", padding_mode=mode) if padding else {})]


def _dense(module: Module) -> Layers:
    return [
        {"layer": "dense", "out": int(module.settings["out_features"]), **_unless(True, bias="bias" in module.tensors)}
    ]


def _batch_norm(module: Module) -> Layers:
    s = module.settings
    if "running_mean" not in module.tensors:
        problem = f"has a {module.name} without running statistics, which normalises by the batch"
        raise InputError("module", problem, "record running statistics in PyTorch, and save it again")
    return [{"layer": "batch_norm", **_unless(1e-5, eps=float(s["eps"])), **_unless(True, affine=bool(s["affine"]))}]


def _instance_norm(module: Module) -> Layers:
    s = module.settings
    layer = {"layer": "instance_norm", **_unless(1e-5, eps=float(s["eps"])), **_unless(False, affine=bool(s["affine"]))}
    return [layer | _unless(False, track_running_stats="running_mean" in module.tensors)]


def _group_norm(module: Module) -> Layers:
    s = module.settings
    settings = _unless(1e-5, eps=float(s["eps"])) | _unless(True, affine=bool(s["affine"]))
    return [{"layer": "group_norm", "groups": int(s["num_groups"]), **settings}]


def _layer_norm(module: Module) -> Layers:
    s = module.settings
    affine = bool(s["elementwise_affine"])
    settings = {
        "shape": [int(n) for n in s["normalized_shape"]],
        **_unless(1e-5, eps=float(s["eps"])),
        **_unless(True, affine=affine),
    }
    return [{"layer": "layer_norm", **settings, **({"bias": False} if affine and "bias" not in module.tensors else {})}]


def _plain(kind: str) -> Callable[[Module], Layers]:
    return lambda module: [{"layer": kind}]


def _softplus(module: Module) -> Layers:
    if module.settings["beta"] != 1 or not module.settings["threshold"] >= _FAR:
        raise ValueError("beta is not 1, or it is a line from a small number on")
    return [{"layer": "softplus"}]


def _upsample(module: Module) -> Layers:
    s = module.settings
    factor = s.get("scale_factor")
    factor = factor[0] if isinstance(factor, tuple) and len(set(factor)) == 1 else factor
    if (
        not isinstance(factor, (int, float))
        or factor != int(factor)
        or s.get("align_corners")
        or s.get("size") is not None
    ):
        raise ValueError("it upsamples by no whole factor, to a size, or with aligned corners")
    return [{"layer": "upsample", "factor": int(factor), **_unless("nearest", mode=s["mode"])}]


def _pool(kind: str) -> Callable[[Module], Layers]:
    def pool(module: Module) -> Layers:
        s = module.settings
        if s.get("ceil_mode") or s.get("divisor_override") or s.get("dilation", 1) not in (1, (1, 1)):
            raise ValueError("it rounds up, dilates or divides by a number of its own")
        stride = s.get("stride") if s.get("stride") is not None else s["kernel_size"]
        layer = {
            "layer": kind,
            "kernel": _same(s["kernel_size"]),
            "stride": _same(stride),
            **_unless(0, padding=_same(s["padding"])),
        }
        return [layer | ({} if s.get("count_include_pad", True) else {"count_include_pad": False})]

    return pool


def _adaptive(module: Module) -> Layers:
    if _same(module.settings["output_size"]) != 1:
        raise ValueError("it pools to more than one pixel")
    return [{"layer": "global_mean_pool"}]


def _pad(mode: str) -> Callable[[Module], Layers]:
    def pad(module: Module) -> Layers:
        if module.settings.get("value"):
            raise ValueError("it pads with a number other than 0")
        return [{"layer": "pad", "size": _same(module.settings["padding"]), **_unless("zeros", mode=mode)}]

    return pad


def _flatten(module: Module) -> Layers:
    if (module.settings.get("start_dim", 1), module.settings.get("end_dim", -1)) != (1, -1):
        raise ValueError("it flattens some axes alone")
    return [{"layer": "flatten"}]


def _unflatten(module: Module) -> Layers:
    size = module.settings["unflattened_size"]
    if module.settings.get("dim") != 1 or not isinstance(size, (tuple, list)):
        raise ValueError("it unflattens another axis")
    return [{"layer": "unflatten", "shape": [int(n) for n in size]}]


def _hardtanh(module: Module) -> Layers:
    return [{"layer": "clip", "low": float(module.settings["min_val"]), "high": float(module.settings["max_val"])}]


_LAYERS: dict[str, Callable[[Module], Layers]] = {
    **dict.fromkeys(("Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"), _conv),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), _batch_norm),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d"), _instance_norm),
    **dict.fromkeys(("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout"), lambda module: []),
    **{name: _plain(name.lower()) for name in ("ReLU", "Tanh", "Sigmoid", "SELU", "SiLU")},
    "Linear": _dense,
    "GroupNorm": _group_norm,
    "LayerNorm": _layer_norm,
    "LeakyReLU": lambda module: [{"layer": "leaky_relu", "slope": float(module.settings["negative_slope"])}],
    "ELU": lambda module: [{"layer": "elu", "alpha": float(module.settings["alpha"])}],
    "GELU": lambda module: [{"layer": "gelu", **_unless(False, approximate=_GELU[module.settings["approximate"]])}],
    "PReLU": lambda module: [{"layer": "prelu", **_unless(False, per_channel=module.settings["num_parameters"] > 1)}],
    "Softplus": _softplus,
    "Hardtanh": _hardtanh,
    "ReLU6": lambda module: [{"layer": "clip", "low": 0.0, "high": 6.0}],
    "Upsample": _upsample,
    "UpsamplingNearest2d": _upsample,
    "AvgPool2d": _pool("avg_pool"),
    "MaxPool2d": _pool("max_pool"),
    "AdaptiveAvgPool2d": _adaptive,
    "PixelShuffle": lambda module: [{"layer": "pixel_shuffle", "factor": int(module.settings["upscale_factor"])}],
    "ZeroPad2d": _pad("zeros"),
    "ConstantPad2d": _pad("zeros"),
    "ReflectionPad2d": _pad("reflect"),
    "ReplicationPad2d": _pad("replicate"),
    "Flatten": _flatten,
    "Unflatten": _unflatten,
}
