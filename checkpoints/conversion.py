r"""Foreign tensors to the parameters of a sequential net, with a table of what went where.

Tensors belong to layers by their module prefix (``main.3`` of ``main.3.weight``) as :mod:`checkpoints.matching` says,
lie in PyTorch's layouts (:mod:`checkpoints.layouts`), and are plain weights after :mod:`checkpoints.folding`.
Equalised learning rates are multiplied in, :math:`W g / \sqrt n`. Half and double precision become float32.
Everything missing, left over or of another shape is reported at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pairs import InputError
from pairs.sequential.dense import Weighted
from pairs.sequential.layers import Layer, Layers, Params, Shape, walk

from .dtypes import is_float
from .folding import fold, plain_shapes
from .layouts import Layout
from .matching import COUNTERS, Doubt, Modules, Slot, below, find, match, slots
from .module_names import refuse_parts, split_modules, unwrap, without
from .near_settings import near_settings

__all__ = ["Conversion", "Row", "convert_tensors"]

Tensors = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a layer, and the tensors it took.

    Attributes:
      path: Place of the layer, ``layers[3].main[0]``.
      kind: Kind of the layer.
      module: Prefix of its tensors in the file.
      tensors: Their names below the prefix, with shapes.
      note: What was done to them besides turning their axes.
    """

    path: str
    kind: str
    module: str
    tensors: tuple[str, ...]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """Parameters of a net, and how they were found.

    Attributes:
      params: One dictionary per layer.
      table: Layer and tensors side by side, in the order of the layers.
      doubts: Groups of modules that could be exchanged; the order of the file was taken.
      ignored: Names of the tensors that no layer took because a pattern told so.
    """

    params: tuple[Params, ...]
    table: tuple[Row, ...]
    doubts: tuple[Doubt, ...] = ()
    ignored: tuple[str, ...] = ()


def convert_tensors(
    tensors: Tensors,
    layers: Iterable[Layer],
    input_shape: Shape,
    field: str = "layers",
    *,
    ignore: Sequence[str] = (),
    chosen: Mapping[str, str] | None = None,
) -> Conversion:
    """Parameters for :func:`pairs.sequential.spec.sequential_net`.

    Args:
      tensors: by dotted name, in the order of the modules they belong to.
      layers: parsed layers.
      input_shape: of the net, channels last.
      field: what an error calls the layer list.
      ignore: names or patterns (``aux.*``) of tensors that belong to no layer.
      chosen: module prefixes by the path of a layer, which settle a doubt.

    Raises:
      InputError: one line naming every tensor that is missing, left over or misshapen; a pattern
        of ``ignore`` that fits no tensor, or one that fits a part of what a layer takes.
    """
    layers = tuple(layers)
    kept, ignored = without(unwrap(tensors), ignore, field)
    modules = split_modules(kept)
    wanted = slots(walk(layers, input_shape, field))
    if not kept and wanted:
        raise InputError(field, "have parameters, but the file holds no tensors for them", "give the file of the net")
    faults: list[str] = []
    fixed = {**(chosen or {}), **_named(wanted, modules, faults)}
    free = [s for s in wanted if s.layer.share is None and s.layer.name is None]
    taken, doubts = match(free, modules, fixed)
    if any(slot.path not in taken for slot in free):
        taken = {**fixed, **_in_order(free, modules, fixed, faults)}
    found: dict[str, dict[str, np.ndarray]] = {}
    table: list[Row] = []
    used: set[str] = set()
    for slot in wanted:
        prefix = taken.get(slot.path)
        if prefix is None:
            continue
        group = below(modules, prefix)
        params, row = _layer(slot, prefix, group, faults)
        found[slot.path] = params
        used |= {_join(prefix, n) for n in group}
        table.append(row)
    left = [n for m, group in modules.items() for n in (_join(m, t) for t in group if t not in COUNTERS)]
    faults += [f"'{n}' is left over" for n in left if n not in used]
    if faults:
        more = f", and {len(faults) - 12} more" if len(faults) > 12 else ""
        general = "correct the layers, give a layer name = the module's prefix, or list tensors to leave out in ignore"
        remedy = general
        bare = {layer.kind for _, layer, _ in walk(layers, input_shape, field) if not getattr(layer, "affine", True)}
        if bare and any("is left over" in fault for fault in faults):
            remedy = f"give {' and '.join(sorted(bare))} affine = true where the file has weight and bias; {remedy}"
        if any(not is_float(a.dtype) for n, a in kept.items() if n in used and not n.endswith(COUNTERS)):
            remedy = f"store weights as float32; {remedy}"
        held = {m: plain_shapes({n: a for n, a in g.items() if n not in COUNTERS}) for m, g in modules.items()}
        idle = [m for m, group in modules.items() if not any(_join(m, n) in used for n in group)]
        if near := near_settings(walk(layers, input_shape, field), taken, held, idle):
            remedy = f"{', '.join(near[:4])}; or {general}"
        raise InputError(field, "do not match the file: " + ", ".join(faults[:12]) + more, remedy)
    refuse_parts(ignored, {taken[slot.path] for slot in wanted if slot.path in taken}, field)
    return Conversion(_nested(layers, found, field), tuple(table), doubts, ignored)


def _named(wanted: Sequence[Slot], modules: Modules, faults: list[str]) -> dict[str, str]:
    """Prefixes of the layers that have a name or share one."""
    fixed: dict[str, str] = {}
    first: dict[str, str] = {}
    for slot in wanted:
        name = slot.layer.name if slot.layer.share is None else slot.layer.share
        if name is None:
            continue
        prefix = find(name, modules)
        if slot.layer.share is not None and name not in first:
            faults.append(f"{slot.path} shares '{name}', which no earlier layer has as its name")
        elif slot.layer.share is None and name in first:
            faults.append(
                f"{slot.path} has the name '{name}' of {first[name]}: give it share = '{name}' in place of name"
            )
        elif prefix is None:
            faults.append(f"{slot.path} '{slot.layer.kind}': '{name}' is not in the file")
        else:
            fixed[slot.path] = prefix
        first.setdefault(name, slot.path)
    return fixed


def _in_order(free: Sequence[Slot], modules: Modules, fixed: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """Layers paired with modules as they come, where not all of them fit: the faults are named along these pairs."""
    used = lambda m: any(m == b or m.startswith(f"{b}.") for b in fixed.values())
    left = [m for m, group in modules.items() if not used(m) and set(group) - set(COUNTERS)]
    paired: dict[str, str] = {}
    for slot in free:
        if not left:
            faults.append(f"{slot.path} '{slot.layer.kind}': no tensors are left for it")
            continue
        several = all("." in name for name in slot.options[0].shapes if name != "gamma")
        prefix = left[0].rpartition(".")[0] if several else left[0]
        paired[slot.path] = prefix
        left = [m for m in left if m != prefix and not (several and m.startswith(f"{prefix}."))]
    return paired


def _layer(slot: Slot, prefix: str, group: Tensors, faults: list[str]) -> tuple[Params, Row]:
    layer = slot.layer
    strange = {n: a.dtype for n, a in group.items() if n.rpartition(".")[2] not in COUNTERS and not is_float(a.dtype)}
    if strange:
        raw = lambda dtype: f"{dtype} (bfloat16 loses its type in an npz)" if dtype.kind == "V" else f"{dtype}"
        faults.extend(f"'{_join(prefix, n)}' is {raw(dtype)}" for n, dtype in strange.items())
        return {}, Row(slot.path, layer.kind, prefix, ())
    try:
        plain, note = _folded(group, layer.kind == "conv_transpose")
    except ValueError as error:
        faults.append(f"'{_join(prefix, 'weight')}' {error}")
        return {}, Row(slot.path, layer.kind, prefix, ())
    layout = max(slot.options, key=lambda option: len(option.shapes.items() & _shapes(plain).items()))
    before = len(faults)
    _compare(layout, plain, prefix, layer.kind, faults)
    if len(faults) > before:
        return {}, Row(slot.path, layer.kind, prefix, ())
    params = {ours: read(plain) for ours, read in layout.read.items()}
    if isinstance(layer, Weighted) and layer.equalized is not False:
        gain = math.sqrt(2.0) if layer.equalized is True else layer.equalized
        if gain <= 0:
            faults.append(f"{slot.path} has equalized = {gain}, which is no gain above 0")
        factor = gain / math.sqrt(math.prod(params["kernel"].shape[:-1]))
        names = ("kernel", "bias") if layer.equalized_bias else ("kernel",)
        params |= {n: np.asarray(params[n], np.float64) * factor for n in names if n in params}
        note = "; ".join(filter(None, (note, f"kernel times {factor:.6g} (equalised learning rate)")))
    said = tuple(f"{n} {'x'.join(map(str, s)) or '1'}" for n, s in layout.shapes.items())
    arrays = {n: np.ascontiguousarray(a, dtype=np.float32).reshape(np.shape(a)) for n, a in params.items()}
    return arrays, Row(slot.path, layer.kind, prefix, said, note or "")


def _folded(group: Tensors, transposed: bool) -> tuple[dict[str, np.ndarray], str | None]:
    """Every module of the group folded, by its name below the prefix of the layer."""
    plain: dict[str, np.ndarray] = {}
    note = None
    for module, inside in split_modules(
        {n: a for n, a in group.items() if n.rpartition(".")[2] not in COUNTERS}
    ).items():
        made, said = fold(inside, transposed)
        plain |= {_join(module, n): a for n, a in made.items()}
        note = note or said
    return plain, note


def _shapes(plain: Tensors) -> dict[str, Shape]:
    return {n: a.shape for n, a in plain.items()}


def _compare(layout: Layout, plain: Tensors, prefix: str, kind: str, faults: list[str]) -> None:
    for name, shape in layout.shapes.items():
        array = plain.get(name)
        if array is None:
            why = ""
            if name.endswith("running_mean") and kind in ("batch_norm", "conditional_batch_norm"):
                why = " (a layer without running statistics mixes the samples of a batch: record them in PyTorch)"
            faults.append(f"'{_join(prefix, name)}' is missing{why}")
        elif array.shape != shape:
            faults.append(f"'{_join(prefix, name)}' has shape {array.shape}, not {shape} ('{kind}')")
    faults.extend(f"'{_join(prefix, n)}' is left over ('{kind}')" for n in plain if n not in layout.shapes)


def _nested(layers: Layers, found: Mapping[str, Params], field: str) -> tuple[Params, ...]:
    rows: list[Any] = []
    for i, layer in enumerate(layers):
        path = f"{field}[{i}]"
        parts = {name: _nested(part, found, f"{path}.{name}") for name, part in layer.inner().items()}
        made = {name: {str(j): p for j, p in enumerate(part) if p} for name, part in parts.items()}
        rows.append({n: p for n, p in made.items() if p} if parts else found.get(path, {}))
    return tuple(rows)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
