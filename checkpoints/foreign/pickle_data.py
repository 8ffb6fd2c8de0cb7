"""An interpreter of the pickle opcodes that can only build plain data.

Python's own unpickler calls whatever a file names. This one never imports, looks up or calls
anything a file names: globals are looked up in a table of functions given by the caller, and every
other name becomes an :class:`~checkpoints.foreign.inert.Inert` object or an error. What comes out is
made of numbers, strings, bytes, lists, tuples, dictionaries and those objects.

Nothing that comes from the file is hashed or formatted but strings and small integers, sets are kept
as lists, and each object is charged to a :class:`~checkpoints.foreign.limits.Budget` when it is made.
Dictionary entries with other keys are left out and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

from .inert import Inert, check_harmless
from .limits import Budget, Refused, shown
from .pickle_objects import Buildable
from .pickle_operations import operations

__all__ = ["read_pickle"]

_INTEGER = 1024  # bits
_KEY = 2**61 - 1  # integers below it are their own hash, so keys cannot be made to collide cheaply
_PUSH_ARGUMENT = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()
_FAULTS = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, StopIteration)


class _Global:
    """A name from the file: only REDUCE and NEWOBJ can use it, through the caller's table."""

    __slots__ = ("name", "function")

    def __init__(self, name: str, function: Any):
        self.name, self.function = name, function


def read_pickle(
    file: IO[bytes],
    allowed: Mapping[str, Any],
    persistent: Callable[[Any], Any] | None = None,
    budget: Budget | None = None,
    inert: bool = False,
) -> tuple[Any, int]:
    """Read one pickle from ``file``, leaving the position after it.

    Args:
      file: binary file.
      allowed: ``"module.name" -> function`` called for REDUCE, or any other value that stands for itself.
      persistent: resolves persistent ids.
      budget: what the objects are charged to.
      inert: names outside ``allowed`` become inert objects, instead of errors.

    Returns:
      The object, and the number of dictionary entries that were left out for their keys.

    Raises:
      Refused: a name that is not taken, an opcode without place in plain data, damage, or an exceeded budget.
    """
    machine = _Machine(allowed, persistent, budget or Budget(), inert)
    try:
        for name, argument in operations(file):
            machine.step(name, argument)
        if len(machine.stack) != 1:
            raise Refused("the pickle is malformed (it does not end with one value)")
        return machine.value(machine.stack[0]), machine.left_out
    except Refused:
        raise
    except _FAULTS as error:
        reason = shown((str(error) or type(error).__name__).splitlines()[0])
        raise Refused(f"the pickle is malformed ({reason})") from None


class _Machine:
    def __init__(
        self, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None, budget: Budget, inert: bool
    ):
        self.allowed, self.persistent, self.budget, self.inert = allowed, persistent, budget, inert
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left_out = 0

    def value(self, item: Any) -> Any:
        """An item as data: names that are called are no data, others stand for their table entry."""
        if isinstance(item, _Global):
            if item.function is Inert:
                return Inert(item.name)
            return item.name if callable(item.function) else item.function
        if item is _MARK:
            raise Refused("the pickle is malformed (a mark is used as a value)")
        return item

    def pop(self) -> Any:
        return self.value(self.stack.pop())

    def group(self) -> list[Any]:
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:
            start -= 1
            if start < 0:
                raise Refused("the pickle is malformed (a group without a mark)")
        items = [self.value(v) for v in self.stack[start + 1 :]]
        del self.stack[start:]
        self.budget.spend(16 * len(items))
        return items

    def look_up(self, name: str) -> _Global:
        self.budget.spend(150 + len(name))
        if name in self.allowed:
            return _Global(name, self.allowed[name])
        check_harmless(name)
        if not self.inert:
            raise Refused(f"it names {shown(name)}, which is not plain tensor data")
        return _Global(name, Inert)

    def call(self, function: Any, arguments: Any) -> Any:
        if isinstance(function, Inert):
            function = _Global(function.kind, Inert)
        if not isinstance(function, _Global) or not callable(function.function):
            raise Refused("the pickle calls something that is no function")
        if not isinstance(arguments, tuple):
            raise Refused(f"the pickle calls {shown(function.name)} without a tuple of arguments")
        self.budget.spend(400)
        if function.function is Inert:
            return Inert(function.name, arguments)
        try:
            return function.function(*arguments)
        except Refused:
            raise
        except Exception as error:
            # the error's own words could quote the arguments, which are not to be formatted
            raise Refused(f"{shown(function.name)} has arguments that make no sense ({type(error).__name__})") from None

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _PUSH_ARGUMENT:
            if type(argument) is int and argument.bit_length() > _INTEGER:
                raise Refused(f"the pickle holds a number of {argument.bit_length()} bits")
            self.budget.spend(8 if type(argument) is bytes else 8 + sys.getsizeof(argument))
            stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self.budget.spend(110)
            self.memo[len(self.memo) if name == "MEMOIZE" else int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.budget.spend(8)
            stack.append(self.memo[int(argument)])
        elif name in _CONSTANTS:
            self.budget.spend(8)
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            self.budget.spend(8)
            stack.append(_MARK)
        elif name in _EMPTY:
            self.budget.spend(120)
            stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self.budget.spend(120)
            stack.append(tuple([self.pop() for _ in range(_TUPLES[name])][::-1]))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = self.pop(), stack.pop()
            stack.append(self.call(function, arguments))
        elif name == "GLOBAL":
            stack.append(self.look_up(".".join(argument.split(" ", 1))))
        elif name == "STACK_GLOBAL":
            attribute, module = self.pop(), self.pop()
            if type(attribute) is not str or type(module) is not str:
                raise Refused("the pickle is malformed (a name that is no text)")
            stack.append(self.look_up(f"{module}.{attribute}"))
        else:
            self.collect(name, argument)

    def collect(self, name: str, argument: Any) -> None:
        """Opcodes that fill containers, refer outside, or end."""
        stack = self.stack
        if name in ("TUPLE", "LIST", "FROZENSET"):
            items = self.group()
            self.budget.spend(56 + 8 * len(items))
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [self.pop()] if name == "APPEND" else self.group()
            _extend(stack[-1], items)
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            items = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self.group()
            if name == "DICT":
                stack.append({})
            self.fill(stack[-1], items)
        elif name == "BUILD":
            state, top = self.pop(), stack[-1]
            if isinstance(top, Buildable):
                top.build(state)
            elif not isinstance(top, dict):  # an OrderedDict's attributes are PyTorch's version numbers
                raise Refused("the pickle sets attributes of an object")
        elif name == "NEWOBJ_EX":
            _, arguments, function = self.pop(), self.pop(), stack.pop()
            stack.append(self.call(function, arguments))
        elif name == "BINPERSID":
            if self.persistent is None:
                raise Refused("the pickle refers to data outside itself")
            self.budget.spend(300)
            stack.append(self.persistent(self.pop()))
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self.group()
        elif name == "DUP":
            self.budget.spend(8)
            stack.append(stack[-1])
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the pickle uses {name}, which plain data does not need")

    def fill(self, container: Any, items: list[Any]) -> None:
        """Put keys and values in a dictionary; entries whose keys are no text and no number are left out."""
        if len(items) % 2:
            raise Refused("the pickle is malformed (a key without a value)")
        if isinstance(container, Buildable):
            container = container.mapping()
        if not isinstance(container, dict):
            raise Refused(f"the pickle fills a {type(container).__name__} like a dict")
        self.budget.spend(110 * len(items) // 2)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is str or (type(key) is int and abs(key) < _KEY):
                container[key] = value
            else:
                self.left_out += 1


def _extend(container: Any, items: list[Any]) -> None:
    if isinstance(container, Buildable):
        container = container.sequence()
    if not isinstance(container, list):
        raise Refused(f"the pickle fills a {type(container).__name__} like a list")
    container.extend(items)
