"""What weights do not say is asked for by the name of its option; options that do not belong are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from module_files import linear, module, saved, sequential
from weight_files import W, plain_modules, write_files

from checkpoints import load_pair
from checkpoints.weight_import import import_weights
from ganrefine import main
from pairs import InputError


def test_what_is_missing_is_asked_for_by_the_name_of_its_option(tmp_path: Path) -> None:
    g, d = plain_modules(tmp_path)
    asked: dict[str, Any] = dict(prior="normal:3", sample_shape=(8, 8, 1))
    bare = write_files(tmp_path, **{"no sigmoid": saved(sequential(linear(W[5, 64]), linear(W[1, 5])))})[0]
    for words, act in {
        r"prior: is missing; the generator takes 3; give --prior normal:3": lambda: import_weights(g, d),
        r"sample_shape: .* returns 64 numbers; give --sample 8x8x1": lambda: import_weights(g, d, prior="normal:3"),
        r"critic_kind: is not said .* --critic-kind": lambda: import_weights(g, bare, **asked),
        r"critic_kind: is 'energy', but the critic ended": lambda: import_weights(g, d, critic_kind="energy", **asked),
        r"takes 3 numbers, and 4 come before it; give --prior normal:3": lambda: import_weights(g, d, prior="normal:4"),
        r"sample_shape: is 9x9x1, the generator returns 64": lambda: import_weights(
            g, d, prior="normal:3", sample_shape=(9, 9, 1)
        ),
        r"critic_kind: is 'logit', and there is no critic": lambda: import_weights(g, critic_kind="logit", **asked),
    }.items():
        with pytest.raises(InputError, match=words) as error:
            act()
        assert "\n" not in str(error.value)


def test_a_class_with_single_layers_or_blocks_is_refused_by_name(tmp_path: Path) -> None:
    g = module("my.Net", children={"fc1": linear(W[8, 3]), "fc2": linear(W[64, 8])})
    with pytest.raises(InputError, match="is a Net with 'fc1', a Linear; what its forward does with it is not in"):
        import_weights(*write_files(tmp_path, g=saved(g)), prior="normal:3")


@pytest.mark.slow
def test_a_state_dict_points_to_the_draft_that_can_be_pasted(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", **{"0.weight": W[8, 3], "2.weight": W[64, 8]})
    np.savez(tmp_path / "d.npz", **{"0.weight": W[5, 64], "2.weight": W[1, 5]})
    files = [str(tmp_path / f"{n}.npz") for n in "gd"]
    for given in (files, files[:1]):
        with pytest.raises(InputError, match="write a manifest first: ganrefine draft") as error:
            import_weights(*given, prior="normal:3", sample_shape=(8, 8, 1))
        command = error.value.remedy.partition("ganrefine ")[2].replace(
            "pair.toml", str(tmp_path / f"{len(given)}.toml")
        )
        assert main(command.split()) == 0
        assert main(["import", str(tmp_path / f"{len(given)}.toml"), "--out", str(tmp_path / f"{len(given)}")]) == 0
    assert load_pair(tmp_path / "2").has_critic and not load_pair(tmp_path / "1").has_critic


def test_the_command_refuses_options_that_do_not_belong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = plain_modules(tmp_path)
    for argv, words in (
        ((*files, "--files", "x"), "files: goes with a manifest"),
        (("mnist-mlp-gan", "--prior", "normal:64"), "is a manifest, which says what --prior says"),
        (("mnist-mlp-gan", files[1]), "leave CRITIC out"),
        ((*files, "--range", "1"), "not of the form LOW:HIGH"),
        ((*files, "--sample", "8x"), "not of the form HxWxC"),
    ):
        assert main(["import", *argv, "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr()
        assert words in said.err.splitlines()[-1] and not said.out, said.err
