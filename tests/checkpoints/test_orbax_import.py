"""A checkpoint of Flax modules fills the modules that the user's function makes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from orbax.checkpoint import v1 as ocp
from stored_pairs import tiny_pair

from benchmarks.factories import factory_of
from benchmarks.inputs import load
from checkpoints import load_pair, save_pair
from checkpoints.orbax_import import import_orbax
from ganrefine import main
from pairs import InputError, Net, Normal
from pairs.architecture_digest import architecture_digest
from pairs.heads.affine_score import affine

CODE = """
from flax import linen, nnx

class Dense(nnx.Module):
    def __init__(self, inputs, outputs, seed):
        self.inner = nnx.Linear(inputs, outputs, rngs=nnx.Rngs(seed))

    def __call__(self, x):
        y = self.inner(x)
        return y[:, 0] if y.shape[-1] == 1 else y

def nets():
    return Dense(3, 4, 0), Dense(4, 1, 1)

class Judge(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(1)(x)[:, 0]

def mixed():
    return Dense(3, 4, 0), Judge()

def swapped():
    return Dense(4, 1, 0), Dense(3, 4, 1)

def broken():
    raise RuntimeError("no such thing")
"""


CRITIC = """
[pair]
critic_kind = "energy"
[critic]
file = "d.npz"
layers = [{layer = "dense", out = 1}, {layer = "squeeze"}]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The user's code, and a checkpoint whose arrays are those of the net times two."""
    folder = tmp_path_factory.mktemp("orbax")
    (folder / "nets.py").write_text(CODE)
    names: dict[str, Any] = {}
    exec(CODE, names)
    maker, judge = names["nets"]()
    twice = lambda m: jax.tree.map(lambda a: 2 * a, nnx.to_pure_dict(nnx.state(m, nnx.Param)))
    kernel = np.arange(4, dtype=np.float32)[:, None]
    linen_judge = {"params": {"Dense_0": {"kernel": kernel, "bias": np.ones(1, np.float32)}}}
    saved = {"g": twice(maker), "d": twice(judge), "linen": linen_judge, "step": np.asarray(3)}
    ocp.save(str(folder / "saved"), saved)
    return folder / "nets.py", folder / "saved"


def _stored(made: tuple[Path, Path], out: Path, function: str) -> str:
    code, saved = made
    factory = factory_of(f"{code}:{function}")
    return str(
        save_pair(out, import_orbax(saved, factory, prior=Normal((3,)), sample_range=None, critic_kind="energy").pair)
    )


def test_the_arrays_of_a_checkpoint_fill_the_modules_of_a_factory(made, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(CODE, names)
    modules = names["nets"]()
    z = np.ones((2, 3), np.float32)
    pair = import_orbax(made[1], modules, prior=Normal((3,)), sample_range=None, critic_kind="energy").pair
    np.testing.assert_allclose(pair.generate(z), 2 * modules[0](z), rtol=1e-6)
    stored = load_pair(save_pair(tmp_path / "pair", pair), like=pair)
    np.testing.assert_array_equal(stored.score(pair.generate(z)), pair.score(pair.generate(z)))


@pytest.mark.slow
def test_a_stored_pair_of_the_users_code_runs_with_the_factory_as_printed(made, tmp_path: Path, capsys) -> None:
    code, saved = made
    asked = ["--factory", f"{code}:mixed", "--prior", "normal:3", "--range", "none", "--critic-kind", "energy"]
    assert main(["import", str(saved), *asked, "--out", str(tmp_path / "pair")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: ganrefine "))
    assert words == ["refine", str(tmp_path / "pair"), "--factory", f"{made[0]}:mixed"]
    assert main([*words, "--n", "8", "--steps", "2", "--out", str(tmp_path / "refined")]) == 0
    assert json.loads((tmp_path / "refined" / "report.json").read_text())["pair"] == "pair"


def test_nnx_and_linen_modules_are_rebuilt_and_heads_on_them_too(made, tmp_path: Path) -> None:
    _stored(made, tmp_path / "pair", "mixed")
    pair = load(str(tmp_path / "pair"), factory=f"{made[0]}:mixed")
    x = np.asarray([[1, 2, 3, 4]], np.float32)
    assert float(pair.score(x)[0]) == 0 * 1 + 1 * 2 + 2 * 3 + 3 * 4 + 1  # the stored kernel and bias
    calibrated = pair.replace(critic=affine(pair.critic, 2.0, 0.5), critic_kind="logit", calibrated=True)
    save_pair(tmp_path / "adapted", calibrated)
    again = load(str(tmp_path / "adapted"), factory=f"{made[0]}:mixed")
    assert float(again.score(x)[0]) == 2 * float(pair.score(x)[0]) + 0.5
    assert architecture_digest(again.generator) == architecture_digest(pair.generator)


def test_stored_pairs_run_no_code_that_the_user_has_not_named_and_refuse_other_code(made, tmp_path: Path) -> None:
    _stored(made, tmp_path / "pair", "nets")
    with pytest.raises(InputError, match="factory: is missing: the generator is code .* once named 'nets.py:nets'"):
        load(str(tmp_path / "pair"))
    (tmp_path / "nets.py").write_text(CODE.replace("y[:, 0]", "-y[:, 0]"))
    with pytest.raises(InputError, match="not, byte for byte, that of 'nets.py:nets' at the import"):
        load(str(tmp_path / "pair"), factory=f"{tmp_path / 'nets.py'}:nets")
    with pytest.raises(InputError, match="does not fit the stored arrays"):
        load(str(tmp_path / "pair"), factory=f"{made[0]}:swapped")
    mark = tmp_path / "ran"
    (tmp_path / "other.py").write_text(f"open({str(mark)!r}, 'w')\ndef make(): pass\n")
    with pytest.raises(InputError, match="is given, and no net of 'tiny' is code of yours; leave it out"):
        load(str(save_pair(tmp_path / "tiny", tiny_pair())), factory=f"{tmp_path / 'other.py'}:make")
    assert not mark.exists()


def test_a_stored_pair_of_the_users_code_gets_another_critic(made, tmp_path: Path) -> None:
    _stored(made, tmp_path / "pair", "nets")
    np.savez(tmp_path / "d.npz", **{"fc.weight": np.ones((1, 4), "f"), "fc.bias": np.zeros(1, "f")})
    (tmp_path / "critic.toml").write_text(CRITIC)
    code = ["--factory", f"{made[0]}:nets"]
    given = [str(tmp_path / "pair"), str(tmp_path / "critic.toml"), "--out", str(tmp_path / "new")]
    assert main(["import", *given]) == 2 and main(["import", *given, *code]) == 0
    pair = load(str(tmp_path / "new"), factory=code[1])
    assert float(pair.score(np.ones((1, 4), np.float32))[0]) == 4.0


def test_what_does_not_fit_is_one_line(made, tmp_path: Path, capsys) -> None:
    code, saved = made
    for factory, more, words in (
        (f"{code}:nets", [], "critic_kind: is not said by a checkpoint"),
        (f"{code}:none", [], "has no function 'none'"),
        (f"{code}:broken", [], "fails: RuntimeError: no such thing"),
        ("nothing.py:nets", [], "names no file"),
        (f"{code}:nets", ["--generator-key", "d"], "generator: finds no part of the checkpoint"),
    ):
        asked = ["--factory", factory, "--prior", "normal:3", "--range", "none", *more]
        assert main(["import", str(saved), *asked, "--out", str(tmp_path / "x")]) == 2
        assert words in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(InputError, match="is no Orbax checkpoint"):
        import_orbax(tmp_path, Net((), lambda p, z: z), prior=Normal((3,)), sample_range=None)
