"""A training that is killed between two files of a checkpoint lacks neither when it goes on."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from stored_pairs import tiny_pair

from checkpoints.training import train


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = 0.5


class Killed(BaseException):
    pass


class Halving:
    """A state that is halved by every update."""

    family, settings = "halving", Settings()

    def init(self, key):
        return jnp.asarray(1.0)

    def make_update(self):
        return lambda state, key, step: (state * self.settings.rate, {"loss": state})

    def to_pair(self, state, key, record):
        return tiny_pair()


@pytest.mark.parametrize("kill_at", [2, 4])
def test_what_is_written_beside_a_state_is_there_where_a_run_goes_on_from_it(tmp_path, kill_at) -> None:
    seen = []

    def write(done, pair, history):
        if done == kill_at and not seen.count(-done):
            seen.append(-done)
            raise Killed
        seen.append(done)

    run = lambda: train(Halving(), 6, 0, tmp_path, "digest", checkpoint_every=2, on_checkpoint=write)
    with pytest.raises(Killed):
        run()
    done = run()
    assert sorted(step for step in seen if step > 0) == [2, 4, 6]
    assert float(jax.tree.leaves(done.state)[0]) == 0.5**6
