"""TOML files from strangers: bounded in size and nesting before they are parsed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.io.files import open_regular

__all__ = ["read_toml"]

_LARGEST = 2**18
_MOST_DOTS = 64


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
      InputError: A file that cannot be read, is no TOML, is too large, or is nested too deep.
    """
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InputError("manifest", f"'{path}' has more than {_LARGEST:,} bytes", "write the layers alone")
        text = content.decode("utf-8-sig").replace("\r\n", "\n")  # some editors put a mark before the text
    except OSError as error:
        raise InputError("manifest", f"cannot read '{path}' ({error.strerror or error})", "check the path") from None
    except UnicodeDecodeError as error:
        raise InputError("manifest", f"'{path}' is not TOML ({error})", "save it as UTF-8") from None
    # A key of thousands of parts costs the parser the square of their number.
    deep = next((c for c in re.split(r"[=,{}\[\]\n]", text) if c.count(".") > _MOST_DOTS), None)
    if deep is not None:
        raise InputError("manifest", f"'{path}' has a key of {deep.count('.') + 1} parts", "use the sections' settings")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("manifest", f"'{path}' is not TOML ({error})", "correct the line it names") from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise InputError("manifest", f"'{path}' cannot be read ({reason})", "use plain values") from None
