"""All families, in the order in which they are tried."""

from __future__ import annotations

from pairs import InputError

from .biggan import BIGGAN
from .dcgan import DCGAN
from .family import Family
from .mimicry import MIMICRY
from .progressive import PROGRESSIVE
from .r3gan import R3GAN
from .stylegan2 import STYLEGAN2

__all__ = ["FAMILIES", "find_family"]

FAMILIES: tuple[Family, ...] = (DCGAN, *MIMICRY, PROGRESSIVE, BIGGAN, STYLEGAN2, R3GAN)


def find_family(name: str) -> Family:
    """The family of a name.

    Raises:
      InputError: There is none of that name.
    """
    for family in FAMILIES:
        if family.name == name:
            return family
    raise InputError("family", f"'{name}' is not known", f"use one of {', '.join(f.name for f in FAMILIES)}")
