"""Arrays of an Orbax checkpoint are weights only where they are floats; what no module takes is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from orbax.checkpoint import v1 as ocp

from checkpoints.orbax_import import import_orbax
from pairs import InputError, Normal

KERNEL = np.random.default_rng(0).normal(size=(3, 2))


class Net(nnx.Module):
    def __init__(self) -> None:
        self.inner = nnx.Linear(3, 2, rngs=nnx.Rngs(0))

    def __call__(self, z: Any) -> Any:
        return self.inner(z)


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, z: Any) -> Any:
        return linen.Dense(2)(z)


def _imported(folder: Path, kernel: Any, net: Any = None, more: dict[str, Any] | None = None) -> Any:
    arrays = {"kernel": kernel, "bias": np.zeros(2, np.float32)}
    tree = {"params": {"Dense_0": arrays}} if isinstance(net, linen.Module) else {"inner": arrays, **(more or {})}
    ocp.save(str(folder / "saved"), tree)
    return import_orbax(folder / "saved", net or Net(), prior=Normal((3,)), sample_range=None)


@pytest.mark.parametrize("dtype", [np.int8, np.complex64, np.bool_])
@pytest.mark.parametrize("net", [None, LinenNet()], ids=["nnx", "linen"])
@pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning")
def test_arrays_that_are_no_floats_are_refused(tmp_path: Path, dtype: Any, net: Any) -> None:
    with pytest.raises(InputError, match=f"kernel' as {np.dtype(dtype).name} in the checkpoint; save its weights"):
        _imported(tmp_path, (9 * KERNEL).astype(dtype), net)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, jnp.bfloat16])
def test_floats_of_any_precision_are_weights(tmp_path: Path, dtype: Any) -> None:
    made = _imported(tmp_path, jnp.asarray(KERNEL.astype(dtype)) if dtype is not np.float64 else KERNEL)
    want = KERNEL.astype(dtype).astype(np.float32)
    np.testing.assert_allclose(made.pair.generate(np.eye(3, dtype="f")), want, rtol=1e-6)


def test_what_no_module_takes_is_said(tmp_path: Path) -> None:
    made = _imported(tmp_path, KERNEL.astype("f"), more={"head": {"kernel": np.ones((2, 5), np.float32)}})
    assert made.notes == ("generator: the arrays below '(all)' (not used: head.kernel) were taken",)
