"""Runs on disk by several processes: claims, parts, kills, and the index."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
from small_runs import PAIR, SHARD, STEPS, N, contents, run

import dcd.streaming.shards as stream
from pairs import InputError
from pairs.sequential.spec import init_sequential


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, run(folder)


def test_the_index_lists_every_shard_with_its_digest_and_the_run(finished):
    folder, paths = finished
    said = json.loads((folder / "index.json").read_text())
    assert said["run"] == json.loads((folder / "run.json").read_text())
    rows = [(r["file"], r["first"], r["count"]) for r in said["shards"]]
    assert rows == [("shard-00000.npz", 0, 8), ("shard-00001.npz", 8, 8), ("shard-00002.npz", 16, 4)]
    for row, path in zip(said["shards"], paths, strict=True):
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parts_in_any_order_join_to_the_run_of_one_process(finished, tmp_path):
    steps = []
    assert [p.name for p in run(tmp_path, part=(2, 2))] == ["shard-00001.npz", "shard-00002.npz"]
    assert not (tmp_path / "index.json").exists()
    first = run(tmp_path, part=(1, 2), on_progress=lambda done, total: steps.append((done, total)))
    assert [p.name for p in first] == ["shard-00000.npz"] and steps[-1] == (SHARD * STEPS, SHARD * STEPS)
    assert contents(tmp_path) == contents(finished[0])
    for part in ((0, 2), (3, 2), (1, 0), (1, 4)):
        with pytest.raises(InputError, match="part: "):
            run(tmp_path, part=part)


def test_a_shard_is_computed_by_one_process_at_a_time_and_other_parts_go_on(finished, tmp_path):
    seen = []

    def meanwhile(path):
        if seen:
            return
        seen.append(path)
        for mine in ((1, 1), (1, 2), (1, 3)):
            with pytest.raises(InputError, match="folder: another process is at work"):
                run(tmp_path, part=mine)
        run(tmp_path, part=(2, 2))

    run(tmp_path, part=(1, 2), on_shard=meanwhile)
    assert seen and contents(tmp_path) == contents(finished[0])


def test_of_two_runs_that_begin_together_one_is_refused(tmp_path, monkeypatch):
    real = stream.run_choice

    def other_begins(*args, **more):
        monkeypatch.setattr(stream, "run_choice", real)
        with pytest.raises(InputError, match=r"another n \(20, here 21\);"):
            run(tmp_path, n=N + 1)
        return real(*args, **more)

    monkeypatch.setattr(stream, "run_choice", other_begins)  # nothing is on disk but the claim
    run(tmp_path)


CHILD = """
import sys
sys.path[:0] = [{tests!r}, {root!r}, {root!r} + "/tests/helpers"]
from small_runs import run
run({folder!r})
"""


@pytest.mark.slow
def test_a_killed_process_leaves_a_run_that_continues_to_the_same_bytes(finished, tmp_path):
    tests = Path(__file__).resolve().parent
    code = CHILD.format(tests=str(tests), root=str(tests.parents[2]), folder=str(tmp_path))
    # the child stops inside the write of its second shard, part of the file on disk, and waits to be killed
    patch = """
import time
import dcd.streaming.shards as shards
real, calls = shards.write_sealed, []
def slow(path, arrays, about):
    calls.append(1)
    if len(calls) == 2:
        (path.parent / f".{path.name}.x.part").write_bytes(b"PK half a shard")
        time.sleep(600)
    return real(path, arrays, about)
shards.write_sealed = slow
"""
    head, tail = code.split("from small_runs")
    child = subprocess.Popen([sys.executable, "-c", head + patch + "from small_runs" + tail])
    try:
        deadline = time.monotonic() + 300
        while not any(part.stat().st_size for part in tmp_path.glob(".shard-00001.npz.*")):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL
    for part in tmp_path.glob(".*.part"):
        os.utime(part, (0, 0))  # younger ones might belong to a process that has just begun
    assert sorted(p.name for p in tmp_path.glob("*.npz")) == ["shard-00000.npz"]
    run(tmp_path)
    assert contents(tmp_path) == contents(finished[0])


MEMBER = """
import sys
sys.path[:0] = [{tests!r}, {root!r}, {root!r} + "/tests/helpers"]
import jax
jax.distributed.initialize("localhost:{port}", 2, {number})
from small_runs import run
assert jax.process_count() == 2 and jax.device_count() == 2 * jax.local_device_count()
run({folder!r}, part=({number} + 1, 2))
"""


@pytest.mark.slow
def test_processes_of_one_job_on_two_devices_each_share_a_run_to_the_same_bytes(finished, tmp_path):
    tests = Path(__file__).resolve().parent
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    about = dict(tests=str(tests), root=str(tests.parents[2]), folder=str(tmp_path), port=port)
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER.format(**about, number=i)], env={**os.environ, "XLA_FLAGS": flags}
        )
        for i in range(2)
    ]
    assert [member.wait(timeout=120) for member in members] == [0, 0]
    assert contents(tmp_path) == contents(finished[0])


def test_a_folder_of_equal_weights_in_other_layers_is_refused(tmp_path):
    def leaky(angle):
        layers = [{"layer": "leaky_relu", "slope": angle}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
        return PAIR.replace(critic=init_sequential(jax.random.key(1), layers, (2,)))

    run(tmp_path, leaky(0.1), n=12, part=(1, 2))
    before = contents(tmp_path)
    with pytest.raises(InputError, match="folder: .* another pair;"):
        run(tmp_path, leaky(0.2), n=12, part=(2, 2))
    assert contents(tmp_path) == before


def test_a_damaged_shard_of_another_part_is_found_when_this_part_is_finished(finished, tmp_path):
    run(tmp_path, part=(1, 3))
    (tmp_path / "shard-00001.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match="shard-00001.npz is damaged; delete that file"):
        run(tmp_path, part=(3, 3))
    assert (tmp_path / "shard-00002.npz").read_bytes() == finished[1][2].read_bytes()
    (tmp_path / "shard-00001.npz").unlink()
    run(tmp_path, part=(2, 3))
    assert contents(tmp_path) == contents(finished[0])
