"""What is off with a pair is said in plain words, and nothing is said of a sound one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints.first_look import FirstLook, look
from checkpoints.importing import import_files
from pairs import InputError, Net, Normal, Pair, make_pair, wrap

_KEY = jax.random.key(0)
_REAL = np.random.default_rng(0).uniform(0.5, 0.9, size=(64, 4, 4, 1)).astype(np.float32)


def _paint(p: jax.Array, z: jax.Array) -> jax.Array:
    """Images whose pixels lie near p, a little lower than real ones."""
    return jnp.broadcast_to((p + 0.05 * jnp.tanh(z))[:, :1, None, None], (z.shape[0], 4, 4, 1))


def _level(p: jax.Array, x: jax.Array) -> jax.Array:
    """Nearness of the mean to p[0], scaled by p[1]."""
    return p[1] * -jnp.abs(x.mean((1, 2, 3)) - p[0])


def _flat(p: jax.Array, x: jax.Array) -> jax.Array:
    return p[0] + 0 * x.mean((1, 2, 3))


def _pair(
    level: float = 0.6, scale: float = 1.0, critic: Callable[..., jax.Array] | None = _level, real: float = 0.7
) -> Pair:
    return make_pair(
        wrap(_paint, jnp.asarray(level)),
        None if critic is None else wrap(critic, jnp.asarray([real, scale])),
        Normal((1,)),
        sample_range=(-1.0, 1.0),
        critic_kind=None if critic is None else "energy",
        check=False,
    )


def _words(found: FirstLook) -> str:
    return " | ".join(found.warnings)


@pytest.mark.slow
def test_nothing_is_said_of_a_sound_pair_and_the_figures_are_right() -> None:
    found = look(_pair(), _KEY, _REAL)
    assert not found.warnings and found.auc["data over samples"] > 0.6 and found.auc["samples over noise"] > 0.99
    assert 0.54 < found.lowest < 0.56 and 0.64 < found.highest < 0.66 and found.outside == 0.0
    assert found.scores["data"].mean == pytest.approx(-np.abs(_REAL.mean((1, 2, 3)) - 0.7).mean(), abs=1e-5)
    assert dataclasses.asdict(found)["scores"] == found.to_dict()["scores"]


def test_a_pair_without_a_critic_has_no_scores() -> None:
    found = look(_pair(critic=None), _KEY, _REAL)
    assert found.scores == {} == found.auc and not found.warnings


def test_a_constant_critic_is_named() -> None:
    assert "the critic is constant" in _words(look(_pair(critic=_flat), _KEY))


def test_a_sign_that_is_turned_is_told_from_a_critic_that_knows_no_noise() -> None:
    assert "trained with 1 for fake: turn its sign with --real-is-low" in _words(look(_pair(scale=-1.0), _KEY, _REAL))
    blind = _words(look(_pair(real=0.0), _KEY))
    assert "scores noise above samples in 100% of comparisons" in blind and "--real-is-low" not in blind
    assert "scores samples above data" in _words(look(_pair(real=0.6), _KEY, _REAL))


def test_samples_outside_the_range_are_counted_and_measured() -> None:
    found = look(_pair(level=1.0), _KEY)
    assert 0.4 < found.outside < 0.6 and "outside [-1, 1], by up to 0.0498" in _words(found)
    assert '{layer = "clip", low = -1, high = 1}' in _words(found)
    half = _pair().replace(generator=wrap(lambda p, z: jax.nn.sigmoid(200 * _paint(p, 20 * z)), jnp.asarray(0.0)))
    assert "the lower half of the declared [-1, 1] is unused" in _words(look(half, _KEY))


def test_a_wrong_size_is_said_with_both_sizes() -> None:
    found = look(_pair(), _KEY, np.zeros((3, 5, 5, 1), np.float32))
    assert "data are 5x5x1, samples 4x4x1" in _words(found) and "data" not in found.scores


def test_nan_and_samples_that_are_all_alike_are_named() -> None:
    assert "samples hold NaN" in _words(look(_pair(level=float("nan")), _KEY))
    broken = _pair().replace(critic=Net(jnp.asarray([0.7, jnp.nan]), _pair().critic.apply))
    assert "the critic returns NaN" in _words(look(broken, _KEY))
    assert "all samples are alike" in _words(look(_pair(level=float(2**30)), _KEY))


MANIFEST = """
[pair]
name = "small"
sample_range = [-1, 1]
critic_kind = "{kind}"
{more}
[prior]
kind = "normal"
shape = [2]
[generator]
file = "g.npz"
layers = [{{layer = "dense", out = 4}}, {clip}]
[critic]
file = "d.npz"
layers = [{{layer = "dense", out = 1}}, {{layer = "squeeze"}}]
"""


def _manifest(folder: Path, kind: str = "logit", more: str = "", clip: str = '{layer = "tanh"}') -> Path:
    np.savez(folder / "g.npz", **{"0.weight": 9 * np.ones((4, 2), "f"), "0.bias": np.zeros(4, "f")})
    np.savez(folder / "d.npz", **{"0.weight": np.ones((1, 4), "f"), "0.bias": np.ones(1, "f")})
    (folder / "pair.toml").write_text(MANIFEST.format(kind=kind, more=more, clip=clip))
    return folder / "pair.toml"


@pytest.mark.parametrize(("kind", "score"), [("logit", -5.0), ("least_squares", -4.0)])
def test_the_manifests_key_turns_the_sign(kind: str, score: float, tmp_path: Path) -> None:
    made = import_files(_manifest(tmp_path, kind, "real_is_low = true"))
    assert float(made.pair.score(np.ones((1, 4), "f"))[0]) == score
    text = _manifest(tmp_path, kind, "real_is_low = true").read_text().replace(f'critic_kind = "{kind}"', "")
    (tmp_path / "pair.toml").write_text(text[: text.index("[critic]")])
    with pytest.raises(InputError, match="pair.real_is_low: is set, and there is no critic"):
        import_files(tmp_path / "pair.toml")


def test_the_remedy_for_samples_outside_the_range_works(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outside by up to .*clip") as error:
        import_files(_manifest(tmp_path, clip='{layer = "leaky_relu", slope = 1.0}'))
    layer = error.value.remedy[error.value.remedy.index("{") :]
    assert not look(import_files(_manifest(tmp_path, clip=layer)).pair, _KEY).outside


def test_all_data_are_scored_and_not_their_first_rows() -> None:
    data = np.full((600, 4, 4, 1), 0.2, np.float32)
    data[-1] = 0.7  # the critic's best, at the end
    found = look(_pair(), _KEY, data)
    assert found.scores["data"].highest == pytest.approx(0.0, abs=1e-6) and found.scores["data"].lowest < -0.4
