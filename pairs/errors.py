"""One exception for everything a user can put right: it names the field and the remedy."""

from __future__ import annotations

__all__ = ["InputError", "printable"]


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
        super().__init__(printable(line))


def printable(text: str) -> str:
    r"""Words from a file as one line that a terminal shows and does not obey: other characters become escapes.

    Example:
      >>> printable("w\x1b[2J")
      'w\\x1b[2J'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
