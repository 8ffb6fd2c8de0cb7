"""The user's own function, named on the command line as ``FILE.py:function``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from pairs import InputError

__all__ = ["call_factory"]


def call_factory(text: str) -> Any:
    """Run a Python file and call a function of it without arguments.

    Args:
      text: ``FILE.py:function``.

    Returns:
      What the function returns.

    Raises:
      InputError: No such file or function, or either of them fails; the message is one line.
    """
    file, _, name = text.rpartition(":")
    path = Path(file).expanduser()
    if not file or not path.is_file():
        raise InputError("factory", f"'{text}' names no file", "give FILE.py:function")
    spec = importlib.util.spec_from_file_location(f"factory_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError("factory", f"'{path}' is no Python file", "give FILE.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
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
