"""The study of devices: its bookkeeping, its nets in low precision, and that PyTorch runs the same nets."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies.device_cases import Case, case_of, in_bfloat16, random_sngan, random_stylegan2
from benchmarks.studies.device_chain import PRECISIONS, matrix_peak
from benchmarks.studies.device_parts import Part, measure, plan
from benchmarks.studies.device_quality import quality
from benchmarks.studies.device_turns import Report, ratios, steps_that_fit, take_turns
from pairs import Normal, Pair, make_pair
from pairs.sequential.spec import init_sequential


class Clock:
    """Seconds that pass only where a job lets them."""

    def __init__(self) -> None:
        self.now, self.seen = 0.0, ""

    def __call__(self) -> float:
        return self.now

    def job(self, name: str, *seconds: float):
        left = list(seconds)

        def run() -> None:
            self.seen += name
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


@pytest.fixture(scope="module")
def small() -> Pair:
    keys = jax.random.split(jax.random.key(0))
    generator = init_sequential(keys[0], [{"layer": "dense", "out": 6}, {"layer": "tanh"}], (3,))
    critic = init_sequential(keys[1], [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (6,))
    return make_pair(generator, critic, Normal((3,)), sample_range=(-1, 1), critic_kind="logit", check=False)


def test_every_contestant_begins_in_turn_and_a_ratio_belongs_to_one_turn() -> None:
    clock = Clock()
    times = take_turns({"a": clock.job("a", 1, 10, 3), "b": clock.job("b", 2, 20, 4)}, 1e9, 3, clock=clock)
    assert clock.seen == "abbaab"
    # the medians of the times, 3 and 4, belong to one turn here and need not: their ratio is not what is reported
    assert ratios(times, "a")["a / b"] == {"median": 0.5, "least": 0.5, "largest": 0.75, "turns": 3}


def test_no_turn_begins_that_cannot_end_in_time() -> None:
    clock = Clock()
    times = take_turns({"a": clock.job("a", 2.0), "b": clock.job("b", 1.0)}, 10.0, 99, clock=clock)
    assert clock.now == 9.0 and len(times["a"]) == len(times["b"]) == 3
    assert steps_that_fit(3.0, 1, 10.0, 16) == 0  # five turns of 3 s do not fit in 10 s


def test_the_first_parts_are_all_pairs_and_precisions_with_all_contestants(small: Pair) -> None:
    cases = [Case("a", small, (4, 2), True), Case("b", small, (8, 2), False)]
    parts = plan(cases)
    first = parts[:6]
    assert {(p.case.name, p.precision) for p in first} == {(c, p) for c in "ab" for p in PRECISIONS}
    assert all(p.space == "latent" and p.batch == p.case.batches[0] and "CUDA graphs" in p.peers for p in first)
    assert all(("autocast" in p.peers) == (p.precision == "bfloat16") for p in first)
    assert len(parts) == len({p.name for p in parts}) == 2 * 2 * 2 * 3


def test_the_report_is_on_disk_after_every_part_and_lists_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = Report(path, {"seeds": 0}, pending=["one", "two", "three"])
    report.add({"part": "one", "value": 1.0})
    assert json.loads(path.read_text())["parts"] == [{"part": "one", "value": 1.0}]
    report.skip("two, PyTorch eager", "no such device")  # a contestant is missing, the part is not
    report.add({"part": "two"})
    report.give_up("the time was over")
    found = json.loads(path.read_text())
    assert [p["part"] for p in found["parts"]] == ["one", "two"] and found["seeds"] == 0
    assert found["not_measured"] == [
        {"part": "two, PyTorch eager", "why": "no such device"},
        {"part": "three", "why": "the time was over"},
    ]


@pytest.mark.slow
def test_a_part_without_pytorch_is_measured_and_says_why(small: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    found_before = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found_before(name))
    part = Part(Case("small", small, (4,), True), "latent", "float32", 4, ("eager", "compiled"), True)
    found, job, lost = measure(part, 5.0, time.perf_counter() + 60, 1e9, 1)
    assert [name for name, why in lost if "torch: is not installed" in why] == ["eager", "compiled"]
    assert list(found["ms_per_step"]) == ["chain"] and found["ms_per_step"]["chain"]["turns"] >= 5
    step, ending = (found[key]["chain"]["median"] / 1e3 for key in ("ms_per_step", "ms_per_generator_pass"))
    assert found["refined_per_s"]["chain"] == pytest.approx(4 / (20 * step + ending))
    # forward: 4 (3 x 6 + 6 x 1) products and sums; backward by the inputs as many again; elementwise work is left out
    assert found["flops_per_gradient"]["as written"] == 2 * 2 * 4 * 24
    rate = found["flop_per_s"]["as written"]
    assert rate == pytest.approx(2 * 2 * 4 * 24 / step)
    assert found["percent_of_matrix_peak"] == {"as written": pytest.approx(rate / 1e9 * 100)}
    assert job.gradient is not None and job.gradient.shape == (4, 3)


def test_low_precision_is_low_inside_and_single_outside(small: Pair) -> None:
    low = in_bfloat16(small)
    assert {v.dtype for v in jax.tree.leaves((low.generator.params, low.critic.params))} == {jnp.dtype(jnp.bfloat16)}
    z = small.prior.sample(jax.random.key(1), 16)
    full, half = small.generate(z), low.generate(z)
    assert half.dtype == jnp.float32 and low.score(half).dtype == jnp.float32
    assert "bf16[16,6] = tanh" in str(jax.make_jaxpr(low.generate)(z))  # activations too, not the weights alone
    # eight bits of mantissa: a relative error of 2^-9 for each rounding, here of a few numbers of order 1
    assert 1e-4 < float(jnp.mean(jnp.abs(full - half))) < 3e-2


def test_quality_compares_with_float32_pair_by_pair(small: Pair) -> None:
    x = np.asarray(small.generate(small.prior.sample(jax.random.key(2), 32)))
    found = quality(small, {"float32": x, "bfloat16": x + 0.25}, None)
    assert found["sample_minus_float32"]["bfloat16"]["mean"] == pytest.approx(0.25, abs=1e-6)
    shift = 0.25 * float(np.sum(np.asarray(small.critic.params[0]["kernel"])))
    row = found["score_minus_float32"]["bfloat16"]
    # the critic is linear: all scores shift by the same number, so that the paired error is rounding alone
    assert row["mean"] == pytest.approx(shift, abs=1e-5) and row["standard_error"] < 1e-5
    assert found["score"]["float32"]["standard_error"] > 1e-2


def test_the_peak_counts_two_operations_for_a_product_and_its_sum() -> None:
    found = matrix_peak("float32", 64, turns=5, products=2)
    assert found["flop_per_s"]["turns"] == 5 and 0 < found["flop_per_s"]["median"] < 1e15


@pytest.mark.slow
@pytest.mark.parametrize("make", [random_sngan, random_stylegan2])
def test_pytorch_runs_the_same_nets(make) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.peers.torch_modules import torch_nets

    pair = make(True)
    z = pair.prior.sample(jax.random.key(3), 3)
    x = np.asarray(jax.jit(pair.generate)(z))
    generator, critic = torch_nets(pair, 1)
    theirs = generator(torch.from_numpy(np.array(z)))
    assert 0.05 < x.std() < 1  # neither constant nor cut everywhere
    # float32 sums of some thousand terms, relative to samples of order 1
    np.testing.assert_allclose(theirs.numpy().transpose(0, 2, 3, 1), x, atol=2e-5)
    score = np.asarray(jax.jit(pair.score)(x))
    close = {"rtol": 1e-4, "atol": 1e-4 * np.abs(score).max()}
    np.testing.assert_allclose(critic(theirs).numpy(), score, **close)
    # where PyTorch compiles, filters take another form
    traced = torch.compile(lambda v: critic(generator(v)), backend="eager", dynamic=False)
    np.testing.assert_allclose(traced(torch.from_numpy(np.array(z))).numpy(), score, **close)


def test_an_unknown_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing-of-this-name"):
        case_of("nothing-of-this-name", True)
