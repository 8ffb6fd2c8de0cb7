"""A checkpoint of Flax modules fills the modules that the user's function makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from orbax.checkpoint import v1 as ocp

from checkpoints import load_pair
from checkpoints.orbax_import import import_orbax
from ganrefine import main
from pairs import InputError, Net, Normal

CODE = """
from flax import nnx
import jax.numpy as jnp

class Dense(nnx.Module):
    def __init__(self, inputs, outputs, seed):
        self.inner = nnx.Linear(inputs, outputs, rngs=nnx.Rngs(seed))

    def __call__(self, x):
        y = self.inner(x)
        return y[:, 0] if y.shape[-1] == 1 else y

def nets():
    return Dense(3, 4, 0), Dense(4, 1, 1)

def broken():
    raise RuntimeError("no such thing")
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
    ocp.save(str(folder / "saved"), {"g": twice(maker), "d": twice(judge), "step": np.asarray(3)})
    return folder / "nets.py", folder / "saved"


@pytest.mark.slow
def test_the_arrays_of_a_checkpoint_fill_the_modules_of_a_factory(made, tmp_path: Path, capsys) -> None:
    code, saved = made
    asked = ["--factory", f"{code}:nets", "--prior", "normal:3", "--range", "none", "--critic-kind", "energy"]
    assert main(["import", str(saved), *asked, "--out", str(tmp_path / "pair")]) == 0
    assert "refine, tune and adapt need your code" in capsys.readouterr().out
    names: dict[str, Any] = {}
    exec(CODE, names)
    modules = names["nets"]()
    z = np.ones((2, 3), np.float32)
    pair = import_orbax(saved, modules, prior=Normal((3,)), sample_range=None, critic_kind="energy").pair
    np.testing.assert_allclose(pair.generate(z), 2 * modules[0](z), rtol=1e-6)
    stored = load_pair(tmp_path / "pair", like=pair)
    np.testing.assert_array_equal(stored.score(pair.generate(z)), pair.score(pair.generate(z)))


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
