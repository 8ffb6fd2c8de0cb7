"""The instructions of a pickle one by one, none of whose arguments may be out of bounds."""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Iterator
from typing import IO, Any

from .limits import Refused

__all__ = ["operations"]

_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_TEXT = 2**22  # longest string
_LINE = 2**16  # longest line of the text opcodes
_TEXTUAL = frozenset(("STRING", "UNICODE", "PERSID", "INST"))
_BYTES = frozenset(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"))


class _Reader:
    """The part of a file that one argument may take."""

    def __init__(self, file: IO[bytes]):
        self.file, self.most = file, _TEXT

    def read(self, count: int) -> bytes:
        if count > self.most:
            raise Refused(f"the pickle is malformed or holds a value of {count} bytes")
        return self.file.read(count)

    def readline(self) -> bytes:
        line = self.file.readline(_LINE)
        if len(line) == _LINE:
            raise Refused("the pickle is malformed (a line without an end)")
        return line


def operations(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Names and arguments of the instructions, up to the one that ends the pickle.

    Args:
      file: binary file; it is left after the pickle.

    Raises:
      Refused: an unknown instruction, an argument out of bounds, or no end.
    """
    reader: Any = _Reader(file)
    while True:
        code = file.read(1)
        if not code:
            raise Refused("the pickle is malformed or truncated (it does not end)")
        opcode = _OPCODES.get(code.decode("latin-1"))
        if opcode is not None and opcode.name in _TEXTUAL:
            raise Refused(f"the pickle uses {opcode.name}, which PyTorch never writes")
        if opcode is None:
            raise Refused(f"the pickle is malformed (it has no instruction {code!r})")
        if opcode.arg is None:
            yield opcode.name, None
        else:
            reader.most = sys.maxsize if opcode.name in _BYTES else _TEXT
            yield opcode.name, opcode.arg.reader(reader)
        if opcode.name == "STOP":
            return
