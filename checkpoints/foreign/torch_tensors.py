r"""PyTorch's tensors inside pickles: storages, and views of them with checked bounds.

A tensor is a view: element :math:`(i_1, \dots, i_n)` lies at
:math:`o + \sum_k i_k s_k` in its storage, with offset :math:`o` and strides
:math:`s_k`. A view is accepted only if :math:`o, s_k \ge 0` and
:math:`o + \sum_k (n_k - 1) s_k` lies inside the storage.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from .inert import Inert, inert_objects
from .limits import Refused, shown
from .pickle_objects import plain_objects

__all__ = ["Storage", "Tensor", "allowed_names", "persistent_storages"]

_EXPANDED = 2**22  # elements a view may have beyond those of its storage (stride 0)

_DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "double": np.float64,
    "float32": np.float32,
    "float": np.float32,
    "float16": np.float16,
    "half": np.float16,
    "bfloat16": jnp.bfloat16,
    "uint8": np.uint8,
    "int8": np.int8,
    "int16": np.int16,
    "short": np.int16,
    "int32": np.int32,
    "int": np.int32,
    "int64": np.int64,
    "long": np.int64,
    "bool": np.bool_,
    "complex64": np.complex64,
    "complex128": np.complex128,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float8_e4m3fn": jnp.float8_e4m3fn,
    "float8_e5m2": jnp.float8_e5m2,
}
_STORAGES: dict[str, Any] = {
    "Double": np.float64,
    "Float": np.float32,
    "Half": np.float16,
    "BFloat16": jnp.bfloat16,
    "Byte": np.uint8,
    "Char": np.int8,
    "Short": np.int16,
    "Int": np.int32,
    "Long": np.int64,
    "Bool": np.bool_,
    "ComplexFloat": np.complex64,
    "ComplexDouble": np.complex128,
}


@dataclasses.dataclass(eq=False, slots=True)
class Storage:
    """Flat numbers of one dtype; ``data`` is filled when the bytes are read. ``dtype`` is ``None`` for raw bytes."""

    key: str
    dtype: np.dtype | None
    count: int
    data: bytes | memoryview | np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that the storage must have."""
        return self.count * (self.dtype.itemsize if self.dtype is not None else 1)


@dataclasses.dataclass(eq=False, slots=True)
class Tensor:
    """A checked view of a storage."""

    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
            raise Refused("a tensor has an offset, a shape or strides that are no sizes")
        held = self.storage.nbytes // self.dtype.itemsize
        size = math.prod(self.shape)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if (
            (size and last >= held)
            or size > max(held, _EXPANDED)
            or (not size and math.prod(filter(None, self.shape)) * self.dtype.itemsize >= 2**62)
        ):
            raise Refused(f"a tensor of shape {self.shape} reaches outside its storage of {held} elements")

    def numpy(self) -> np.ndarray:
        """The elements, without copying where the view allows; read-only."""
        if not math.prod(self.shape):
            return np.zeros(self.shape, self.dtype)
        if self.storage.data is None or len(self.storage.data) != self.storage.nbytes:
            raise Refused(f"storage '{shown(self.storage.key)}' is missing or has the wrong size")
        flat = np.frombuffer(self.storage.data, self.dtype.newbyteorder("<") if self.dtype.kind != "V" else self.dtype)
        strides = tuple(s * self.dtype.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides, writeable=False)


def persistent_storages(storages: dict[str, Storage], legacy: bool = False) -> Callable[[Any], Storage | Inert]:
    """A function that resolves the persistent ids of a file: each describes a storage.

    Args:
      storages: filled with what the ids describe, by key.
      legacy: the ids are those of the format before version 1.6.
    """

    def load(pid: Any) -> Storage | Inert:
        if not isinstance(pid, tuple) or not pid or type(pid[0]) is not str:
            raise Refused("a storage has no description")
        if pid[0] == "module" and len(pid) == 4 and isinstance(pid[1], Inert):
            return pid[1]  # a class; its source code, which stands beside it, is left alone
        if pid[0] != "storage" or len(pid) not in (5, 6):
            raise Refused(f"it refers to a '{shown(pid[0])}'")
        _, kind, key, _, count, *_ = list(pid)
        if type(key) is not str or len(key) > 256 or type(count) is not int or not 0 <= count < 2**60:
            raise Refused("a storage has no proper key or size")
        if not isinstance(kind, _StorageKind):
            raise Refused("a storage has an unknown type")
        made = storages.setdefault(key, Storage(key, kind.dtype, count))
        if (made.dtype, made.count) != (kind.dtype, count):
            raise Refused(f"storage '{shown(key)}' is described in two ways")
        if legacy and len(pid) == 6 and pid[5] is not None:
            raise Refused("it uses storage views of PyTorch 0.1")
        return made

    return load


@dataclasses.dataclass(frozen=True)
class _StorageKind:
    dtype: np.dtype | None


@dataclasses.dataclass(frozen=True)
class TorchDtype:
    """A torch.dtype; reads as its name."""

    name: str

    def __str__(self) -> str:
        return f"torch.{self.name}"


def _sizes(numbers: Any) -> tuple[int, ...]:
    if not isinstance(numbers, (tuple, list)) or len(numbers) > 32:
        raise Refused("a tensor has a shape or strides that are no short lists")
    return tuple(numbers)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise Refused("a tensor has no typed storage")
    return Tensor(storage, storage.dtype, offset, _sizes(shape), _sizes(strides))


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(dtype, TorchDtype):
        raise Refused("a tensor has no storage")
    return Tensor(storage, np.dtype(_DTYPES[dtype.name]), offset, _sizes(shape), _sizes(strides))


def _parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, (Tensor, Inert)):
        raise Refused("a Parameter holds no tensor")
    return data


def _from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    # Tensors that carry Python attributes: keep the tensor, drop the attributes.
    if isinstance(kind, Inert):
        return kind
    known = kind in ("torch.Tensor", "torch.nn.parameter.Parameter") if type(kind) is str else False
    if not known or type(function) is not str or function not in _REBUILD or not isinstance(arguments, tuple):
        raise Refused("a tensor is made in an unknown way")
    return _REBUILD[function](*arguments)


def _device(kind: Any, index: Any = None) -> str:
    if type(kind) is not str or len(kind) > 32 or type(index) not in (int, type(None)):
        raise Refused("a device is no name and number")
    return kind if index is None else f"{kind}:{index}"


def _size(items: Any = ()) -> tuple[int, ...]:
    return _sizes(items)


def _layout(name: Any) -> str:
    if type(name) is not str or len(name) > 64:
        raise Refused("a layout is no name")
    return name


_REBUILD = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}


def allowed_names() -> dict[str, Any]:
    """What the names in a PyTorch file may stand for; all others become inert objects or are refused."""
    kinds: dict[str, Any] = {f"torch.{name}Storage": _StorageKind(np.dtype(d)) for name, d in _STORAGES.items()}
    # the module moved between versions
    kinds |= {f"torch.storage.{name.split('.')[1]}": kind for name, kind in list(kinds.items())}
    kinds |= dict.fromkeys(("torch.storage.UntypedStorage", "torch.UntypedStorage"), _StorageKind(None))
    aliases = ("double", "float", "half", "short", "int", "long")
    return {
        **plain_objects(),
        **inert_objects(),
        **_REBUILD,
        **kinds,
        **{f"torch.{name}": TorchDtype(name) for name in _DTYPES if name not in aliases},
        "torch._tensor._rebuild_from_type_v2": _from_type,
        "torch.Tensor": "torch.Tensor",
        "torch.nn.parameter.Parameter": "torch.nn.parameter.Parameter",
        "torch.Size": _size,
        "torch.device": _device,
        "torch.serialization._get_layout": _layout,
    }
