r"""Sphere, half-plane, Poincare disk: cost of equal accuracy, for our solvers and the published GEORCE.

``python -m benchmarks.studies.interpolate_georce --out benchmarks/results/interpolate_georce.json [--georce DIR]``

``DIR`` holds the authors' package ``georce`` (github.com/FrederikMR/georce, arXiv 2505.05961). Every solver returns
nodes on several numbers of segments. They are judged by the one thing that does not depend on a solver's own energy:
the length of the polygon through the nodes, integrated with eight Gauss points per side, over the distance,

.. math:: L(z_0 \dots z_T) / d(a, b) - 1 \ge 0 .

Converged solvers share this excess at one number of segments (it is that of the polygon), so rows of equal
segments are rows of equal accuracy; ``equal_accuracy`` picks the quickest row below 1e-3 and 1e-4. Cost is
milliseconds (median of repeated calls, compiled before) and the number of points at which the metric was
asked for, counted by a callback in a separate run (not where a solve takes over 50 ms: it has stalled, and a
callback per point takes minutes). More ``--pairs`` are solved at once, around the published ends.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import interp
import pairs
from pairs.io.reports import hardware, versions, write_json

__all__ = ["main", "polygon_excess", "distances", "PROBLEMS"]

PROBLEMS = {
    "sphere": ((1.0, 0.0), (0.5 * np.cos(2), 0.5 * np.sin(2))),
    "half-plane": ((-1.0, 1.0), (1.0, 1.0)),
    "disk": ((0.6, 0.2), (-0.3, 0.7)),
}
TARGETS = (1e-3, 1e-4)
_asked = [0]


def _factor(problem: Any, z: Any, lib: Any = jnp) -> Any:
    """Length factor of the three conformal metrics at ``(..., 2)``: 2/(1+r^2), 1/y, 2/(1-r^2)."""
    r2 = lib.sum(z**2, axis=-1)
    forms = [2 / (1 + r2), 1 / lib.maximum(z[..., 1], 1e-3), 2 / lib.maximum(1 - r2, 1e-6)]
    return lib.stack(forms)[problem]


def _matrix(problem: Any, z: Any) -> Any:
    return _factor(problem, z)[..., None, None] ** 2 * jnp.eye(2)


def _score(problem: Any, x: Any) -> Any:
    """Minus the logarithm of the factor: with the weight exp(-s) the critic is the metric."""
    return -jnp.log(_factor(problem, x))


def _count(z: Any) -> None:
    # the points are handed over: a callback without arguments runs once per batch, not once per point
    jax.debug.callback(lambda z: _asked.__setitem__(0, _asked[0] + z.size // 2), z)


def _counted_matrix(problem: Any, z: Any) -> Any:
    _count(z)
    return _matrix(problem, z)


def _counted_score(problem: Any, x: Any) -> Any:
    _count(x)
    return _score(problem, x)


def distances(name: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Closed forms for ends ``(n, 2)``.

    >>> round(float(distances("half-plane", np.array([[-1.0, 1.0]]), np.array([[1.0, 1.0]]))[0]), 6)
    1.762747
    """
    gap = np.sum((a - b) ** 2, axis=1)
    ra, rb = np.sum(a**2, axis=1), np.sum(b**2, axis=1)
    if name == "sphere":
        return 2 * np.arcsin(np.sqrt(gap / ((1 + ra) * (1 + rb))))
    if name == "disk":
        return np.arccosh(1 + 2 * gap / ((1 - ra) * (1 - rb)))
    return np.arccosh(1 + gap / (2 * a[:, 1] * b[:, 1]))


def polygon_excess(name: str, z: np.ndarray) -> np.ndarray:
    """Relative length above the distance of polygons ``(batch, n, 2)``, at least 0 up to rounding."""
    at, weight = np.polynomial.legendre.leggauss(8)
    at, weight = 0.5 * (at + 1), 0.5 * weight
    step = z[:, 1:] - z[:, :-1]
    inner = z[:, :-1, None] + at[:, None] * step[:, :, None]
    factor = _factor(list(PROBLEMS).index(name), inner, np)
    length = np.sum(np.linalg.norm(step, axis=-1) * np.sum(factor * weight, axis=-1), axis=1)
    return length / distances(name, z[:, 0], z[:, -1]) - 1


def _ends(name: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.tile(np.array(e, float), (batch, 1)) for e in PROBLEMS[name])
    noise = 0.05 * np.random.default_rng(0).standard_normal((2, batch, 2)) * (batch > 1)
    return a + noise[0], b + noise[1]


Solve = Callable[[np.ndarray, np.ndarray], Any]


def _pair(index: int, counted: bool) -> tuple[pairs.Pair, Any]:
    critic = pairs.wrap(_counted_score if counted else _score, jnp.asarray(index))
    flat = pairs.wrap(_flat)
    pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False)
    return pair, _WEIGHT


def _flat(p: Any, z: Any) -> Any:
    return z


_WEIGHT = pairs.wrap(lambda p, s: jnp.exp(-s))


def _lbfgs(index: int, segments: int, counted: bool) -> Solve:
    pair, weight = _pair(index, counted)
    config = interp.GeodesicConfig(
        points=segments + 1,
        segments=segments,
        modes=segments - 1,
        keep="free",
        restarts=0,
        multiresolution=False,
        resample="none",
        evaluations=60,
        tolerance=1e-6,
    )
    return lambda a, b: interp.geodesic(pair, a, b, config=config, weight=weight).path


def _own_georce(index: int, rule: Any, segments: int, counted: bool) -> Solve:
    net = pairs.wrap(_counted_matrix if counted else _matrix, jnp.asarray(index))
    config = interp.GeorceConfig(segments, tolerance=1e-6, rule=rule)
    return lambda a, b: interp.georce(net, a, b, config).z


def _published(folder: str, index: int, criterion: str, segments: int, counted: bool) -> Solve:
    """The authors' solver; ``criterion`` of its line search, the other settings are its defaults."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    from georce import GEORCE_R  # pyright: ignore[reportMissingImports]

    matrix = _counted_matrix if counted else _matrix
    solve = GEORCE_R(lambda z: matrix(index, z), T=segments, line_search_params={"criterion": criterion})
    return jax.jit(jax.vmap(solve))


def _solvers(index: int, segments: int, counted: bool, folder: str | None) -> dict[str, Callable[[], Solve]]:
    found = {
        "interp georce, trapezoid": lambda: _own_georce(index, "trapezoid", segments, counted),
        "interp georce, left end": lambda: _own_georce(index, "left", segments, counted),
        "interp lbfgs": lambda: _lbfgs(index, segments, counted),
    }
    if folder:
        found["georce, armijo (default)"] = lambda: _published(folder, index, "armijo", segments, counted)
        found["georce, plain decrease"] = lambda: _published(folder, index, "naive", segments, counted)
    return found


def _run(name: str, batch: int, segments: int, folder: str | None, rounds: int) -> list[dict[str, Any]]:
    index, ends = list(PROBLEMS).index(name), _ends(name, batch)
    rows = []
    for software, make in _solvers(index, segments, False, folder).items():
        solve = make()
        began = time.perf_counter()
        z = np.asarray(jax.block_until_ready(solve(*ends)))
        first, times = time.perf_counter() - began, []
        for _ in range(rounds if first < 20 else 1):
            began = time.perf_counter()
            jax.block_until_ready(solve(*ends))
            times.append(time.perf_counter() - began)
            if sum(times) > 10:
                break
        points = None
        if batch == 1 and np.median(times) < 0.05:
            counting = _solvers(index, segments, True, folder)[software]()
            _asked[0] = 0
            jax.block_until_ready(counting(*ends))
            jax.effects_barrier()
            points = _asked[0]
        excess = polygon_excess(name, z)
        rows.append(
            {
                "problem": name,
                "pairs": batch,
                "software": software,
                "segments": segments,
                "excess": float(excess.mean()),
                "milliseconds": 1e3 * float(np.median(times)),
                "metric_points": points,
                "first_call_seconds": first,
            }
        )
    return rows


def cheapest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per problem, batch, software and target: the quickest row that reaches it (None where none does)."""
    out = []
    for key in dict.fromkeys((r["problem"], r["pairs"], r["software"]) for r in rows):
        for target in TARGETS:
            fit = [r for r in rows if (r["problem"], r["pairs"], r["software"]) == key and r["excess"] <= target]
            best = min(fit, key=lambda r: r["milliseconds"], default=None)
            pick = {k: best[k] for k in ("segments", "milliseconds", "metric_points")} if best else None
            out.append({"problem": key[0], "pairs": key[1], "software": key[2], "excess_at_most": target, "best": pick})
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_georce.json")
    parser.add_argument("--georce", help="folder with the published package")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--segments", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--pairs", type=int, nargs="+", default=[1], help="pairs of ends solved at once")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    rows: list[dict[str, Any]] = []
    with jax.enable_x64(True):
        for batch in args.pairs:
            for segments in args.segments:
                for name in PROBLEMS:
                    rows += _run(name, batch, segments, args.georce, args.rounds)
                    print(*(r for r in rows if (r["problem"], r["segments"]) == (name, segments)), sep="\n", flush=True)
                write_json(
                    args.out,
                    {
                        "protocol": "float64; excess is of the polygon through the nodes",
                        "equal_accuracy": cheapest(rows),
                        "rows": rows,
                        "versions": versions(),
                        "hardware": hardware(),
                    },
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
