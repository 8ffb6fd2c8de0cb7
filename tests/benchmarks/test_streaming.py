"""A refinement to disk gives the report of one in memory, whether it was cut short or came in parts."""

from __future__ import annotations

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import benchmarks.streaming as streaming
import checkpoints
from benchmarks.estimates import check_streaming
from benchmarks.features.fixed_features import RandomFeatures, random_features
from benchmarks.features.point_features import point_features
from benchmarks.refinement import refine_and_judge
from benchmarks.streaming import stream_and_judge
from dcd import Langevin
from ganrefine import main
from pairs import InputError, Net, Normal, Record, make_pair
from pairs.io.images import Images, read_images
from pairs.io.points import read_points
from pairs.io.reports import to_json
from pairs.sequential.spec import init_sequential

N, SEED, CONFIG = 53, 5, Langevin("latent", 2, 0.05)
KEPT = CONFIG.replace(steps=0)


@pytest.fixture(scope="module")
def pair():
    keys = jax.random.split(jax.random.key(0))
    layers = [{"layer": "dense", "out": 64}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 8, 8]}]
    critic = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = init_sequential(keys[0], layers, (4,)), init_sequential(keys[1], critic, (8, 8, 1))
    about = dict(sample_range=(-1.0, 1.0), critic_kind="logit", record=Record(name="small"))
    return make_pair(*nets, Normal((4,)), **about)


@pytest.fixture(scope="module")
def data() -> Images:
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    return Images(x, None, "noise", "test")


class Narrow(RandomFeatures):
    """The first twelve features: the intervals of all would take most of the tests' time."""

    def __call__(self, x):
        return super().__call__(x)[:, : self.dim]


@pytest.fixture(scope="module")
def net():
    given = random_features((8, 8, 1))
    return Narrow(**{f.name: getattr(given, f.name) for f in dataclasses.fields(given)} | {"dim": 12})


@pytest.fixture(scope="module")
def whole(pair, data, net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(pair, folder, net, data).report


def run(pair, folder, net, data, **more):
    return stream_and_judge(pair, CONFIG, N, SEED, folder, net, data, shard=16, batch=8, show=False, **more)


def figures(report) -> dict:
    """The report without what differs between equal runs."""
    return {k: v for k, v in report.items() if k not in ("seconds", "hardware", "versions")}


def test_the_report_is_that_of_a_run_in_memory(pair, data, net, whole) -> None:
    known, _ = refine_and_judge(pair, CONFIG, N, SEED, net, data, batch=8, show=False)
    report = whole[1]
    assert set(report) - set(known) == {"shards", "kernel"} and set(known) <= set(report)
    for name in ("data", "n", "seed", "config", "features", "reference", "neighbours", "warnings", "stopped"):
        assert report[name] == known[name], name
    for side in ("before", "after", "difference"):
        assert set(report[side]) == set(known[side])
        for name, value in known[side].items():
            if name != "fid_ci":  # its groups are other groups
                # rounding: moments are added block by block, scores come from the chain
                np.testing.assert_allclose(report[side][name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_parts_and_a_run_cut_short_give_the_report_of_the_whole_to_the_bit(
    pair, data, net, whole, tmp_path, monkeypatch
) -> None:
    assert run(pair, tmp_path, net, data, part=(2, 2)).report is None
    made, real = [], streaming.write_sealed

    def stop(*args):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(args)
        return real(*args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(streaming, "write_sealed", stop)  # a shard is there, its features are not
        run(pair, tmp_path, net, data, part=(1, 2))
    done = run(pair, tmp_path, net, data, part=(1, 2))
    assert done.missing == 0 and figures(done.report) == figures(whole[1])
    files = lambda folder: {p.name: p.read_bytes() for p in folder.iterdir()}
    assert files(tmp_path) == files(whole[0])


def test_features_of_other_images_are_made_anew(pair, data, net, whole) -> None:
    folder, report = whole
    rows = sorted(folder.glob(".rows-*.npz"))
    good = rows[0].read_bytes()
    rows[0].write_bytes(rows[1].read_bytes())
    assert figures(run(pair, folder, net, data).report) == figures(report)
    assert rows[0].read_bytes() == good


def test_a_run_given_as_data_is_its_samples_alone(whole) -> None:
    folder = whole[0]
    assert list(folder.glob(".rows-*.npz"))
    samples = np.concatenate([np.load(path)["after"] for path in sorted(folder.glob("shard-*.npz"))])
    np.testing.assert_array_equal(read_images(folder).x, samples)


def test_samples_without_a_feature_net_are_judged_by_the_critic(pair, tmp_path) -> None:
    report = run(pair, tmp_path, None, None).report
    assert report["features"] is None and set(report["before"]) == {"critic_mean", "critic_mean_ci"}
    assert not list(tmp_path.glob("*rows-*"))


def test_scores_that_are_not_finite_are_left_out_and_counted_on_disk_as_in_memory(pair, tmp_path) -> None:
    def gap(params, x):
        score = jnp.mean(x, (1, 2, 3))
        return jnp.where(score > params, jnp.nan, score)

    for name, limit in (("some", 0.1), ("none", -2.0)):
        holed = pair.replace(critic=Net(jnp.asarray(limit), gap))
        settings = dict(batch=8, show=False)
        report = stream_and_judge(holed, KEPT, N, SEED, tmp_path / name, None, shard=16, **settings).report
        known, result = refine_and_judge(holed, KEPT, N, SEED, None, **settings)
        left = int((~np.isfinite(result.start_score)).sum())
        assert report["scores_left_out"] == known["scores_left_out"] == left
        assert 0 < left < N if name == "some" else left == N
        assert report["warnings"] == known["warnings"] and f"of {left} of {N} samples" in report["warnings"][0]
        finite = result.start_score[np.isfinite(result.start_score)]
        for said in (report, known):
            json.loads(to_json(said))
            assert said["before"]["critic_mean"] == (pytest.approx(finite.mean(), rel=1e-4) if len(finite) else None)


def test_the_command_writes_shards_and_goes_on_where_it_was_stopped(pair, tmp_path, capsys) -> None:
    checkpoints.save_pair(tmp_path / "pair", pair)
    argv = ["refine", str(tmp_path / "pair"), "--n", str(N), "--steps", "2", "--step-size", "0.05", "--batch", "8"]
    argv += ["--seed", str(SEED), "--shard", "16"]
    argv += ["--out", str(tmp_path / "out")]
    assert main([*argv, "--part", "1/2"]) == 0
    printed = capsys.readouterr()
    assert "part 1 of 2 is done, 2 shards" in printed.out and "of disk" in printed.err
    assert main([*argv, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text()) and report["shards"]["count"] == 4
    names = {p.name.split("-")[0] for p in (tmp_path / "out").iterdir()}
    assert names == {"shard", "run.json", "index.json", "report.json", "grid.png"}
    assert main([*argv, "--seed", "6"]) == 2
    assert "holds a run with another key; " in capsys.readouterr().err


def test_memory_does_not_grow_with_the_number_of_samples_and_a_full_disk_is_foreseen(pair, tmp_path) -> None:
    known = [check_streaming(pair, CONFIG, n, 64, 1000, tmp_path, 448).memory for n in (20_000, 2_000_000)]
    assert known[0] == known[1]
    with pytest.raises(InputError, match="--n: is 1,000,000,000,000, which take about .* of disk; .* are free"):
        check_streaming(pair, CONFIG, 10**12, 64, 1000, tmp_path / "not" / "there", 448)


def test_points_of_a_declared_range_are_stored_and_judged_as_floats_as_in_memory(tmp_path) -> None:
    layers = [{"layer": "dense", "out": 2}, {"layer": "tanh"}]
    critic = [{"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    nets = [init_sequential(jax.random.key(i), spec, (2,)) for i, spec in enumerate((layers, critic))]
    points = make_pair(*nets, Normal((2,)), sample_range=(-1.0, 1.0), critic_kind="logit")
    real = Images(np.random.default_rng(1).uniform(-1, 1, (40, 2)).astype(np.float32), None, "square", "test")
    judge = point_features(real.x, real.name)
    report = run(points, tmp_path, judge, real).report
    known, result = refine_and_judge(points, CONFIG, N, SEED, judge, real, batch=8, show=False)
    shards = [np.load(tmp_path / row["file"]) for row in json.loads((tmp_path / "index.json").read_text())["shards"]]
    np.testing.assert_array_equal(np.concatenate([shard["after"] for shard in shards]), result.after)
    # rounding: moments are added block by block
    assert report["after"]["fid"] == pytest.approx(known["after"]["fid"], rel=1e-5)
    assert list(tmp_path.glob(".rows-*.npz"))
    np.testing.assert_array_equal(read_points(tmp_path, expect=(2,)).x, result.after)
    one = check_streaming(points, CONFIG, 1000, 8, 1000, tmp_path, 0).disk
    assert one == 1000 * (2 * 2 * 4 + 16)
