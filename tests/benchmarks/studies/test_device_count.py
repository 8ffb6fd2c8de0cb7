"""Operations as written: XLA's count where it has one, one for both forms of a convolution, and filled in later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import Array, lax

from benchmarks.studies.device_cases import random_sngan
from benchmarks.studies.device_chain import gradient_operations
from benchmarks.studies.device_speed import main
from pairs.convolution import Form, conv, conv_transpose
from pairs.operations import operations

LIKE = jax.ShapeDtypeStruct


def net(x: Array, kernels: tuple[Array, ...], form: Form) -> Array:
    y = jax.nn.relu(conv(x, kernels[0], stride=2, form=form))
    y = jax.nn.relu(conv_transpose(y, kernels[1], stride=2, form=form))
    return jnp.sum(y.reshape(len(y), -1) @ kernels[2])


KERNELS = tuple(LIKE(s, jnp.float32) for s in ((4, 4, 16, 32), (4, 4, 32, 16), (18 * 18 * 16, 24)))
IMAGES = LIKE((2, 18, 18, 16), jnp.float32)


@pytest.mark.parametrize("form", ["library", "matmul"])
def test_the_count_of_a_gradient_is_that_of_xla(form: Form) -> None:
    gradient = jax.value_and_grad(lambda x, kernels: net(x, kernels, form))
    cost = jax.jit(gradient).lower(IMAGES, KERNELS).cost_analysis()
    # nothing is padded here; XLA counts elementwise work too, below 1/100 of products over 256 numbers and more
    assert operations(gradient, IMAGES, KERNELS) == pytest.approx(cost["flops"], rel=0.03)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (4, 2, 1), (1, 1, 0), (3, 2, 1)])
@pytest.mark.parametrize("function", [conv, conv_transpose])
def test_both_forms_of_a_convolution_have_one_count(function: Any, kernel: int, stride: int, padding: int) -> None:
    x, w = LIKE((2, 7, 6, 3), jnp.float32), LIKE((kernel, kernel, 3, 5), jnp.float32)

    def count(form: str) -> float | None:
        total = lambda x, w: jnp.sum(function(x, w, stride, padding, form=form) ** 2)
        return operations(jax.grad(total), x, w)

    assert count("library") == count("matmul")


def test_groups_and_loops_are_counted_by_their_sizes() -> None:
    x, w = LIKE((2, 6, 6, 8), jnp.float32), LIKE((3, 3, 2, 12), jnp.float32)
    dimensions = ("NHWC", "HWIO", "NHWC")
    grouped = lambda x, w: lax.conv_general_dilated(
        x, w, (1, 1), "VALID", dimension_numbers=dimensions, feature_group_count=4
    )
    assert operations(grouped, x, w) == 2 * (2 * 4 * 4 * 12) * (3 * 3 * 2)
    a = LIKE((4, 4), jnp.float32)
    one = 2 * 4**3
    assert operations(lambda a: lax.fori_loop(0, 5, lambda _, b: jnp.tanh(a @ b), a), a) == 5 * one
    assert operations(lambda a: lax.cond(a[0, 0] > 0, lambda b: b @ b @ b, lambda b: b @ b, a), a) == 2 * one
    assert operations(lambda a: lax.while_loop(lambda b: b[0, 0] > 0, lambda b: b @ b, a), a) is None
    assert operations(lambda a: lax.while_loop(lambda b: b[0, 0] > 0, lambda b: b - 1, a) @ a, a) == one


def measured() -> dict[str, Any]:
    """A report as a GPU leaves it: XLA counts the compiled program alone, and little of that."""
    spread = {"median": 2.0, "least": 1.0, "largest": 3.0, "turns": 5}
    pair = random_sngan(True)
    sizes = {"generator": pair.generator.size, "critic": pair.critic.size, "sample": pair.sample_shape}
    unknown = {"as written": None, "compiled": 7.0}
    part = {"part": "random-sngan, latent, tf32, batch 8", "batch": 8, "ms_per_step": {"chain": spread}}
    part |= {"ratio": {}, "refined_per_s": {"chain": 100.0}}
    part |= {k: dict(unknown) for k in ("flops_per_gradient", "flop_per_s", "percent_of_matrix_peak")}
    peak = {"part": "matrix peak", "peak": {"tf32": {"flop_per_s": {**spread, "median": 1e12}}}}
    head = {"pairs": {"random-sngan": sizes}, "bounds": {"quick": True}, "protocol": {}, "versions": {"jax": "0"}}
    return {**head, "parts": [peak, part, {"part": "random-sngan, quality", "chains": 8}]}


@pytest.mark.slow
def test_a_report_is_completed_with_counts_and_keeps_its_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, before = tmp_path / "report.json", measured()
    path.write_text(json.dumps(before))
    assert main(["--count", str(path)]) == 0
    after = json.loads(path.read_text())
    flops = gradient_operations(random_sngan(True), "latent", 8)
    part = after["parts"][1]
    assert flops is not None and flops > 1e6
    assert part["flops_per_gradient"] == {"as written": flops, "compiled": 7.0}
    # the count of the compiled program has no share
    assert part["flop_per_s"] == {"as written": flops / 2e-3}
    assert part["percent_of_matrix_peak"] == {"as written": pytest.approx(100 * flops / 2e-3 / 1e12)}
    assert after["counted_afterwards"]["versions"]["jax"] == jax.__version__ and after["versions"] == {"jax": "0"}
    same = ("part", "batch", "ms_per_step", "refined_per_s")
    assert [part[k] for k in same] == [before["parts"][1][k] for k in same]
    assert after["parts"][::2] == before["parts"][::2]
    assert "100 refined/s" in capsys.readouterr().out


def test_other_nets_and_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, report = tmp_path / "report.json", measured()
    report["pairs"]["random-sngan"]["critic"] += 1
    path.write_text(json.dumps(report))
    assert main(["--count", str(path)]) == 2
    assert "as critic" in capsys.readouterr().err
    assert json.loads(path.read_text())["parts"][1]["flops_per_gradient"]["as written"] is None
    path.write_text("{}")
    assert main(["--count", str(path)]) == 2
    assert "is no report of this study" in capsys.readouterr().err
