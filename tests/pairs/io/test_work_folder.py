"""A folder of finished steps is its run's alone, is used only whole, and goes where the run ends."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from pairs import InputError
from pairs.io.work import Work
from pairs.io.work_folder import work_folder

RUN = {"--seed": 0, "pair": "a"}


class Killed(BaseException):
    pass


def stopped(root, steps=("one",), run=RUN):
    """A run that is stopped after some steps."""
    with pytest.raises(Killed), work_folder(root, run) as work:
        for name in steps:
            work.step(name, lambda name=name: {"made": name, "loss": float("inf"), "at": (1, 2)})
        raise Killed


def test_a_step_is_made_once_and_is_the_same_read_or_made(tmp_path) -> None:
    stopped(tmp_path / "work")
    with work_folder(tmp_path / "work", RUN) as work:
        read = work.step("one", lambda: pytest.fail("it is there"))
        assert read == {"made": "one", "loss": float("inf"), "at": [1, 2]}
        assert work.part("other").step("one", lambda: {"at": (1, 2)}) == {"at": [1, 2]}
    assert not list(tmp_path.iterdir())  # the run has ended


def test_a_folder_stays_where_it_is_asked_for_and_no_new_folder_where_nothing_was_finished(tmp_path) -> None:
    with work_folder(tmp_path / "kept" / "work", RUN, keep=True) as work:
        work.step("one", lambda: 1)
    assert sorted(p.name for p in (tmp_path / "kept" / "work").iterdir()) == ["one.npz", "run.json"]
    stopped(tmp_path / "new" / "work", steps=())
    assert not (tmp_path / "new").exists()


def test_another_setting_is_refused_by_name_with_its_values(tmp_path) -> None:
    stopped(tmp_path)
    with pytest.raises(InputError) as refusal, work_folder(tmp_path, RUN | {"--seed": 1}, field="out"):
        pytest.fail("it is another run's")
    assert f"out: {tmp_path} holds a run with another --seed (0, here 1); give the same to go on" in str(refusal.value)
    with pytest.raises(InputError, match="another process is at work"), work_folder(tmp_path, RUN):
        with work_folder(tmp_path, RUN):
            pytest.fail("it is held")


def test_other_inputs_than_a_part_began_with_are_refused_by_name(tmp_path) -> None:
    with pytest.raises(Killed), work_folder(tmp_path / "new", RUN) as work:
        work.part("search").agree(n=1)
        raise Killed
    assert not list(tmp_path.iterdir())  # inputs alone are nothing to go on from
    for given, fault in (({"n": 1}, None), ({"n": 1}, None), ({"n": 2}, "another n;")):
        if fault is None:
            with pytest.raises(Killed), work_folder(tmp_path, RUN) as work:
                work.part("search").agree(**given)
                work.step("one", lambda: 1)
                raise Killed
        else:
            with pytest.raises(InputError, match=fault), work_folder(tmp_path, RUN) as work:
                work.part("search").agree(**given)


@pytest.mark.parametrize("fault", ["cut", "renamed", "of another run"])
def test_a_damaged_or_foreign_step_is_refused_and_never_used(fault, tmp_path) -> None:
    root = tmp_path / "work"
    stopped(root)
    file = root / "one.npz"
    if fault == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    elif fault == "renamed":
        file.rename(root / "two.npz")
    else:
        stopped(tmp_path / "other", run=RUN | {"--seed": 1})
        (tmp_path / "other" / "one.npz").replace(file)
    name = "two" if fault == "renamed" else "one"
    with pytest.raises(InputError, match=f"{name}.npz is damaged; delete that file"), work_folder(root, RUN) as work:
        work.step(name, lambda: pytest.fail("nothing is made in its place"))


def test_a_tree_comes_back_to_the_bit_in_its_types(tmp_path) -> None:
    tree = {"w": jnp.asarray([0.1, -0.0]), "h": jnp.asarray([1 / 3], jnp.bfloat16), "k": (jnp.zeros((), jnp.int32),)}
    with work_folder(tmp_path, RUN) as work:
        work.save("state", tree, {"done": 3})
        found = work.load("state", tree)
        assert found is not None and found[1] == {"done": 3}
        for ours, theirs in ((tree["w"], found[0]["w"]), (tree["h"], found[0]["h"]), (tree["k"][0], found[0]["k"][0])):
            assert ours.dtype == theirs.dtype and np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
        with pytest.raises(InputError, match="does not fit this run"):
            work.load("state", {"w": tree["w"]})
        assert work.load("none", tree) is None


def test_a_tree_whose_types_training_has_widened_comes_back_in_the_wide_ones(tmp_path) -> None:
    with work_folder(tmp_path, RUN) as work:
        work.save("state", {"a": jnp.arange(4.0)}, None)
        found = work.load("state", {"a": jnp.zeros(4, jnp.bfloat16)})
    assert found is not None
    tree = found[0]
    assert tree["a"].dtype == jnp.float32 and tree["a"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_seconds_go_on_from_those_of_earlier_sittings(tmp_path) -> None:
    with pytest.raises(Killed), work_folder(tmp_path, RUN) as work:
        work.clock.began -= 100.0  # as if it had begun so long ago
        work.step("one", lambda: 1)
        assert work.read("one") and work.seconds < 150.0  # what this sitting wrote is not counted twice
        raise Killed
    with work_folder(tmp_path, RUN) as work:
        assert work.seconds < 50.0
        work.step("one", lambda: 2)
        assert 100.0 <= work.seconds < 150.0


def test_without_a_folder_nothing_is_kept() -> None:
    work = Work().part("a")
    assert [work.step("one", lambda n=n: n) for n in (1, 2)] == [1, 2]
    work.save("state", jnp.zeros(1), None)
    assert work.load("state", jnp.zeros(1)) is None
