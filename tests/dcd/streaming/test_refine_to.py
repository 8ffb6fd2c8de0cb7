"""Long runs to disk: the files are those of one uninterrupted run, or the folder is refused."""

from __future__ import annotations

import json
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import identity, pair_of
from small_runs import BATCH, CONFIG, KEY, PAIR, SHARD, STEPS, N, contents, run, slope

import dcd.streaming.shards as stream
from dcd import Langevin, refine
from pairs import InputError, Net, Normal, make_pair
from pairs.digests import pair_digest
from pairs.io.pixels import to_uint8


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, run(folder)


def test_shards_hold_the_samples_of_refine_in_order(finished):
    folder, paths = finished
    assert [p.name for p in paths] == ["shard-00000.npz", "shard-00001.npz", "shard-00002.npz"]
    assert sorted(contents(folder)) == ["index.json", "run.json", *(p.name for p in paths)]
    shards = [dict(np.load(p)) for p in paths]
    joined = {k: np.concatenate([s[k] for s in shards]) for k in shards[0]}
    assert sorted(joined) == ["acceptance", "after", "before", "score", "seal", "start_score", "stopped"]
    whole = refine(PAIR, CONFIG, KEY, N, batch=BATCH)
    # shards are multiples of the batch, so every batch is the same batch: equal to the bit
    np.testing.assert_array_equal(joined["before"], to_uint8(whole.before, (-1.0, 1.0)))
    np.testing.assert_array_equal(joined["after"], to_uint8(whole.after, (-1.0, 1.0)))
    np.testing.assert_array_equal(joined["start_score"], whole.start_score)
    np.testing.assert_array_equal(joined["score"], whole.trace.score[-1])
    np.testing.assert_array_equal(joined["stopped"], whole.stopped)
    np.testing.assert_array_equal(joined["acceptance"], 1)
    assert joined["after"].dtype == np.uint8 and joined["stopped"].dtype == bool


def test_floats_are_stored_on_request_and_where_no_range_is_declared(tmp_path):
    files = run(tmp_path, n=4, uint8=False)
    np.testing.assert_array_equal(np.load(files[0])["after"], refine(PAIR, CONFIG, KEY, 4, batch=BATCH).after)
    free = PAIR.replace(sample_range=None)
    assert np.load(run(tmp_path / "free", free, n=4)[0])["after"].dtype == np.float32
    with pytest.raises(InputError, match="uint8: needs a range"):
        run(tmp_path / "no", free, n=4, uint8=True)
    assert not (tmp_path / "no").exists()


def test_bytes_are_those_of_the_one_quantisation():
    x = np.concatenate([np.linspace(-1.3, 1.3, 4001), np.arange(256) / 127.5 - 1]).astype(np.float32)
    np.testing.assert_array_equal(np.float32(to_uint8(x, (-1.0, 1.0))), np.rint(255 * np.clip((x + 1) / 2, 0, 1)))


def test_nan_has_no_byte():
    with pytest.raises(InputError, match="samples: hold NaN"):
        to_uint8(np.asarray([0.0, np.nan]), (-1.0, 1.0))


def test_run_json_states_settings_key_digest_and_n(finished):
    said = json.loads((finished[0] / "run.json").read_text())
    assert said["n"] == N and said["shard"] == SHARD and said["batch"] == BATCH and said["uint8"] is True
    assert Langevin.from_dict(said["config"]) == CONFIG
    assert said["key"] == {"impl": "threefry2x32", "data": np.asarray(jax.random.key_data(KEY)).tolist()}
    assert said["pair"]["digest"] == pair_digest(PAIR)


def test_the_digest_follows_nets_prior_and_range_and_not_the_wrapping():
    again = pair_of(slope, jnp.asarray([1.0, -0.5]), 2, identity, sample_range=(-1.0, 1.0))
    assert pair_digest(again) == pair_digest(PAIR)
    others = [
        pair_of(slope, jnp.asarray([1.0, -0.5000001]), 2, identity, sample_range=(-1.0, 1.0)),
        pair_of(slope, jnp.asarray([1.0, -0.5]), 2, identity, prior=Normal((2,), 2.0), sample_range=(-1.0, 1.0)),
        PAIR.replace(sample_range=(-1.0, 2.0)),
        pair_of(lambda p, x: jax.nn.relu(x) @ p, jnp.asarray([1.0, -0.5]), 2, identity, sample_range=(-1.0, 1.0)),
    ]
    assert len({pair_digest(p) for p in (PAIR, *others)}) == 5


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop_at", [1, 13, 30, 59])
def test_an_interrupted_run_continues_to_the_same_bytes(finished, tmp_path, stop_at):
    def interrupt(done, total):
        if done >= stop_at:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(tmp_path, on_progress=interrupt)
    before = contents(tmp_path)
    assert "index.json" not in before
    steps = []
    run(tmp_path, on_progress=lambda done, total: steps.append((done, total)))
    assert contents(tmp_path) == contents(finished[0])
    kept = max(len(before) - 1, 0) * SHARD * STEPS  # finished shards are not computed again
    assert all(done > kept for done, _ in steps) and steps[-1] == (N * STEPS, N * STEPS)


def test_a_finished_run_is_left_alone(finished, monkeypatch):
    monkeypatch.setattr(stream, "run_choice", lambda *a, **k: pytest.fail("computed again"))
    before = {p.name: p.stat().st_mtime_ns for p in finished[0].iterdir()}
    assert run(finished[0]) == finished[1]
    assert {p.name: p.stat().st_mtime_ns for p in finished[0].iterdir()} == before


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("n", dict(n=N + 1)),
        ("shard", dict(shard=SHARD * 2)),
        ("batch", dict(batch=BATCH * 2)),
        ("uint8", dict(uint8=False)),
        ("budget", dict(budget=0.5)),
        ("config", dict(config=CONFIG.replace(step_size=0.2))),
        ("key", dict(key=jax.random.key(7))),
        ("key", dict(key=jax.random.key(6, impl="rbg"))),
        ("pair", dict(pair=pair_of(slope, jnp.asarray([1.0, 0.5]), 2, identity, sample_range=(-1.0, 1.0)))),
    ],
)
def test_a_folder_of_another_run_is_refused_by_what_differs_and_left_as_it_is(finished, name, changes):
    before = contents(finished[0])
    with pytest.raises(InputError, match=rf"folder: .* another {name}( \(.*\))?; choose an empty folder"):
        run(finished[0], **changes)
    assert contents(finished[0]) == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "shard-00000.npz").write_bytes(b"not ours")
    with pytest.raises(InputError, match="folder: .*shard-00000.npz and no run.json"):
        run(tmp_path)
    assert contents(tmp_path) == {"shard-00000.npz": b"not ours"}


@pytest.mark.parametrize("text", ["", "{", "[1]", "\ufeffnull"])
def test_an_unreadable_run_file_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match="folder: .*not readable"):
        run(tmp_path)


@pytest.mark.parametrize("cut", ["half", "flip", "empty", "another"])
def test_a_damaged_shard_is_refused_by_name(finished, tmp_path, cut):
    for name, data in contents(finished[0]).items():
        (tmp_path / name).write_bytes(data)
    victim = tmp_path / "shard-00001.npz"
    data = bytearray(victim.read_bytes())
    if cut == "flip":
        data[data.index(np.load(victim)["after"].tobytes()) + 3] ^= 1
    if cut == "another":  # whole, of the same size and the same run, in the wrong place
        data = bytearray((tmp_path / "shard-00000.npz").read_bytes())
    victim.write_bytes(data[: {"half": len(data) // 2, "empty": 0}.get(cut, len(data))])
    with pytest.raises(InputError, match="shard-00001.npz is damaged; delete that file"):
        run(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        with pytest.raises(InputError, match="folder: .*cannot be written") as error:
            run(folder)
        assert "\n" not in str(error.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permission bits do not bind the superuser")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="folder: .*cannot be written"):
        run(tmp_path / "new")


def test_a_full_disk_is_an_input_error_and_leaves_no_part(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="folder: .*No space left"):
            run(tmp_path)  # not even run.json has room
        assert not list(tmp_path.iterdir())
    written = []
    with pytest.raises(InputError, match="folder: .*No space left"), monkeypatch.context() as patch:
        run(tmp_path, on_shard=lambda path: (written.append(path.name), patch.setattr(os, "fsync", full)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.json", *written] == ["run.json", "shard-00000.npz"]


def test_a_folder_that_vanishes_is_not_made_anew(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="folder: .* has vanished"):
        run(folder, on_shard=lambda path: shutil.rmtree(folder))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("n", dict(n=0)),
        ("n", dict(n=1.5)),
        ("shard", dict(shard=0)),
        ("batch", dict(batch=True)),
        ("key", dict(key=3)),
        ("key", dict(key=jax.random.split(KEY))),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, field, changes):
    with pytest.raises(InputError) as error:
        run(tmp_path / "new", **changes)
    assert error.value.field == field and not (tmp_path / "new").exists()


def test_no_steps_stores_the_generators_samples_and_their_score(tmp_path):
    with np.load(run(tmp_path, config=CONFIG.replace(steps=0), n=4)[0]) as shard:
        np.testing.assert_array_equal(shard["before"], shard["after"])
        np.testing.assert_array_equal(shard["start_score"], shard["score"])


def labelled_generator(params, z, labels):
    return z + labels[:, None]


def labelled_critic(params, x, labels):
    return jnp.sum(x, axis=1)


def test_labels_of_a_conditional_pair_are_stored_and_continue_across_shards(tmp_path):
    pair = make_pair(
        Net(None, labelled_generator),
        Net(None, labelled_critic),
        Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        classes=3,
        check=False,
    )
    files = run(tmp_path, pair, CONFIG.replace(steps=0), n=12)
    np.testing.assert_array_equal(np.concatenate([np.load(f)["labels"] for f in files]), np.arange(12) % 3)
    one = run(tmp_path / "one", pair, CONFIG.replace(steps=0), n=12, label=2)
    np.testing.assert_array_equal(np.concatenate([np.load(f)["labels"] for f in one]), 2)
    with pytest.raises(InputError, match="label: "):
        run(tmp_path / "no", pair, CONFIG, label=3)
