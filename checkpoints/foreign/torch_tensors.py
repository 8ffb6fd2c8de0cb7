r"""PyTorch's tensors inside pickles: storages, and views of them with checked bounds.

A tensor is a view: element :math:`(i_1, \dots, i_n)` lies at
:math:`o + \sum_k i_k s_k` in its storage, with offset :math:`o` and strides
:math:`s_k`. A view is accepted only if :math:`o, s_k \ge 0` and
:math:`o + \sum_k (n_k - 1) s_k` lies inside the storage.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict, defaultdict
from typing import Any

import jax.numpy as jnp
import numpy as np

from .pickle_data import Refused

__all__ = ["Storage", "Tensor", "allowed_names", "dtype_of_storage"]

_EXPANDED = 2**24  # elements a view may have beyond those of its storage (stride 0)

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


@dataclasses.dataclass(eq=False)
class Storage:
    """Flat numbers of one dtype; ``data`` is filled when the bytes are read. ``dtype`` is ``None`` for raw bytes."""

    key: str
    dtype: np.dtype | None
    count: int
    data: bytes | None = None

    @property
    def nbytes(self) -> int:
        return self.count * (self.dtype.itemsize if self.dtype is not None else 1)


@dataclasses.dataclass(eq=False)
class Tensor:
    """A checked view of a storage."""

    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(type(n) is not int or n < 0 for n in numbers):
            raise Refused(f"a tensor has offset {self.offset}, shape {self.shape}, strides {self.strides}")
        held = self.storage.nbytes // self.dtype.itemsize
        size = math.prod(self.shape)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if len(self.shape) > 32 or (size and last >= held) or size > max(held, _EXPANDED):
            raise Refused(f"a tensor of shape {self.shape} reaches outside its storage of {held} elements")

    def numpy(self) -> np.ndarray:
        """The elements, without copying where the view allows; read-only."""
        if not math.prod(self.shape):
            return np.zeros(self.shape, self.dtype)
        if self.storage.data is None or len(self.storage.data) != self.storage.nbytes:
            raise Refused(f"storage {ascii(self.storage.key)} is missing or has the wrong size")
        flat = np.frombuffer(self.storage.data, self.dtype.newbyteorder("<") if self.dtype.kind != "V" else self.dtype)
        strides = tuple(s * self.dtype.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides, writeable=False)


def dtype_of_storage(kind: Any) -> np.dtype | None:
    """Dtype of a storage class as it stands in a persistent id; ``None`` for untyped bytes."""
    if isinstance(kind, _StorageKind):
        return kind.dtype
    raise Refused(f"a storage has the unknown type {ascii(kind)}")


@dataclasses.dataclass(frozen=True)
class _StorageKind:
    dtype: np.dtype | None


@dataclasses.dataclass(frozen=True)
class _Dtype:
    """A torch.dtype; reads as its name."""

    name: str

    def __str__(self) -> str:
        return f"torch.{self.name}"


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise Refused("a tensor has no typed storage")
    return Tensor(storage, storage.dtype, offset, tuple(shape), tuple(strides))


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(dtype, _Dtype):
        raise Refused("a tensor has no storage")
    return Tensor(storage, np.dtype(_DTYPES[dtype.name]), offset, tuple(shape), tuple(strides))


def _parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, Tensor):
        raise Refused("a Parameter holds no tensor")
    return data


def _from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    # Tensors that carry Python attributes: keep the tensor, drop the attributes.
    if kind not in ("torch.Tensor", "torch.nn.parameter.Parameter") or function not in _REBUILD:
        raise Refused(f"a tensor is of the class {ascii(kind)}")
    return _REBUILD[function](*arguments)


def _device(kind: str, index: int | None = None) -> str:
    return kind if index is None else f"{kind}:{index}"


_REBUILD = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}


def allowed_names() -> dict[str, Any]:
    """The whole list of what a PyTorch file may name."""
    kinds = {f"torch.{name}Storage": _StorageKind(np.dtype(d)) for name, d in _STORAGES.items()}
    # the module moved between versions
    kinds |= {f"torch.storage.{name.split('.')[1]}": kind for name, kind in list(kinds.items())}
    kinds |= dict.fromkeys(("torch.storage.UntypedStorage", "torch.UntypedStorage"), _StorageKind(None))
    return {
        **_REBUILD,
        **kinds,
        **{
            f"torch.{name}": _Dtype(name)
            for name in _DTYPES
            if name not in ("double", "float", "half", "short", "int", "long")
        },
        "torch._tensor._rebuild_from_type_v2": _from_type,
        "torch.Tensor": "torch.Tensor",
        "torch.nn.parameter.Parameter": "torch.nn.parameter.Parameter",
        "torch.Size": tuple,
        "torch.device": _device,
        "torch.serialization._get_layout": str,
        "collections.OrderedDict": OrderedDict,
        "collections.defaultdict": lambda *_: defaultdict(),
    }
