r"""Normalised weights of PyTorch files as the plain weights that evaluation mode computes with.

Weight normalisation, stored as g and v (``weight_g``, ``weight_v``, or ``parametrizations.weight.original0``
and ``original1``), the norm over all axes along which g has length one:

.. math:: W = g\, v / \|v\|

Spectral normalisation, W a matrix with one row per entry of u:

.. math:: \hat W = W / (u^\top W v)

PyTorch makes the rows of the weight's first axis, of a transposed convolution of its second, and lets the user choose
another one (``dim``), which the file does not tell. Of the first two axes, it is the one that u and v fit; where they
fit both, the one along which :math:`u = Wv / |Wv|`, as the power iteration left them.

===========================================  ========================================================
stored                                       vectors used
===========================================  ========================================================
``weight_orig``, ``weight_u``, ``weight_v``  u and v as stored (``parametrizations`` likewise)
``weight``, ``weight_orig``, ``weight_u``    none: ``weight`` is the folded weight (PyTorch 0.4)
``weight``, ``sn_u``, ``sn_sigma``           one power step from u, as mimicry does in evaluation too
``weight``, ``u0``, ``sv0``                  one power step from u, as BigGAN-PyTorch does
``weight_bar``, ``weight_u``, ``weight_v``   one power step from u, as that wrapper does
===========================================  ========================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["fold", "plain_shapes"]

_NEW = "parametrizations.weight."
_WEIGHT_NORM = (("weight_g", "weight_v"), (f"{_NEW}original0", f"{_NEW}original1"))
_STORED = (("weight_orig", "weight_u", "weight_v"), (f"{_NEW}original", f"{_NEW}0._u", f"{_NEW}0._v"))
_STEP = (("weight", "sn_u", "sn_sigma"), ("weight", "u0", "sv0"), ("weight_bar", "weight_u", "weight_v"))
_OLD = ("weight", "weight_orig", "weight_u")

ALIGNED = 0.9
"""Least cosine of u with W v where the power iteration made u: weights moved by one step of training since then."""

Group = Mapping[str, np.ndarray]


def _form(group: Group) -> tuple[str, tuple[str, ...]] | None:
    for how, forms in (("weight norm", _WEIGHT_NORM), ("old", (_OLD,)), ("stored", _STORED), ("step", _STEP)):
        for names in forms:
            if all(name in group for name in names):
                return how, names
    return None


def _rest(group: Group, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What is not part of the normalised weight; further vectors of the same sort (``u1``, ``sv1``) are part of it."""
    more = tuple(n for n in group if names[1] == "u0" and n.rstrip("0123456789") in ("u", "sv"))
    return {n: a for n, a in group.items() if n not in names and n not in more}


def plain_shapes(group: Group) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of one module after folding, by name; nothing is computed."""
    found = _form(group)
    if found is None:
        return {n: a.shape for n, a in group.items()}
    how, names = found
    whole = group[names[1] if how == "weight norm" else names[0]]
    return {"weight": whole.shape, **{n: a.shape for n, a in _rest(group, names).items()}}


def fold(group: Group, transposed: bool) -> tuple[dict[str, np.ndarray], str | None]:
    """The tensors of one module with plain weights, and the name of the form where one was folded.

    Args:
      group: Tensors of the module by their last name.
      transposed: The module is a transposed convolution, whose weight has its outputs second.

    Raises:
      ValueError: The vectors do not fit the weight, or normalise it by zero.
    """
    found = _form(group)
    if found is None:
        return dict(group), None
    how, names = found
    first, *others = (np.asarray(group[n], np.float64) for n in names)
    if how == "weight norm":
        weight = _weight_norm(first, others[0])
    elif how == "old":
        weight = first
    else:
        weight = _spectral(first, others[0].ravel(), others[1].ravel() if how == "stored" else None, transposed)
    if not np.all(np.isfinite(weight)):
        raise ValueError(f"'{names[0]}' is normalised by zero, or holds NaN or infinity")
    said = "weight normalisation" if how == "weight norm" else "spectral normalisation"
    return {"weight": weight, **_rest(group, names)}, f"{said} folded ({', '.join(names)})"


def _weight_norm(g: np.ndarray, v: np.ndarray) -> np.ndarray:
    if g.ndim not in (0, v.ndim) or any(n not in (1, m) for n, m in zip(g.shape, v.shape, strict=False)):
        raise ValueError(f"'weight_g' {g.shape} does not fit 'weight_v' {v.shape}")
    axes = tuple(i for i in range(v.ndim) if g.ndim == 0 or g.shape[i] == 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return g * v / np.sqrt(np.sum(v**2, axis=axes, keepdims=True))


def _spectral(weight: np.ndarray, u: np.ndarray, v: np.ndarray | None, transposed: bool) -> np.ndarray:
    # forms without v always take the first axis for the rows
    usual = int(transposed and v is not None and weight.ndim > 1)
    axes = [usual] if v is None or weight.ndim < 2 else [usual, 1 - usual]
    matrices = [np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1) for axis in axes]
    fitting = [m for m in matrices if u.shape == m.shape[:1] and (v is None or v.shape == m.shape[1:])]
    if not fitting:
        raise ValueError(f"{weight.shape} does not fit its vectors {u.shape}{'' if v is None else f', {v.shape}'}")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # vectors that were never iterated fit neither axis; the usual one is first, and stays
        aligned = [v is not None and float(u @ _unit(m @ v)) > ALIGNED for m in fitting]
        matrix = fitting[aligned.index(True)] if True in aligned else fitting[0]
        if v is None:
            v = _unit(u @ matrix)
            u = _unit(matrix @ v)
        return weight / (u @ matrix @ v)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
