"""The user's own function, named on the command line as ``FILE.py:function``."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from pairs import InputError
from pairs.user_nets import Factory

__all__ = ["factory_of"]


def factory_of(text: str | None) -> Factory | None:
    """The function that a command line names; nothing of it runs before it is needed.

    Args:
      text: ``FILE.py:function``, or None where none is given.

    Raises:
      InputError: No such file.
    """
    if text is None:
        return None
    file, _, name = text.rpartition(":")
    try:
        path = Path(file).expanduser()
        found = bool(file) and path.is_file()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if found else ""
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError("factory", f"'{text}' cannot be read ({error})", "give FILE.py:function") from None
    if not found:
        raise InputError("factory", f"'{text}' names no file", "give FILE.py:function")
    return Factory(f"{path.name}:{name}", digest, lambda: _call(path, name, text))


def _call(path: Path, name: str, text: str) -> Any:
    """Run a Python file and call a function of it without arguments; files beside it can be imported meanwhile.

    Raises:
      InputError: No such function, or file or function fail; the message is one line.
    """
    spec = importlib.util.spec_from_file_location(f"factory_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError("factory", f"'{path}' is no Python file", "give FILE.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    beside = str(path.resolve().parent)
    sys.path.append(beside)  # behind all others, so that no file there stands for a package's
    try:
        spec.loader.exec_module(module)
        function = getattr(module, name, None)
        if not callable(function):
            raise InputError("factory", f"'{path}' has no function '{name}'", "give FILE.py:function")
        return function()
    except InputError:
        raise
    except Exception as error:  # the user's code may raise anything
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError("factory", f"'{text}' fails: {type(error).__name__}: {line}", "correct it") from error
    finally:  # the last one: what the file itself did to the path stays
        if beside in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(beside)]
