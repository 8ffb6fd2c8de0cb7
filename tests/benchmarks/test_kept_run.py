"""``DIR/work`` belongs to one command line, told by its options and by what PAIR and DATA hold."""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import pytest
from stored_pairs import tiny_pair

from benchmarks.kept_run import run_folder
from pairs import InputError, Record
from pairs.io.images import Images


class Killed(BaseException):
    pass


IMAGES = Images(np.zeros((3, 2, 2, 3), np.uint8), np.arange(3), "few", None)


def begin(folder, held=None, images=IMAGES, command="tune", **more):
    args = argparse.Namespace(**({"out": folder, "seed": 0, "keep_work": False, "pair": "a", "json": False} | more))
    with run_folder(command, args, held or tiny_pair(), images) as work:
        work.step("one", lambda: 1)
        raise Killed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"pair": "b", "json": True, "keep_work": True}, None),
        ({"seed": 1}, r"out: .*another --seed \(0, here 1\); give the same"),
        ({"command": "adapt"}, r"another command \(tune, here adapt\);"),
        ({"held": tiny_pair(record=Record(name="other"))}, "another PAIR;"),
        ({"images": dataclasses.replace(IMAGES, labels=np.zeros(3, int))}, "another DATA;"),
    ],
)
def test_a_line_goes_on_where_what_it_computes_is_the_same_and_else_the_difference_is_named(tmp_path, change, named):
    with pytest.raises(Killed):
        begin(tmp_path)
    with pytest.raises(Killed if named is None else InputError, match=named):
        begin(tmp_path, **change)
