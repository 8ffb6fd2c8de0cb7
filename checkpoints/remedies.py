"""What to do about weight files that cannot be imported, in the options of ``ganrefine import``."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator

from pairs import InputError

from .file_nets import NoLayersError
from .lookup import stored_pair

__all__ = ["asked"]

_REMEDIES = {
    "layout": "give --layout channels_first (PyTorch's order) or --layout channels_last",
    "generator_labels": "name the input that takes labels with --generator-labels",
    "critic_labels": "name the input that takes labels with --critic-labels",
}
_OUTPUTS = {"generator_output": "--generator-output", "critic_output": "--critic-output"}


@contextlib.contextmanager
def asked(
    generator: str | os.PathLike[str], critic: str | os.PathLike[str] | None, sample: tuple[int, ...] | None
) -> Iterator[None]:
    """Errors of what is done inside, in the words of the command line.

    Args:
      generator: File of the generator, or a stored pair.
      critic: File of the critic, if there is one.
      sample: Shape of a sample, where it was given.
    """
    try:
        yield
    except NoLayersError as error:
        if stored_pair(generator) is not None:
            remedy = "describe it in a manifest with critic_kind in [pair] and file and layers in [critic]"
            command = f"ganrefine import {shlex.quote(os.fspath(generator))} critic.toml --out DIR"
            raise InputError("critic", f"{error}", f"{remedy}, and give that: {command}") from None
        size = "x".join(map(str, sample)) if sample is not None and len(sample) == 3 else "HxWxC"
        files = " ".join(shlex.quote(os.fspath(f)) for f in (generator, critic) if f is not None)
        draft = f"ganrefine draft {files} --sample {size} --out pair.toml"
        raise InputError("file", f"{error}", f"write a manifest first: {draft}") from None
    except InputError as error:
        remedy = _REMEDIES.get(error.field, error.remedy)
        if error.field in _OUTPUTS:
            remedy = f"{_OUTPUTS[error.field]}: {error.remedy}"
        elif error.field == "classes":
            remedy = f"{error.remedy} (--classes)"
        elif error.field.startswith(("generator.layers[", "critic.layers[")):  # those of the file, not the user's
            remedy = "export the model to ONNX"
        raise InputError(error.field, error.problem, remedy) from None
