"""Files that show a path: a figure, moving pictures, a contact sheet and one page with a slider."""

from __future__ import annotations

from typing import Any

from interp.comparison import Comparison
from interp.movies import path_gif, path_mp4, path_webp
from interp.pages import path_page
from interp.pictures import path_figure
from interp.sheets import path_sheet
from pairs import Pair
from pairs.checks import is_image

__all__ = ["FILES", "path_files"]

FILES = ("path.png", "path.gif", "path.webp", "path.html", "sheet.png", "path.mp4")
"""What there may be."""


def path_files(pair: Pair, found: Comparison, *, originals: tuple[Any, Any], answer: str) -> dict[str, bytes]:
    """Contents by file name.

    They are ``path.png``, ``path.gif``, ``path.webp`` and ``path.html``; ``sheet.png`` for images; ``path.mp4`` where
    ffmpeg is installed.
    """
    files = {
        "path.png": path_figure(pair, found, originals=originals),
        "path.gif": path_gif(pair, found),
        "path.webp": path_webp(pair, found),
        "path.html": path_page(pair, found, answer=answer).encode(),
    }
    if is_image(pair):
        files["sheet.png"] = path_sheet(pair, found)
    film = path_mp4(pair, found)
    return files if film is None else files | {"path.mp4": film}
