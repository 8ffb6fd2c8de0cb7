"""``tuned.toml``: the outcome of tuning on disk, for people to read and for ``ganrefine refine --tuned``.

The table ``[choice]`` has the keys ``critic`` and ``budget`` (the acceptance budget of OBRS, 1 for no selection), and
the table ``[choice.chain]`` has the settings of the chain. Each table ``[confirmed.NAME]`` has one confirmed change.
``verdict`` is ``gain``, ``no gain`` or ``undecided``, and ``reason`` says why.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from pairs import InputError
from pairs.io.files import read_regular
from pairs.io.paths import as_path

from .choices import Choice
from .settings import Tuned

__all__ = ["TunedFile", "tuned_text", "read_tuned"]


_TYPES = {bool: "true or false", dict: "table", str: "text"}


class TunedFile(NamedTuple):
    """What a refinement needs of the file.

    Attributes:
      pair: Pair with the chosen critic: a path, absolute or relative to the working folder, or a bundled name.
      gain: Whether tuning proved a gain.
      choice: The choice, or None if no choice beat the generator.
    """

    pair: str
    gain: bool
    choice: Choice | None


def tuned_text(tuned: Tuned, pair: str, data: str, features: str) -> str:
    """Write the outcome of tuning as TOML.

    Args:
      tuned: Outcome.
      pair: Pair with the chosen critic: a path relative to the file, or a bundled name.
      data: Name of the data.
      features: Name of the feature net.

    Returns:
      The text of the file.
    """
    verdict = "no gain" if tuned.verdict is None else tuned.verdict.outcome
    reason = "no choice beat the generator in the search" if tuned.verdict is None else tuned.verdict.reason
    lines = [
        "# Written by ganrefine tune. Intervals are 95 %, after minus before, on data unseen by the search.",
        f"verdict = {_value(verdict)}",
        f"reason = {_value(reason)}",
        f"gain = {_value(tuned.gain)}",
        f"pair = {_value(pair)}",
        f"data = {_value(data)}",
        f"features = {_value(features)}",
        f"evaluations = {tuned.evaluations}",
    ]
    if tuned.choice is not None:
        values = tuned.choice.to_dict()
        lines += ["", "[choice]", f"critic = {_value(values['critic'])}", f"budget = {_value(values['budget'])}"]
        lines += ["", "[choice.chain]", *(f"{k} = {_value(v)}" for k, v in values["chain"].items())]
    for name, change in tuned.confirmed.items():
        lines += ["", f"[confirmed.{name}]", *(f"{k} = {_value(v)}" for k, v in change._asdict().items())]
    return "\n".join(lines) + "\n"


def read_tuned(path: str | Path) -> TunedFile:
    """Read the choice in a ``tuned.toml``.

    Args:
      path: The file.

    Returns:
      What a refinement needs.

    Raises:
      InputError: The file is missing or not TOML, or settings are missing or out of range.
    """
    path = as_path("tuned", path)
    try:
        values = tomllib.loads(read_regular(path).decode("utf-8"))
        choice = None
        if "choice" in values:
            given = _typed(values, "choice", dict)
            choice = Choice.from_dict(given | {"chain": _typed(given, "chain", dict)})
        pair, gain = _typed(values, "pair", str), _typed(values, "gain", bool)
    except OSError as error:
        inside = path / "tuned.toml"
        remedy = f"give {inside}" if inside.is_file() else "run ganrefine tune first"
        raise InputError("tuned", f"{path} cannot be read ({error.strerror})", remedy) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("tuned", f"{path} is no tuning result ({error})", "run ganrefine tune again") from None
    beside = path.parent / as_path("pair", pair)
    return TunedFile(str(beside) if beside.exists() else pair, gain, choice)


def _typed(values: dict[str, Any], name: str, kind: type) -> Any:
    """The value of a key, of the type that it must have."""
    if not isinstance(values[name], kind):
        raise TypeError(f"{name} = {values[name]!r} is no {_TYPES[kind]}")
    return values[name]


def _value(value: Any) -> str:
    """A TOML value; JSON and TOML share the notation of these types."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
