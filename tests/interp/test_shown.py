"""Films, pages and sheets of paths whose samples are images, points and series."""

from __future__ import annotations

import io
import re

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import interp
import pairs
from interp.movies import moving_points, path_gif, path_mp4, path_webp
from interp.pages import path_page
from interp.pictures import frames_of, path_figure
from interp.sheets import path_sheet


def comparison(generate, shape, span=None):
    pair = pairs.make_pair(
        pairs.wrap(generate),
        pairs.wrap(lambda p, x: jnp.sum(x.reshape(len(x), -1), axis=1)),
        pairs.Normal((2,)),
        sample_range=span,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(mode="none", points=5, segments=4, evaluations=2, restarts=0)
    return pair, interp.compare(pair, [[-1.0, 0.0]], [[1.0, 0.5]], settings=settings)


@pytest.fixture(scope="module")
def series():
    return comparison(lambda p, z: z[:, :1] * jnp.sin(jnp.arange(12.0)) + z[:, 1:], (12,))


@pytest.mark.slow
def test_a_series_is_drawn_as_a_curve_that_changes(series):
    pair, found = series
    films = moving_points(pair, frames_of(pair, found, 0), ["linear"])
    assert films["linear"].shape == (5, 140, 140, 1)
    dark = films["linear"] < 128
    assert (dark.sum(axis=(1, 2, 3)) > 130).all()  # a line from side to side in every frame
    assert not np.array_equal(dark[0], dark[2])
    assert Image.open(io.BytesIO(path_figure(pair, found))).size[0] > 500


def test_films_go_there_and_back_and_the_page_has_a_slider_for_each_method(series):
    pair, found = series
    for film in (path_gif(pair, found), path_webp(pair, found)):
        with Image.open(io.BytesIO(film)) as opened:
            assert opened.n_frames == 8
    page = path_page(pair, found, answer="slerp")
    assert page.count('<input type="range"') == 5 and not re.search(r'(?:src|href)="?http|url\(http', page)
    assert page.count('class="answer"') == 1 and page.index('class="answer"') > page.index("linear")


def test_ffmpeg_gets_every_picture_and_its_file_is_returned(series, tmp_path, monkeypatch):
    pair, found = series
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    film = path_mp4(pair, found)
    with Image.open(io.BytesIO(path_gif(pair, found))) as opened:
        wide, high = (2 * (side // 2) for side in opened.size)
    assert film is not None and len(film) == 8 * wide * high * 3
    program.write_text("#!/bin/sh\nexit 1\n")
    assert path_mp4(pair, found) is None  # an ffmpeg without that encoder
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert path_mp4(pair, found) is None


def test_a_sheet_shows_every_frame_of_every_method():
    images = lambda p, z: jnp.tanh(z[:, :1, None, None] * jnp.ones((1, 8, 8, 1)))
    pair, found = comparison(images, (8, 8, 1), (-1, 1))
    picture = np.asarray(Image.open(io.BytesIO(path_sheet(pair, found))))
    methods = len(frames_of(pair, found, 0))
    step = (8 * 3) + 2
    assert picture.shape[:2] == (methods * step + 2, 130 + 5 * step + 2)
    # the first frame of the line is darker than its last
    row = picture[step // 2, :, 0].astype(int)
    assert row[130 + step // 2] < row[130 + 4 * step + step // 2]
