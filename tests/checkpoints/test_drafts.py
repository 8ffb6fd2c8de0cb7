"""Bare weights become the manifest of the net that they came from."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from weight_files import write_tensors

from checkpoints.drafts.drafting import draft_manifest
from checkpoints.drafts.trial import advance
from checkpoints.importing import import_files
from ganrefine import main
from pairs import InputError
from pairs.io.images import read_images

FILES = {
    "mnist-mlp-gan": ("generator.ckpt", "discriminator.ckpt", (28, 28, 1), "mnist", "logit"),
    "fashion-dcgan-a": ("generator.pth", "discriminator.pth", (28, 28, 1), "fashion-mnist", "logit"),
    "mnist-wgan-gp": ("generator.pth", "critic.pth", (28, 28, 1), "mnist", "wasserstein"),
    "celeba32-lsgan": ("generator.pt", "discriminator.pt", (32, 32, 3), None, None),
    "anime32-dcgan": ("generator.pt", "discriminator.pt", (32, 32, 3), None, None),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"), [*((n, False) for n in FILES), *((n, True) for n, f in FILES.items() if f[3])]
)
def test_drafts_of_real_pairs_compute_what_pytorch_computed(
    name: str, given: bool, data_root: Path, tmp_path: Path
) -> None:
    folder = data_root / "pairs" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    generator, critic, sample, images, kind = FILES[name]
    data = read_images(data_root / str(images), "train", 512).x if given else None
    made = draft_manifest(folder / generator, folder / critic, sample, data=data)
    (tmp_path / "pair.toml").write_text(made.text)
    found = import_files(tmp_path / "pair.toml", folder, folder / "golden.npz")
    assert found.check is not None and found.check.samples < 1e-5 and (found.check.scores or 1) < 2e-5
    if given:
        assert found.pair.critic_kind == kind and found.pair.sample_range == (-1, 1) and made.ranking


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Nets without BatchNorm, and colour images 4 x 4 that the generator draws: ELU, uniform latents, a sigmoid,
    channels last. The critic has slope 0.1 and an output layer fitted towards 1 on the images and 0 on tilted ones."""
    draw = np.random.default_rng(0)
    sizes = {"0": (24, 6), "2": (32, 24), "4": (48, 32)}
    generator = {f"{n}.weight": 2 * draw.normal(size=s) / np.sqrt(s[1]) for n, s in sizes.items()}
    generator |= {f"{n}.bias": draw.normal(size=s[0]) for n, s in sizes.items()}
    truth = [{"layer": "dense", "name": "0"}, {"layer": "elu"}, {"layer": "dense", "name": "2"}, {"layer": "elu"}]
    truth += [{"layer": "dense", "name": "4"}, {"layer": "sigmoid"}]
    z = draw.uniform(-1, 1, size=(600, 6)).astype("f")
    x = advance(truth, generator, z)
    images = np.rint(255 * x.reshape(-1, 4, 4, 3)).astype(np.uint8)
    critic = {"0.weight": draw.normal(size=(40, 48)), "0.bias": 2 * draw.normal(size=40)}
    other = advance(truth, generator, draw.uniform(-1, 1, size=(600, 6)).astype("f"))
    data = images.astype("f") / 255
    data = np.clip(data + 0.15 * data[..., ::-1] ** 2, 0, 1)  # real images are not quite what the generator draws
    flat = np.moveaxis(data, -1, 1).reshape(600, -1)
    fakes = np.moveaxis(other.reshape(-1, 4, 4, 3), -1, 1).reshape(600, -1)
    h = np.concatenate([flat, fakes]) @ critic["0.weight"].T + critic["0.bias"]
    h = np.concatenate([np.where(h >= 0, h, 0.1 * h), np.ones((1200, 1))], axis=1)
    w = np.linalg.lstsq(h, np.repeat([1.0, 0.0], 600), rcond=None)[0]
    critic |= {"2.weight": w[None, :-1], "2.bias": w[-1:]}
    folder = tmp_path_factory.mktemp("vectors")
    turned = {n: -a if n == "2.weight" else 1 - a if n == "2.bias" else a for n, a in critic.items()}
    write_tensors(folder, g=generator, d=critic, turned=turned)
    return folder, np.rint(255 * data).astype(np.uint8)


def test_data_decide_prior_activations_range_view_and_what_a_score_means(vectors: tuple[Path, np.ndarray]) -> None:
    folder, data = vectors
    plain = draft_manifest(folder / "g.npz", folder / "d.npz", (4, 4, 3))
    assert '{layer = "tanh"}' in plain.text and not plain.ranking
    assert "generator ends in tanh, samples in [-1, 1]" in plain.guessed
    made = draft_manifest(folder / "g.npz", folder / "d.npz", (4, 4, 3), data=data)
    net, critic = made.text.split("[critic]")
    assert "sample_range = [0, 1]" in net and '{layer = "sigmoid"}' in net and 'kind = "uniform"' in net
    assert net.count('{layer = "elu"}') == 2 and "channels_last = true" in net
    assert 'critic_kind = "least_squares"' in net and "real_is_low" not in net
    assert '{layer = "leaky_relu", slope = 0.1}' in critic and "channels_last" not in critic
    answers = {a.question: a for a in made.ranking if a.measure == "distance"}
    assert answers["end and range"].taken == "sigmoid [0, 1]" and answers["end and range"].decided
    assert "generator: prior uniform [-1, 1], by the data" in made.inferred
    figures = [figure for _, figure in answers["activations"].ranking]
    assert figures == sorted(figures) and answers["activations"].ranking[0][0] == "elu"


@pytest.mark.slow
def test_a_critic_that_is_low_on_data_is_turned(vectors: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, data = vectors
    made = draft_manifest(folder / "g.npz", folder / "turned.npz", (4, 4, 3), data=data)
    assert "real_is_low = true" in made.text and 'critic_kind = "least_squares"' in made.text
    assert any("real_is_low" in line for line in made.guessed)


def test_what_is_given_is_not_asked(vectors: tuple[Path, np.ndarray]) -> None:
    folder, data = vectors
    made = draft_manifest(folder / "g.npz", folder / "d.npz", (4, 4, 3), end="tanh", critic_kind="energy", data=data)
    assert '{layer = "tanh"}' in made.text and 'critic_kind = "energy"' in made.text
    with pytest.raises(InputError, match="data: are 4x4x1, a sample is 4x4x3"):
        draft_manifest(folder / "g.npz", None, (4, 4, 3), data=data[..., :1])
    with pytest.raises(InputError, match="data: are 9 samples"):
        draft_manifest(folder / "g.npz", None, (4, 4, 3), data=data[:9])


@pytest.mark.slow
def test_the_command_reads_data_and_shows_the_ranking(
    vectors: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = vectors
    np.savez(tmp_path / "data.npz", x=data)
    call = ["draft", str(folder / "g.npz"), str(folder / "d.npz"), "--sample", "4x4x3"]
    out = tmp_path / "pair.toml"
    assert main([*call, "--data", str(tmp_path / "data.npz"), "--limit", "300", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "ranking: end and range: sigmoid [0, 1] (distance sigmoid [0, 1] 0.0" in said and "AUC" in said
    pair = import_files(out).pair
    z = pair.prior.sample(jax.random.key(0), 500)
    theirs = data.mean(0) / 255
    assert np.abs(np.asarray(pair.generate(z)).mean(0) - theirs).max() < 0.3  # channels and pixels in their places
    assert main([*call, "--limit", "300"]) == 2
    assert "--limit: is given without --data" in capsys.readouterr().err


def test_samples_far_from_the_data_decide_nothing(vectors: tuple[Path, np.ndarray]) -> None:
    folder, data = vectors
    draw = np.random.default_rng(0)
    other = np.repeat(draw.integers(0, 2, size=(300, 4, 4, 1)) * 255, 3, -1).astype(np.uint8)
    made = draft_manifest(folder / "g.npz", folder / "d.npz", (4, 4, 3), data=other)
    assert any("samples are too far from the data" in line for line in made.guessed)
    assert (
        '{layer = "tanh"}' in made.text and 'kind = "normal"' in made.text and not any(a.decided for a in made.ranking)
    )


@pytest.mark.slow
def test_points_and_sequences_are_drafted(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    sizes = {"g.0": (16, 2), "g.2": (2, 16), "d.0": (8, 2), "d.2": (1, 8)}
    nets: dict[str, dict[str, np.ndarray]] = {"g": {}, "d": {}}
    for name, size in sizes.items():
        nets[name[0]] |= {f"{name[2]}.weight": draw.normal(size=size), f"{name[2]}.bias": draw.normal(size=size[0])}
    (tmp_path / "points.toml").write_text(draft_manifest(*write_tensors(tmp_path, **nets), (2,), end="none").text)
    assert import_files(tmp_path / "points.toml").pair.sample_shape == (2,)
    sizes = {"G.0": (5, 8, 4), "G.2": (8, 3, 4), "D.0": (8, 3, 4), "D.2": (4, 8, 4), "D.5": (1, 8)}
    nets = {"G": {}, "D": {}}
    for name, size in sizes.items():
        nets[name[0]] |= {f"{name[2]}.weight": draw.normal(size=size)}
    made = draft_manifest(*write_tensors(tmp_path, **nets), (8, 3))
    (tmp_path / "sequences.toml").write_text(made.text)
    assert import_files(tmp_path / "sequences.toml").pair.sample_shape == (8, 3)
    with pytest.raises(InputError, match="sample: is 8x8x3, the convolutions are for LxC"):
        draft_manifest(tmp_path / "G.npz", None, (8, 8, 3))


def test_modules_of_equal_shape_without_numbers_are_a_guess(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    sizes = {"a": (4, 4), "b": (4, 4), "out": (6, 4)}
    tensors = {f"{n}.weight": draw.normal(size=s) for n, s in sizes.items()}
    made = draft_manifest(*write_tensors(tmp_path, g=tensors), None, (6,))
    assert "generator: order of 'a' and 'b', as in the file" in made.guessed
    numbered = {"2.weight": tensors["b.weight"], "10.weight": tensors["out.weight"], "0.weight": tensors["a.weight"]}
    made = draft_manifest(*write_tensors(tmp_path, n=dict(sorted(numbered.items()))), None, (6,))
    assert made.text.index('name = "2"') < made.text.index('name = "10"') and "order" not in " ".join(made.guessed)
