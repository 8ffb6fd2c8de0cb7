"""A file or a folder given in the wrong place is refused in a line that names the right one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stored_pairs import tiny_pair

from checkpoints.weight_import import import_weights
from pairs import InputError
from pairs.checks import check_labels

Refused = Callable[..., str]
TUNED = 'verdict = "gain"\ngain = true\npair = "pair"\n[choice]\ncritic = "raw"\nbudget = 1.0\n'
BUNDLED = "fashion-mnist-wgan-gp"


@pytest.fixture
def tuned(tmp_path: Path, stored: Path) -> Path:
    """A folder as tune writes it, as far as names go."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "tuned.toml").write_text(TUNED)
    (folder / "pair").symlink_to(stored)
    return folder


def test_the_file_of_tune_given_as_pair_is_answered_with_its_option(refused: Refused, tuned: Path) -> None:
    line = refused("refine", tuned / "tuned.toml")
    assert line.startswith("error: pair: ") and f"give it as --tuned {shlex.quote(str(tuned / 'tuned.toml'))}" in line


def test_the_folder_of_tune_given_for_its_file_is_answered_with_the_file(refused: Refused, tuned: Path) -> None:
    assert refused("refine", "--tuned", tuned).endswith(f"give {tuned / 'tuned.toml'}")
    assert refused("refine", "--tuned", tuned / "none.toml").endswith("run ganrefine tune first")


def test_the_folder_of_tune_given_as_pair_is_answered_with_the_pair_in_it(refused: Refused, tuned: Path) -> None:
    assert refused("refine", tuned).endswith(f"holds no checkpoint; give {tuned / 'pair'}")


@pytest.mark.parametrize("argv", [["benchmark", "refine"], ["tune", BUNDLED]])
def test_a_stored_pair_given_as_data_is_called_one(refused: Refused, stored: Path, argv: list[str]) -> None:
    line = refused(*argv, stored)
    assert line.startswith(f"error: data: {stored} is a stored pair; give ") and "after PAIR" in line


def test_a_judge_that_does_not_exist_is_refused_before_any_sample_is_drawn(refused: Refused, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).integers(0, 256, (16, 28, 28), np.uint8))
    line = refused("benchmark", "refine", BUNDLED, tmp_path / "data.npz", "--judge", "no-such-net", "--n", "10")
    assert "no-such-net" in line


def test_a_label_outside_the_classes_is_named() -> None:
    pair = tiny_pair().replace(classes=10)
    with pytest.raises(InputError, match="^--label: is 10; give 1 whole number from 0 to 9$"):
        check_labels(pair, np.full(1, 10), 1, "--label")


def test_bare_weights_without_a_prior_point_to_a_draft_of_both_files(tmp_path: Path) -> None:
    for name in ("g", "d"):
        np.savez(tmp_path / f"{name}.npz", **{"0.weight": np.ones((4, 4), np.float32)})
    g, d = tmp_path / "g.npz", tmp_path / "d.npz"
    with pytest.raises(InputError, match=re.escape(f"ganrefine draft {g} {d} --sample 2x2x1 --out pair.toml")):
        import_weights(g, d, sample_shape=(2, 2, 1))


@pytest.mark.parametrize(("sample", "words"), [("1x8x8", "the channels come last"), ("8x8", "give --sample 28x28x1")])
def test_a_sample_in_another_order_of_axes_is_answered_with_the_order(
    refused: Refused, tmp_path: Path, sample: str, words: str
) -> None:
    np.savez(tmp_path / "g.npz", **{"0.weight": np.ones((4, 3, 4, 4), np.float32)})
    np.savez(tmp_path / "d.npz", **{"0.weight": np.ones((1, 3, 4, 4), np.float32)})
    assert words in refused("draft", tmp_path / "g.npz", tmp_path / "d.npz", "--sample", sample)
