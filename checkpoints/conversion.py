r"""Foreign tensors to the parameters of a sequential net, by PyTorch's layouts.

========================  =======================  =============================
layer                     PyTorch                  here
========================  =======================  =============================
``dense``                 weight (O, I)            kernel (I, O)
``conv``                  weight (O, I, kh, kw)    kernel (kh, kw, I, O)
``conv_transpose``        weight (I, O, kh, kw)    kernel (kh, kw, I, O)
``batch_norm``            running_mean, _var       mean, var
``layer_norm`` on images  weight (C, H, W)         scale (H, W, C)
========================  =======================  =============================

Spectral normalisation is folded with the stored vectors, without a power iteration:
:math:`W / (u^\top W v)`, :math:`W` a matrix with one row per output (for transposed
convolutions too). Half and double precision become float32.

Tensors belong to layers by their module prefix (``main.3`` of ``main.3.weight``): in the
order of the file, or by the layer's ``name``. Everything missing, left over or of
another shape is reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pairs import InputError
from pairs.sequential.layers import Layer
from pairs.sequential.spec import infer_shapes

__all__ = ["convert_tensors"]

_IGNORED = ("num_batches_tracked",)
_OLD_SPECTRAL = ("weight_orig", "weight_u", "weight_v")
_NEW_SPECTRAL = ("parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v")

Tensors = Mapping[str, np.ndarray]


def convert_tensors(
    tensors: Tensors, layers: Iterable[Layer], input_shape: tuple[int, ...], field: str = "layers"
) -> tuple[dict[str, np.ndarray], ...]:
    """Parameters for :func:`pairs.gan.sequential.sequential_net`.

    Args:
      tensors: by dotted name, in the order of the modules they belong to.
      layers: parsed layers; those with ``name`` take the tensors of that module, the others
        the remaining modules in order.
      input_shape: of the net, channels last.
      field: what an error calls the layer list.

    Raises:
      InputError: one line naming every tensor that is missing, left over or misshapen.
    """
    layers = tuple(layers)
    shapes = infer_shapes(layers, input_shape, field)
    modules = _modules(_strip_parallel(tensors))
    named = {layer.name for layer in layers if layer.name is not None}
    free = iter([m for m in modules if m not in named])
    faults: list[str] = []
    params: list[dict[str, np.ndarray]] = []
    for i, (layer, shape) in enumerate(zip(layers, shapes, strict=False)):
        wanted = layer.param_shapes(shape)
        if not wanted:
            params.append({})
            continue
        prefix = layer.name if layer.name is not None else next(free, None)
        if prefix is None or prefix not in modules:
            what = "no tensors are left for it" if prefix is None else f"'{prefix}' is not in the file"
            faults.append(f"{field}[{i}] '{layer.kind}': {what}")
            params.append({})
            continue
        params.append(_layer(layer, modules.pop(prefix), prefix, wanted, faults))
    faults += [f"'{_join(m, n)}' is left over" for m, group in modules.items() for n in group if n not in _IGNORED]
    if faults:
        more = f", and {len(faults) - 12} more" if len(faults) > 12 else ""
        raise InputError(
            field,
            "do not match the file: " + ", ".join(faults[:12]) + more,
            "correct the layers, or give a layer name = the module's prefix",
        )
    return tuple(params)


def _strip_parallel(tensors: Tensors) -> Tensors:
    """``DataParallel`` puts ``module.`` before every name."""
    if tensors and all(n.startswith("module.") for n in tensors):
        return {n.removeprefix("module."): a for n, a in tensors.items()}
    return tensors


def _modules(tensors: Tensors) -> dict[str, dict[str, np.ndarray]]:
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, array in tensors.items():
        head, found, tail = name.partition("parametrizations.")
        prefix, leaf = (
            (head.removesuffix("."), found + tail) if found else (name.rpartition(".")[0], name.rpartition(".")[2])
        )
        modules.setdefault(prefix, {})[leaf] = array
    return modules


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _layer(
    layer: Layer, group: dict[str, np.ndarray], prefix: str, wanted: dict[str, tuple[int, ...]], faults: list[str]
) -> dict[str, np.ndarray]:
    group = {n: a for n, a in group.items() if n not in _IGNORED}
    for names in (_OLD_SPECTRAL, _NEW_SPECTRAL):
        if set(names) <= set(group) and "kernel" in wanted:
            weight, u, v = (np.asarray(group.pop(n), np.float64) for n in names)
            try:
                group["weight"] = _unit_norm(weight, u, v, layer.kind == "conv_transpose")
            except ValueError:
                faults.append(
                    f"'{_join(prefix, names[0])}' {weight.shape} does not fit its vectors {u.shape}, {v.shape}"
                )
                return {}
    taken: dict[str, np.ndarray] = {}
    for ours, shape in wanted.items():
        theirs = _their_name(layer.kind, ours)
        if theirs not in group:
            faults.append(f"'{_join(prefix, theirs)}' is missing")
            continue
        array = np.asarray(group.pop(theirs))
        if array.dtype.kind not in "fV" and array.dtype.name != "bfloat16":
            faults.append(f"'{_join(prefix, theirs)}' is {array.dtype}")
        elif (turned := _turn(layer.kind, ours, array)).shape != shape:
            expected = _turn_shape(layer.kind, ours, shape)
            faults.append(f"'{_join(prefix, theirs)}' has shape {array.shape}, not {expected} ('{layer.kind}')")
        else:
            taken[ours] = np.ascontiguousarray(turned, dtype=np.float32)
    faults.extend(f"'{_join(prefix, n)}' is left over ('{layer.kind}')" for n in group)
    return taken


def _unit_norm(weight: np.ndarray, u: np.ndarray, v: np.ndarray, transposed: bool) -> np.ndarray:
    rows = np.moveaxis(weight, 1, 0) if transposed else weight
    return weight / (u @ rows.reshape(rows.shape[0], -1) @ v)


def _their_name(kind: str, ours: str) -> str:
    return {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}.get(ours, ours)


def _axes(kind: str, ours: str, ndim: int) -> tuple[int, ...]:
    """Where each of our axes lies in PyTorch's array."""
    if ours == "kernel":
        return {("dense", 2): (1, 0), ("conv", 4): (2, 3, 1, 0), ("conv_transpose", 4): (2, 3, 0, 1)}.get(
            (kind, ndim), tuple(range(ndim))
        )
    return (1, 2, 0) if kind == "layer_norm" and ndim == 3 else tuple(range(ndim))


def _turn(kind: str, ours: str, array: np.ndarray) -> np.ndarray:
    return array.transpose(_axes(kind, ours, array.ndim))


def _turn_shape(kind: str, ours: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = _axes(kind, ours, len(shape))
    return tuple(shape[axes.index(i)] for i in range(len(shape)))
