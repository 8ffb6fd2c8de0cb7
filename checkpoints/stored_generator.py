"""What a pair keeps when it is given another critic."""

from __future__ import annotations

from typing import Any

from pairs import Pair

__all__ = ["kept_from", "kept_nets", "kept_words"]


def kept_nets(base: Pair) -> dict[str, Any]:
    """The nets that do not depend on the critic, by field.

    Args:
      base: The pair that gets another critic.
    """
    return {"encoder": base.encoder, "features": base.features, "classifier": base.classifier}


def kept_words(base: Pair) -> dict[str, Any]:
    """Licence and source in the record: they are the generator's too."""
    return {k: base.record[k] for k in ("license", "source") if k in base.record}


def kept_from(base: Pair) -> dict[str, Any]:
    """Where the generator comes from, for the record."""
    return {"pair": base.name, **base.record.get("imported", {}).get("generator", {})}
