"""Spectral norms whose vectors alone tell along which axis of the weight they run."""

from __future__ import annotations

import numpy as np
import pytest

from checkpoints.folding import fold


def _stored(shape: tuple[int, ...], axis: int, steps: int, moved: float = 0.0) -> tuple[dict[str, np.ndarray], float]:
    """Tensors after so many power steps along an axis, the weight moved by a part of its size since; u W v."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(shape)
    matrix = np.moveaxis(weight, axis, 0).reshape(shape[axis], -1)
    u, v = (a / np.linalg.norm(a) for a in (rng.standard_normal(n) for n in matrix.shape))
    for _ in range(steps):
        v = u @ matrix
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    weight = weight + moved * rng.standard_normal(shape)
    sigma = u @ np.moveaxis(weight, axis, 0).reshape(shape[axis], -1) @ v
    return {"weight_orig": weight, "weight_u": u, "weight_v": v}, float(sigma)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("shape", "moved"), [((6, 6, 3, 3), 0.0), ((6, 6, 3, 3), 0.05), ((4, 6, 3, 3), 0.0), ((5, 5), 0.0)]
)
def test_the_norm_runs_along_the_axis_that_made_its_vectors(shape, moved, axis, transposed) -> None:
    stored, sigma = _stored(shape, axis, 1, moved)
    folded, _ = fold(stored, transposed)
    np.testing.assert_allclose(folded["weight"], stored["weight_orig"] / sigma, rtol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
def test_vectors_that_were_never_iterated_run_along_the_usual_axis(transposed) -> None:
    stored, sigma = _stored((6, 6, 3, 3), int(transposed), 0)
    np.testing.assert_allclose(fold(stored, transposed)[0]["weight"], stored["weight_orig"] / sigma, rtol=1e-12)


def test_vectors_of_no_axis_are_refused() -> None:
    stored, _ = _stored((4, 6, 3, 3), 2, 1)
    with pytest.raises(ValueError, match="does not fit its vectors"):
        fold(stored, False)
