"""Seeded mutations of a file: bits flipped, bytes set, cut out, doubled or inserted, extreme numbers, splices."""

from __future__ import annotations

import io
import random
import zipfile

from .sound_formats import zipped

__all__ = ["mutated", "mutated_inside"]


_EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**31, 2**62, 2**63 - 1, 2**64 - 1)


def mutated(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """``content`` with one to four mutations.

    Args:
      content: a sound file.
      other: another one, for splices.
      draw: source of all choices.
    """
    blob = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(blob) + 1)
        end = min(len(blob), at + draw.choice((1, 2, 4, 8, 40)))
        kind = draw.randrange(8)
        if kind == 0 and at < len(blob):
            blob[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(blob):
            blob[at] = draw.randrange(256)
        elif kind == 2:
            del blob[at:end]
        elif kind == 3:
            blob[at:at] = blob[at:end] * draw.choice((1, 1, 50))
        elif kind == 4:
            blob[at:at] = draw.randbytes(draw.choice((1, 4, 16)))
        elif kind == 5:
            size = draw.choice((1, 2, 4, 8))
            number = draw.choice(_EXTREME) % 256**size
            blob[at : at + size] = number.to_bytes(size, draw.choice(("little", "big")))
        elif kind == 6:
            start = draw.randrange(len(other))
            blob[at:end] = other[start : start + draw.choice((4, 16, 64))]
        elif draw.random() < 0.2:
            del blob[at:]
    return bytes(blob)


def mutated_inside(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """An archive whose checksums are right and one of whose members is mutated."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    # objects and headers are where a reader can go wrong; numbers are only numbers
    name = max(members, key=lambda n: (n.endswith((".pkl", ".json", ".npy")), draw.random()))
    members[name] = mutated(members[name], other, draw)
    return zipped(members)
