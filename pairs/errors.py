"""One exception for everything a user can put right: it names the field and the remedy."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Bad input. ``str(error)`` is one line: ``field: problem; remedy``.

    Command lines print it and exit with code 2. Characters that a terminal would act on, which can
    stand in a quoted name from a file, are shown as escapes.

    >>> str(InputError("n", "is 0", "give at least 1"))
    'n: is 0; give at least 1'
    """

    def __init__(self, field: str, problem: str, remedy: str):
        self.field, self.problem, self.remedy = field, problem, remedy
        line = " ".join(f"{field}: {problem}; {remedy}".split())
        super().__init__(line if line.isprintable() else "".join(_shown(c) for c in line))


def _shown(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
