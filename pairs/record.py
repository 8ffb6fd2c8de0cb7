"""An immutable, hashable JSON mapping: what travels with a pair besides its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Record"]


class Record(Mapping[str, Any]):
    """A read-only mapping of JSON values, equal and hashed by content.

    Static fields of a pytree must be hashable, or every wrapped model would be
    traced anew; a plain ``dict`` is not. Values read out are fresh copies, so
    nothing can be changed behind the hash.

    >>> Record({"latent": 64}) == Record(latent=64)
    True
    >>> Record(widths=[1, 2])["widths"]
    [1, 2]
    """

    __slots__ = ("_text",)

    def __init__(self, values: Mapping[str, Any] | None = None, /, **more: Any):
        data = {**(dict(values) if values is not None else {}), **more}
        try:
            text = json.dumps(data, sort_keys=True, allow_nan=False, default=_plain)
        except (TypeError, ValueError) as error:
            raise ValueError(f"record: holds a value that JSON cannot express ({error})") from None
        object.__setattr__(self, "_text", text)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Record cannot be changed; make a new one with .updated(...)")

    def __reduce__(self) -> tuple[type[Record], tuple[dict[str, Any]]]:
        return Record, (self.to_dict(),)

    def updated(self, **values: Any) -> Record:
        """A new record with some values replaced or added."""
        return Record({**self.to_dict(), **values})

    def to_dict(self) -> dict[str, Any]:
        """A fresh, changeable copy."""
        return json.loads(self._text)

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self._text == other._text
        return NotImplemented

    def __repr__(self) -> str:
        return f"Record({self._text})"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)
