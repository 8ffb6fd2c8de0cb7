"""A digest tells nets of equal weights apart, and is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import jax
import pytest
from flax import linen

from pairs import Net, wrap
from pairs.architecture_digest import architecture_digest
from pairs.sequential.spec import init_sequential


def closed(slope):
    def leaky(params, x):
        return jax.nn.leaky_relu(x, slope)

    return leaky


class Scaled:
    def __init__(self, slope):
        self.slope = slope

    def __call__(self, params, x):
        return jax.nn.leaky_relu(x, self.slope)


WAYS = {
    "layers": lambda s: init_sequential(jax.random.key(0), [{"layer": "leaky_relu", "slope": s}], (3,)),
    "linen": lambda s: wrap(linen.Sequential([partial(jax.nn.leaky_relu, negative_slope=s)]), {}),
    "closure": lambda s: Net(None, closed(s)),
    "compiled": lambda s: Net(None, jax.jit(closed(s))),
    "object": lambda s: Net(None, Scaled(s)),
    "number in the code": lambda s: Net(None, (lambda p, x: x * 0.1) if s == 0.1 else (lambda p, x: x * 0.2)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_slope_changes_the_digest_and_the_same_slope_does_not(way) -> None:
    first, again, other = (architecture_digest(WAYS[way](s)) for s in (0.1, 0.1, 0.2))
    assert first == again != other


def test_weights_play_no_part() -> None:
    assert architecture_digest(Net(1.0, closed(0.1))) == architecture_digest(Net(2.0, closed(0.1)))


def test_addresses_and_the_order_of_sets_play_no_part() -> None:
    code = "import jax; from pairs import Net; from pairs.architecture_digest import architecture_digest as d\n"
    code += "class A: pass\nA.__call__ = lambda self, p, x: x\n"
    code += "a = A(); a.f, a.names = jax.nn.relu, {'one', 'two', 'three'}; print(d(Net(None, a)))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in ("1", "2")
    ]
    assert len(runs[0].stdout.strip()) == 64 and runs[0].stdout == runs[1].stdout, runs[0].stderr
