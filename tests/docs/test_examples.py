"""The code of the example pages runs from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PAGES = sorted(p.stem for p in EXAMPLES.glob("*.md") if p.stem != "index")
CELL = re.compile(r"```\{code-cell\} python\n(.*?)```", re.DOTALL)


def test_every_page_has_code() -> None:
    assert len(PAGES) >= 5 and all(CELL.findall((EXAMPLES / f"{page}.md").read_text()) for page in PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    code = "\n".join(CELL.findall((EXAMPLES / f"{page}.md").read_text()))
    exec(compile(code, page, "exec"), {"__name__": page})
