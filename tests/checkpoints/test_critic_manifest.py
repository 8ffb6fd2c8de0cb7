"""A manifest with a critic alone gives a stored pair its critic; what does not fit that pair is one line."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from stored_pairs import tiny_pair

from checkpoints import load_pair, save_pair
from checkpoints.description import describe
from checkpoints.importing import import_critic
from ganrefine import main
from pairs import InputError, Net, NoCritic, Pair, Record

ALONE = """
[pair]
critic_kind = "logit"
{more}
[critic]
file = "d.npz"
layers = [{{layer = "flatten"}}, {{layer = "dense", out = 1}}, {{layer = "squeeze"}}]
{last}
"""
WEIGHT = np.random.default_rng(0).normal(size=(1, 12)).astype("f")


def _generator_alone() -> Pair:
    encoder = Net((), lambda params, x: x.reshape(len(x), -1)[:, :4])
    record = Record(name="tiny", license="MIT", chain="of the old critic")
    return tiny_pair(sample_range=None, critic=Net((), NoCritic()), critic_kind=None, encoder=encoder, record=record)


def _write(folder: Path, more: str = "", last: str = "", weight: np.ndarray = WEIGHT) -> Path:
    np.savez(folder / "d.npz", **{"fc.weight": weight, "fc.bias": np.zeros(1, "f")})
    (folder / "critic.toml").write_text(ALONE.format(more=more, last=last))
    return folder / "critic.toml"


@pytest.mark.parametrize("before", ["no critic", "another critic"])
def test_a_pair_gets_the_critic_and_keeps_everything_else(before: str, tmp_path: Path) -> None:
    base = (
        _generator_alone()
        if before == "no critic"
        else tiny_pair(sample_range=None, record=Record(name="tiny", license="MIT"))
    )
    made = import_critic(base, _write(tmp_path, "real_is_low = true"), name="new").pair
    x = base.generate(base.prior.sample(jax.random.key(0), 4))
    flat = np.moveaxis(np.asarray(x), -1, 1).reshape(4, 12)  # as PyTorch flattens
    np.testing.assert_allclose(made.score(x), -flat @ WEIGHT[0], rtol=1e-5, atol=1e-5)  # sums of 12 in float32
    assert (made.generator, made.prior, made.sample_range) == (base.generator, base.prior, base.sample_range)
    assert made.encoder is base.encoder and made.critic_kind == "logit" and made.name == "new"
    assert made.record["license"] == "MIT" and "chain" not in made.record


def test_the_command_stores_a_new_pair_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = _generator_alone().replace(encoder=None)
    stored = save_pair(tmp_path / "stored", base)
    z = np.ones((3, 4), np.float32)
    x = np.asarray(base.generate(z))
    score = np.moveaxis(x, -1, 1).reshape(3, 12) @ WEIGHT[0]
    np.savez(tmp_path / "golden.npz", z=z, x=np.moveaxis(x, -1, 1), score=score)
    given = [
        str(stored),
        str(_write(tmp_path)),
        "--check",
        str(tmp_path / "golden.npz"),
        "--out",
        str(tmp_path / "both"),
    ]
    assert main(["import", *given]) == 0
    assert f"next: ganrefine refine {tmp_path / 'both'}" in capsys.readouterr().out
    pair = load_pair(tmp_path / "both")
    assert pair.has_critic and pair.name == "both" and load_pair(stored).name == "tiny"
    np.savez(tmp_path / "golden.npz", z=z, x=np.moveaxis(x, -1, 1), score=-score)
    assert main(["import", *given, "--overwrite"]) == 2
    assert "the critic is off by" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "last", "words"),
    [
        ("", "input_shape = [4, 4, 3]", r"critic.input_shape: is \[4, 4, 3\], the generator returns \[2, 2, 3\]"),
        ("sample_range = [-1, 1]", "", "pair.sample_range: is that of the stored pair; leave it out"),
        ("", '[prior]\nkind = "normal"\nshape = [4]', r"prior: stands beside \[critic\] .*; leave \[prior\] out"),
        ("classes = 3", "", "pair.classes: is 3, but no layer reads labels"),
    ],
)
def test_what_the_pair_has_and_what_does_not_fit_it_is_refused(more: str, last: str, words: str, tmp_path) -> None:
    with pytest.raises(InputError, match=words):
        import_critic(_generator_alone(), _write(tmp_path, more, last))


def test_weights_of_a_critic_for_another_size_name_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(1, 48\), not \(1, 12\) .* for samples \[2, 2, 3\] of the stored"):
        import_critic(_generator_alone(), _write(tmp_path, weight=np.ones((1, 48), "f")))


def test_labels_that_the_generator_does_not_take_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path)
    text = path.read_text().replace('{layer = "dense"', '{layer = "one_hot", classes = 3}, {layer = "dense"')
    path.write_text(text)
    with pytest.raises(InputError, match="critic: has 3 classes, the generator takes no labels"):
        import_critic(_generator_alone(), path)


def test_a_critic_alone_is_inspected_and_not_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _write(tmp_path)
    assert main(["import", str(path), "--out", str(tmp_path / "no")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "generator: is missing" in said and f"ganrefine import PAIR {path} --out DIR" in said
    with pytest.raises(InputError, match="critic.input_shape: is not said by a critic alone"):
        describe(path)
    report = describe(_write(tmp_path, last="input_shape = [2, 2, 3]"))
    assert report["tensors"]["critic.1.kernel"]["shape"] == [12, 1]
    assert "dense <- 'fc': weight 1x12, bias 1" in report["about"]["critic"]["tensors"][0]
