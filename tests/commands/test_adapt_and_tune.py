"""``ganrefine adapt`` and ``tune``, and ``refine --tuned`` on what they write."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from small_nets import write_net

import checkpoints
import dcd
import pairs.io.work as work_module
from benchmarks import folds
from dcd.tuning import courses
from ganrefine import main
from pairs import InputError, Normal, Record, make_pair
from pairs.sequential.spec import init_sequential


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple[str, str]:
    """A small pair on disk, and a folder of images."""
    root = tmp_path_factory.mktemp("adapt")
    keys = jax.random.split(jax.random.key(0))
    layers = [{"layer": "dense", "out": 64}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 8, 8]}]
    critic = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    pair = make_pair(
        init_sequential(keys[0], layers, (4,)),
        init_sequential(keys[1], critic, (8, 8, 1)),
        Normal((4,)),
        sample_range=(-1.0, 1.0),
        critic_kind="logit",
        record=Record(name="small"),
    )
    checkpoints.save_pair(root / "pair", pair)
    (root / "data").mkdir()
    images = np.random.default_rng(0).integers(0, 255, (2600, 8, 8, 1)).astype(np.uint8)
    np.savez(root / "data" / "train.npz", x=images)
    return str(root / "pair"), str(root / "data")


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> list[str]:
    return ["--features", write_net(tmp_path_factory.mktemp("nets") / "net-a")]


@pytest.mark.parametrize("option", [["--steps", "30"], ["--preset", "ddls"], ["--metropolis"]])
def test_adapt_refuses_settings_of_a_chain_that_it_would_not_run(given, refused, option) -> None:
    line = refused("adapt", *given, *option)
    assert line.startswith(f"error: {option[0]}: sets the chain of a contrast that is not asked for")
    assert "--critic-steps" in line


def test_adapt_shows_what_calibration_found_and_its_warnings(given, tmp_path, monkeypatch, capsys) -> None:
    found = {"after": {"auc": 1.0, "ece": 0.25}, "warnings": ["the ratio carries no usable signal"]}
    monkeypatch.setattr(dcd, "adapt", lambda pair, *a, **k: (pair, {"calibrate": found}))
    assert main(["adapt", *given, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "calibrate: auc 1, ece 0.25\n" in printed
    assert "warning: calibrate: the ratio carries no usable signal\n" in printed


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--on-features"]], ids=["samples", "features"])
def test_adapt_writes_a_calibrated_pair_with_the_generator_it_was_given(given, net, tmp_path, more, capsys) -> None:
    more = [*more, *net] if more else more
    assert main(["adapt", *given, "--critic-steps", "20", "--out", str(tmp_path), *more]) == 0
    printed = capsys.readouterr()
    assert "recover: 100 %" in printed.err and "auc" in printed.out
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["moves"]) == {"recover", "calibrate"}
    before, after = checkpoints.load_pair(given[0]), checkpoints.load_pair(tmp_path / "pair")
    jax.tree.map(np.testing.assert_array_equal, before.generator.params, after.generator.params)
    assert after.calibrated and after.critic_kind == "logit"


@pytest.mark.slow
def test_an_adaptation_that_is_stopped_goes_on_as_its_line_says_to_the_same_pair(
    given, tmp_path, monkeypatch, capsys
) -> None:
    command = ["adapt", *given, "--critic-steps", "220", "--contrast", "2", "--steps", "1", "--seed", "3"]
    calm, out = tmp_path / "calm", tmp_path / "out"
    assert main([*command, "--out", str(calm)]) == 0
    write, wrote = work_module.write_sealed, []

    def stop(path, *more):
        write(path, *more)
        wrote.append(path.name)
        if wrote.count("recover.state.npz") == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(work_module, "write_sealed", stop)
    assert main([*command, "--out", str(out)]) == 130
    assert "stopped by SIGINT; the same command goes on from its last checkpoint" in capsys.readouterr().err
    assert main([*command[:-1], "4", "--out", str(out)]) == 2
    assert "holds a run with another --seed (3, here 4); give the same to go on" in capsys.readouterr().err
    wrote.append("recover.state.npz")
    assert main([*command, "--out", str(out)]) == 0
    # 100 updates were kept, so that the first record of the last sitting is at 120
    assert "recover: 55 %" in capsys.readouterr().err
    assert not (out / "work").exists()
    before, after = (checkpoints.load_pair(folder / "pair") for folder in (calm, out))
    jax.tree.map(np.testing.assert_array_equal, before.critic.params, after.critic.params)
    assert before.record == after.record


@pytest.mark.slow
def test_tune_reports_its_verdict_and_refine_obeys_it(given, net, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(courses, "SAMPLE_TURN", courses.SAMPLE_TURN.replace(rounds=20))
    monkeypatch.setattr(courses, "POOL", 200)
    monkeypatch.setattr(courses, "DRAWS", 0)
    judge = write_net(tmp_path / "net-b", "b")
    few = ["--critic-steps", "20", "--steps", "2", "--confirm", "500", "--first", "20", "--pool", "80", "--batch", "20"]
    few += ["--boosts", "1", "--contrasts", "1"]
    assert main(["tune", *given, *few, *net, "--judge", judge, "--out", str(tmp_path), "--json"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["features"]["name"] != report["judge"]["name"]
    assert set(report["moves"]) - {"features"} == {"recovered", "maps"}  # on the features alone where maps tell at once
    tried = {t["choice"]["critic"] for t in report["trials"]}
    # the winner's critic is boosted and contrasted once, unless the best choice is a selection; that of samples is new
    names = {name.removesuffix("+1").removesuffix("+cd") for name in tried}
    assert names == {"raw", "recovered", "features", "samples"}
    assert report["verdict"] in ("gain", "no gain", "undecided") and report["reason"]
    if report["gain"]:
        assert report["confirmed"]["fid"]["interval"][1] < 0
    refined = ["refine", "--tuned", str(tmp_path / "tuned.toml"), *net, "--n", "20", "--out", str(tmp_path / "out")]
    assert main([*refined, "--json"]) == 0
    with np.load(tmp_path / "out" / "samples.npz") as samples:
        assert np.array_equal(samples["before"], samples["after"]) != report["gain"]
    # the verdict can be overruled, where there is a setting at all
    if report["choice"] is not None:
        assert main([*refined, "--anyway", "--json"]) == 0
        with np.load(tmp_path / "out" / "samples.npz") as samples:
            assert not np.array_equal(samples["before"], samples["after"])


def test_images_beyond_the_limit_train_the_critic_of_the_samples_alone(given, net, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(folds, "MOST_IMAGES", 2500)  # of 2,600
    seen: list[np.ndarray] = []

    def variants(pair, train_x, held_x, *_, **more):
        seen.extend([train_x, held_x])
        return {"raw": pair}, {}

    def tune(pairs, search_x, confirm_x, *_, critic_data, **more):
        seen.extend([search_x, confirm_x, critic_data.train_x, critic_data.rest_x])
        raise InputError("tune", "was stopped", "no remedy")

    monkeypatch.setattr(dcd, "critic_variants", variants)
    monkeypatch.setattr(dcd, "tune", tune)
    assert main(["tune", *given, *net, "--out", str(tmp_path)]) == 2
    assert [len(x) for x in seen] == [1375, 250, 375, 500, 1375, 100]
    train, held, search, confirm, again, rest = ({row.tobytes() for row in x} for x in seen)
    assert train == again and not rest & (train | held | search | confirm)


def test_tune_says_how_many_images_a_verdict_needs(given, net, tmp_path, capsys) -> None:
    few = ["--limit", "600", *net, "--out", str(tmp_path)]
    assert main(["tune", *given, *few]) == 2
    assert "give at least 2,500 images" in capsys.readouterr().err


@pytest.mark.slow
def test_points_go_through_tune_and_refine_with_features_of_their_own(net, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(courses, "SAMPLE_TURN", courses.SAMPLE_TURN.replace(rounds=100))
    # the plane's Gaussian samples, and data on a ring
    generator = init_sequential(jax.random.key(0), [{"layer": "dense", "out": 2}], (2,))
    pair = make_pair(generator, None, Normal((2,)), sample_range=None, critic_kind=None, record=Record(name="plane"))
    checkpoints.save_pair(tmp_path / "pair", pair)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 2600)
    np.savez(tmp_path / "ring.npz", x=np.stack([np.cos(angle), np.sin(angle)], 1))
    data = str(tmp_path / "ring.npz")
    few = [
        "--critic-steps",
        "20",
        "--steps",
        "2",
        "--confirm",
        "500",
        "--first",
        "20",
        "--batch",
        "20",
        "--contrasts",
        "1",
    ]
    assert main(["tune", str(tmp_path / "pair"), data, *few, "--out", str(tmp_path / "tuned"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    # another draw of frequencies judges than searched
    assert (report["features"]["name"], report["judge"]["name"]) == ("random-fourier-0", "random-fourier-1")
    assert set(report["moves"]) == {"recovered"}
    command = ["refine", "--tuned", str(tmp_path / "tuned" / "tuned.toml"), "--anyway", "--data", data, "--n", "100"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert "FD (Fourier features)" in capsys.readouterr().out
    assert main(["tune", str(tmp_path / "pair"), data, *net, "--out", str(tmp_path / "no")]) == 2
    assert "--features: is given for samples that are no images" in capsys.readouterr().err


@pytest.mark.slow
def test_the_critic_of_a_conditional_pair_is_replaced_by_one_on_features(net, tmp_path) -> None:
    embed = {"layer": "concatenate", "branches": [[], [{"layer": "embed", "classes": 3, "out": 2}]]}
    layers = [embed, {"layer": "dense", "out": 64}, {"layer": "tanh"}, {"layer": "unflatten", "shape": [1, 8, 8]}]
    score = {"layer": "add", "branches": [[{"layer": "dense", "out": 1}], [{"layer": "projection", "classes": 3}]]}
    keys = jax.random.split(jax.random.key(0))
    pair = make_pair(
        init_sequential(keys[0], layers, (4,)),
        init_sequential(keys[1], [{"layer": "flatten"}, score, {"layer": "squeeze"}], (8, 8, 1)),
        Normal((4,)),
        classes=3,
        sample_range=(-1.0, 1.0),
        critic_kind="logit",
        record=Record(name="conditional"),
    )
    checkpoints.save_pair(tmp_path / "pair", pair)
    images = np.random.default_rng(0).integers(0, 255, (600, 8, 8, 1)).astype(np.uint8)
    np.savez(tmp_path / "train.npz", x=images, y=np.arange(600) % 3)
    command = ["adapt", str(tmp_path / "pair"), str(tmp_path / "train.npz"), "--critic-steps", "5", "--on-features"]
    assert main([*command, *net, "--out", str(tmp_path / "out"), "--json"]) == 0
    made = checkpoints.load_pair(tmp_path / "out" / "pair")
    assert made.classes == 3 and made.record["recovered"]["on"] == "features"
