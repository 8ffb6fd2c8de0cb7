"""Priors from a few words: ``normal:96``, ``uniform:100x1x1``, ``uniform:64,low=0,high=1``."""

from __future__ import annotations

from typing import Any

from .errors import InputError
from .prior_records import prior_from_record
from .priors import Prior

__all__ = ["parse_prior"]


def parse_prior(text: str) -> Prior:
    """The prior that a few words describe.

    Args:
      text: kind, colon, shape with ``x`` between its axes; settings of the kind after commas.

    Raises:
      InputError: the words do not describe a prior.

    Example:
      >>> parse_prior("uniform:64,low=0,high=1")
      Uniform(shape=(64,), low=0.0, high=1.0)
    """
    head, *settings = text.split(",")
    kind, colon, shape = head.partition(":")
    values: dict[str, Any] = {"kind": kind.strip()}
    try:
        if not colon:
            raise ValueError("no shape")
        values["shape"] = [int(n) for n in shape.split("x")]
        for setting in settings:
            name, _, value = setting.partition("=")
            if name.strip() in values:
                raise ValueError("a setting twice")
            values[name.strip()] = float(value)
    except ValueError:
        remedy = "write for example normal:96, uniform:100x1x1 or uniform:64,low=0,high=1"
        raise InputError("prior", f"is {text!r}", remedy) from None
    if values["kind"] == "class-mixture":
        raise InputError("prior", "is a class mixture, which has arrays", "build the pair in Python and save it")
    return prior_from_record(values)
