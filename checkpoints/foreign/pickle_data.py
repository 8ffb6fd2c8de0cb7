"""An interpreter of the pickle opcodes that can only build plain data.

Python's own unpickler calls whatever a file names. This one never imports, looks up
or calls anything a file names: globals are looked up in a table of functions given by
the caller, and every other name is an error. What comes out is made of numbers,
strings, bytes, lists, tuples, dictionaries and the caller's own objects.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any

__all__ = ["Refused", "read_pickle"]

_MAX_OPCODES = 5_000_000


class Refused(ValueError):
    """The pickle wants something that is not on the list, or is malformed."""


class _Mark:
    """Position on the stack where a group of items begins."""


_MARK = _Mark()
_PUSH_ARGUMENT = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8".split()
)
_PUSH_CONSTANT: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
    "MARK": lambda: _MARK,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Global:
    """An allowed name: only REDUCE and NEWOBJ can use it, through the caller's table."""

    __slots__ = ("name", "function")

    def __init__(self, name: str, function: Any):
        self.name, self.function = name, function


def read_pickle(file: IO[bytes], allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None) -> Any:
    """Read one pickle from ``file``, leaving the position after it.

    Args:
      file: seekable binary file.
      allowed: ``"module.name" -> function`` called for REDUCE, or any other value that stands for itself.
      persistent: resolves persistent ids.

    Raises:
      Refused: a name outside ``allowed``, an opcode without place in plain data, or damage.
    """
    machine = _Machine(allowed, persistent)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > _MAX_OPCODES:
                raise Refused("the pickle has too many instructions")
            machine.step(opcode.name, argument)
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise Refused(f"the pickle is malformed ({(str(error) or type(error).__name__).splitlines()[0]})") from None
    if len(machine.stack) != 1:
        raise Refused("the pickle is malformed (it does not end with one value)")
    return machine.value(machine.stack[0])


class _Machine:
    def __init__(self, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None):
        self.allowed, self.persistent = allowed, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def value(self, item: Any) -> Any:
        """An item as data: names that are called are no data, others stand for their table entry."""
        if isinstance(item, _Global):
            if callable(item.function):
                return item.name
            return item.function
        if item is _MARK:
            raise Refused("the pickle is malformed (a mark is used as a value)")
        return item

    def pop(self) -> Any:
        return self.value(self.stack.pop())

    def group(self) -> list[Any]:
        start = len(self.stack) - 1 - next(i for i, v in enumerate(reversed(self.stack)) if v is _MARK)
        items = [self.value(v) for v in self.stack[start + 1 :]]
        del self.stack[start:]
        return items

    def look_up(self, name: str) -> _Global:
        if name not in self.allowed:
            raise Refused(f"it names {ascii(name)}, which is not plain tensor data")
        return _Global(name, self.allowed[name])

    def call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, _Global) or not callable(function.function):
            raise Refused("the pickle calls something that is no function")
        if not isinstance(arguments, tuple):
            raise Refused(f"the pickle calls {function.name} without a tuple of arguments")
        try:
            return function.function(*arguments)
        except Refused:
            raise
        except Exception as error:
            raise Refused(f"{function.name} has arguments that make no sense ({error})") from None

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _PUSH_ARGUMENT:
            stack.append(argument)
        elif name in _PUSH_CONSTANT:
            stack.append(_PUSH_CONSTANT[name]())
        elif name in _TUPLES:
            items = [self.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(items)))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            stack.append(self.look_up(".".join(argument.split(" ", 1))))
        elif name == "STACK_GLOBAL":
            attribute, module = self.pop(), self.pop()
            stack.append(self.look_up(f"{module}.{attribute}"))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = self.pop(), stack.pop()
            stack.append(self.call(function, arguments))
        else:
            self.collect(name)

    def collect(self, name: str) -> None:
        """Opcodes that fill containers, refer outside, or end."""
        stack = self.stack
        if name in ("TUPLE", "LIST"):
            items = self.group()
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name == "DICT":
            stack.append(_pairs(self.group()))
        elif name in ("APPEND", "APPENDS"):
            items = [self.pop()] if name == "APPEND" else self.group()
            _plain(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self.group()
            _plain(stack[-1], dict).update(_pairs(items))
        elif name == "ADDITEMS":
            items = self.group()
            _plain(stack[-1], set).update(items)
        elif name == "BUILD":
            self.pop()  # attributes of an OrderedDict (PyTorch's version numbers): nothing to keep
            if not isinstance(stack[-1], OrderedDict):
                raise Refused("the pickle sets attributes of an object")
        elif name in ("BINPERSID", "PERSID"):
            if self.persistent is None:
                raise Refused("the pickle refers to data outside itself")
            stack.append(self.persistent(self.pop() if name == "BINPERSID" else argument_error()))
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self.group()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the pickle uses {name}, which plain data does not need")


def argument_error() -> Any:
    raise Refused("the pickle uses a text reference, which PyTorch never writes")


def _plain(container: Any, kind: type) -> Any:
    if not isinstance(container, kind):
        raise Refused(f"the pickle fills a {type(container).__name__} like a {kind.__name__}")
    return container


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise Refused("the pickle is malformed (a key without a value)")
    return dict(zip(items[::2], items[1::2], strict=True))
