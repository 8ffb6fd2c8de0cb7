"""One HTML file with a slider for each method: the viewer moves along the path by hand. Nothing else is loaded."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from pairs import Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .comparison import Comparison
from .movies import moving_points
from .pictures import TITLES, frames_of

__all__ = ["path_page"]

_STYLE = """body{font:16px sans-serif;max-width:64em;margin:2em auto}
section{display:inline-block;margin:0 1.5em 1.5em 0;vertical-align:top}
.frame{width:224px;height:HEIGHTpx;image-rendering:pixelated;background-size:WIDEpx HEIGHTpx}
section input{width:224px;display:block}
h2{font-size:1em;margin:.3em 0}
.answer h2::after{content:" (the answer)"}"""
_SCRIPT = """const sliders=[...document.querySelectorAll('section input')];
const place=s=>s.parentNode.querySelector('.frame').style.backgroundPositionX=(-224*s.value)+'px';
sliders.forEach(s=>s.addEventListener('input',()=>{place(s);
if(document.getElementById('together').checked)sliders.forEach(o=>{o.value=s.value;place(o)})}));"""


def path_page(pair: Pair, found: Comparison, row: int = 0, *, answer: str = "geodesic") -> str:
    """The page: for every method a picture and a slider from the first end to the last; one box couples them.

    Args:
      pair: The pair; samples that are no images are a dot that moves among samples.
      found: Paths of every method.
      row: Which pair of ends.
      answer: The method that is marked as the answer.
    """
    frames = frames_of(pair, found, row)
    if is_image(pair):
        panels = {name: to_uint8(x, image_range(pair)) for name, x in frames.items()}
    else:
        panels = moving_points(pair, frames, list(frames))
    count, height, wide = next(iter(panels.values())).shape[:3]
    shown = round(224 * height / wide)
    style = _STYLE.replace("HEIGHT", str(shown)).replace("WIDE", str(224 * count))
    parts = []
    for name, x in panels.items():
        title = html.escape(TITLES[name])
        mark = ' class="answer"' if name == answer else ""
        picture = f'<div class="frame" role="img" aria-label="{title}" style="background-image:url({_strip(x)})"></div>'
        slider = f'<input type="range" min="0" max="{count - 1}" value="0" aria-label="place on the path, {title}">'
        parts.append(f"<section{mark}><h2>{title}</h2>{picture}{slider}</section>")
    title = html.escape(f"{pair.name}: a path by every method")
    box = '<p><label><input id="together" type="checkbox" checked> all together</label></p>'
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f"{head}<h1>{title}</h1>{box}{''.join(parts)}<script>{_SCRIPT}</script></html>\n"


def _strip(x: np.ndarray) -> str:
    """Frames ``(n, H, W, C)`` side by side as the address of a PNG."""
    side = np.concatenate(list(x), axis=1)
    out = io.BytesIO()
    Image.fromarray(side[..., 0] if side.shape[-1] == 1 else side).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
