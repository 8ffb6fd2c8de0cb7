"""Bare weights become the manifest of the net that they came from."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from checkpoints.conversion import convert_tensors
from checkpoints.drafts.drafting import draft_manifest
from checkpoints.drafts.modules import between
from checkpoints.drafts.sizes import Kernel, solve_sizes
from checkpoints.drafts.trial import Spec, advance
from checkpoints.importing import import_files
from ganrefine import main
from pairs import InputError
from pairs.io.images import read_images
from pairs.sequential.spec import parse_layers, sequential_net

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


def _files(folder: Path, **nets: dict[str, np.ndarray]) -> list[Path]:
    for name, tensors in nets.items():
        np.savez(folder / f"{name}.npz", **{n: a.astype("f") for n, a in tensors.items()})
    return [folder / f"{name}.npz" for name in nets]


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
    _files(folder, g=generator, d=critic, turned=turned)
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
    (tmp_path / "points.toml").write_text(draft_manifest(*_files(tmp_path, **nets), (2,), end="none").text)
    assert import_files(tmp_path / "points.toml").pair.sample_shape == (2,)
    sizes = {"G.0": (5, 8, 4), "G.2": (8, 3, 4), "D.0": (8, 3, 4), "D.2": (4, 8, 4), "D.5": (1, 8)}
    nets = {"G": {}, "D": {}}
    for name, size in sizes.items():
        nets[name[0]] |= {f"{name[2]}.weight": draw.normal(size=size)}
    made = draft_manifest(*_files(tmp_path, **nets), (8, 3))
    (tmp_path / "sequences.toml").write_text(made.text)
    assert import_files(tmp_path / "sequences.toml").pair.sample_shape == (8, 3)
    with pytest.raises(InputError, match="sample: is 8x8x3, the convolutions are for LxC"):
        draft_manifest(tmp_path / "G.npz", None, (8, 8, 3))


_EVERY = [
    {"layer": "unflatten", "shape": [6, 2, 2], "channels_last": True},
    {"layer": "conv_transpose", "out": 8, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1, "name": "a"},
    {"layer": "batch_norm", "eps": 0.8, "name": "b"},
    {"layer": "leaky_relu", "slope": 0.2},
    {"layer": "upsample", "mode": "bilinear"},
    {"layer": "conv", "out": 4, "kernel": 3, "padding": 1, "bias": False, "name": "c"},
    {"layer": "group_norm", "groups": 2, "name": "d"},
    {"layer": "prelu", "per_channel": True, "name": "d2"},
    {"layer": "upsample"},
    {"layer": "avg_pool", "kernel": 2},
    {"layer": "conv", "out": 4, "kernel": 4, "stride": 2, "padding": 1, "name": "e"},
    {"layer": "instance_norm", "affine": True, "name": "f"},
    {"layer": "max_pool", "kernel": 2},
    *({"layer": kind} for kind in ("elu", "selu", "silu", "gelu", "relu")),
    {"layer": "flatten", "channels_last": True},
    {"layer": "dense", "out": 5, "name": "g"},
    {"layer": "layer_norm", "name": "h"},
    {"layer": "sigmoid"},
    {"layer": "dense", "out": 1, "name": "i"},
    {"layer": "tanh"},
    {"layer": "squeeze"},
]


def test_trials_compute_what_imported_layers_compute() -> None:
    draw = np.random.default_rng(0)
    shapes = {"a": (6, 8, 3, 3), "b": (8,), "c": (4, 8, 3, 3), "d": (4,), "d2": (4,), "e": (4, 4, 4, 4), "f": (4,)}
    shapes |= {"g": (5, 16), "h": (5,), "i": (1, 5)}
    tensors = {f"{n}.weight": draw.normal(size=s).astype("f") for n, s in shapes.items()}
    bias = {"a": 8, "b": 8, "d": 4, "e": 4, "f": 4, "g": 5, "h": 5, "i": 1}
    tensors |= {f"{n}.bias": draw.normal(size=k).astype("f") for n, k in bias.items()}
    tensors |= {f"b.{n}": draw.uniform(0.5, 1.5, size=8).astype("f") for n in ("running_mean", "running_var")}
    x = draw.normal(size=(3, 24)).astype("f")
    layers = parse_layers(_EVERY)
    made = convert_tensors(tensors, layers, (24,))
    net = sequential_net([layer.converted() for layer in layers], made.params, (24,))
    # float32 sums through twenty layers; a wrong layout or eps is off by more than 1e-2
    np.testing.assert_allclose(advance(_EVERY, tensors, x), np.asarray(net(x)), atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_statistics_tell_where_and_how_images_are_enlarged(mode: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    sizes = {"0": (32, 4), "3": (6, 8, 3, 3), "4": (6,), "6": (1, 6, 3, 3)}
    tensors = {f"{n}.weight": draw.normal(size=s).astype("f") for n, s in sizes.items()}
    head: list[Spec] = [{"layer": "dense", "name": "0"}, {"layer": "unflatten", "shape": [8, 2, 2]}]
    head += [{"layer": "upsample", "mode": mode}, {"layer": "conv", "padding": 1, "name": "3"}]
    x = advance(head, tensors, draw.normal(size=(2000, 4)).astype("f"))
    tensors |= {"4.bias": np.zeros(6, "f"), "4.running_mean": x.mean((0, 2, 3)), "4.running_var": x.var((0, 2, 3))}
    ordered = {n: tensors[n] for n in sorted(tensors)}
    made = draft_manifest(*_files(tmp_path, g=ordered), None, (4, 4, 1))
    layers = [line for line in made.text.splitlines() if line.startswith("  {")]
    said = '{layer = "upsample", mode = "bilinear"}' if mode == "bilinear" else '{layer = "upsample"}'
    assert layers[2].strip(" ,") == said and made.text.count("upsample") == 1
    assert any(f"upsampling {mode} by the statistics of '4'" in line for line in made.inferred)


def test_eps_of_batch_norm_shows_in_the_statistics_of_the_next_one(tmp_path: Path) -> None:
    tensors = _trained(0.2, False, eps=0.8)
    made = draft_manifest(*_files(tmp_path, g=tensors), None, (1, 6, 1), end="none")
    assert made.text.count('{layer = "batch_norm", name = "n0", eps = 0.8}') == 1
    assert any(line.startswith("generator: eps 0.8 by the statistics") for line in made.inferred)


def _trained(slope: float, uniform: bool, eps: float = 1e-5) -> dict[str, np.ndarray]:
    """A generator 4 -> 16 -> 32 -> 6 whose BatchNorm statistics are those of its inputs, as after training."""
    draw = np.random.default_rng(0)
    z = draw.uniform(-1, 1, size=(4096, 4)) if uniform else draw.normal(size=(4096, 4))
    tensors: dict[str, np.ndarray] = {}
    x, width = z, 4
    for i, out in enumerate((16, 32, 6)):
        weight = draw.normal(size=(out, width)) / np.sqrt(width)
        tensors |= {f"l{i}.weight": weight, f"l{i}.bias": draw.normal(size=out) / 2}
        x = x @ weight.T + tensors[f"l{i}.bias"]
        if i < 2:
            mean, var = x.mean(0), x.var(0)
            gain, shift = draw.uniform(0.5, 1.5, size=out), draw.normal(size=out)
            tensors |= {f"n{i}.weight": gain, f"n{i}.bias": shift, f"n{i}.running_mean": mean, f"n{i}.running_var": var}
            x = (x - mean) / np.sqrt(var + eps) * gain + shift
            x = np.where(x >= 0, x, slope * x)
        width = out
    ordered = sorted(tensors, key=lambda n: (n[1], n[0]))  # l0 n0 l1 n1 l2, the order of the modules
    return {n: tensors[n].astype("f") for n in ordered}


def _save(folder: Path, slope: float = 0.2, uniform: bool = False) -> tuple[Path, Path]:
    draw = np.random.default_rng(1)
    sizes = {"0.weight": (8, 6), "0.bias": (8,), "2.weight": (1, 8), "2.bias": (1,)}
    np.savez(folder / "d.npz", **{n: draw.normal(size=s).astype("f") for n, s in sizes.items()})
    np.savez(folder / "g.npz", **_trained(slope, uniform))
    return folder / "g.npz", folder / "d.npz"


@pytest.mark.parametrize(("slope", "uniform"), [(0.2, True), (0.0, False)])
def test_statistics_of_batch_norm_tell_the_prior_and_the_activations(
    slope: float, uniform: bool, tmp_path: Path
) -> None:
    made = draft_manifest(*_save(tmp_path, slope, uniform), (1, 6, 1), end="none")
    kind = 'kind = "uniform"' if uniform else 'kind = "normal"'
    activation = '{layer = "leaky_relu", slope = 0.2}' if slope else '{layer = "relu"}'
    assert kind in made.text and made.text.split("[critic]")[0].count(activation) == 2
    assert any("prior" in line for line in made.inferred) and any("critic_kind" in line for line in made.guessed)


@pytest.mark.slow
def test_the_command_writes_a_manifest_that_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, critic = map(str, _save(tmp_path))
    out = tmp_path / "pair.toml"
    assert main(["draft", generator, critic, "--sample", "1x6x1", "--end", "none", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "read off: generator: l0 dense 16x4" in said and "guessed: critic_kind logit" in said
    pair = import_files(out).pair
    assert pair.sample_shape == (1, 6, 1) and pair.score(
        pair.generate(pair.prior.sample(jax.random.key(0), 2))
    ).shape == (2,)
    assert main(["draft", generator, critic, "--sample", "1x6x1", "--out", str(out)]) == 2
    assert main(["draft", generator, critic, "--sample", "6x0"]) == 2
    assert main(["draft", generator, critic, "--sample", "2x6x1"]) == 2
    assert "ends in 6 numbers, a sample has 12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kernels", "start", "end", "strides", "paddings"),
    [
        ([4, 4, 4, 4], 1, 32, [1, 2, 2, 2], [0, 1, 1, 1]),
        ([4, 4, 4, 4, 4], 1, 64, [1, 2, 2, 2, 2], [0, 1, 1, 1, 1]),
        ([4, 4], 7, 28, [2, 2], [1, 1]),
        ([5, 5], 7, 28, [2, 2], [2, 2]),
        ([7, 4, 4], 1, 28, [1, 2, 2], [0, 1, 1]),
        ([2, 2, 2], 4, 32, [2, 2, 2], [0, 0, 0]),
    ],
)
def test_sizes_of_generators_are_those_of_published_nets(kernels, start, end, strides, paddings) -> None:
    _, steps = solve_sizes([Kernel(k, True) for k in kernels], start, end)[0]
    assert [s.stride for s in steps] == strides and [s.padding for s in steps] == paddings


@pytest.mark.parametrize(
    ("kernels", "start", "end", "strides", "paddings"),
    [
        ([4, 4, 4, 4], 32, 2, [2, 2, 2, 2], [1, 1, 1, 1]),
        ([4, 4, 4, 4, 4], 64, 1, [2, 2, 2, 2, 1], [1, 1, 1, 1, 0]),
        ([2, 2, 2], 32, 4, [2, 2, 2], [0, 0, 0]),
        ([4, 4, 4], 28, 1, [2, 2, 2], [0, 0, 0]),
        ([5, 5], 28, 7, [2, 2], [2, 2]),
        ([3, 3, 3, 3], 32, 2, [2, 2, 2, 2], [1, 1, 1, 1]),
        ([3, 3, 3], 28, 7, [1, 2, 2], [1, 1, 1]),
    ],
)
def test_sizes_of_critics_are_those_of_published_nets(kernels, start, end, strides, paddings) -> None:
    style = False if kernels == [4, 4, 4] else None
    found = solve_sizes([Kernel(k, False) for k in kernels], start, end, style)
    assert sorted(s.stride for s in found[0][1]) == sorted(strides)
    assert [s.padding for s in found[0][1]] == paddings


def test_modules_of_equal_shape_without_numbers_are_a_guess(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    sizes = {"a": (4, 4), "b": (4, 4), "out": (6, 4)}
    tensors = {f"{n}.weight": draw.normal(size=s) for n, s in sizes.items()}
    made = draft_manifest(*_files(tmp_path, g=tensors), None, (6,))
    assert "generator: order of 'a' and 'b', as in the file" in made.guessed
    numbered = {"2.weight": tensors["b.weight"], "10.weight": tensors["out.weight"], "0.weight": tensors["a.weight"]}
    made = draft_manifest(*_files(tmp_path, n=dict(sorted(numbered.items()))), None, (6,))
    assert made.text.index('name = "2"') < made.text.index('name = "10"') and "order" not in " ".join(made.guessed)


def test_sizes_that_no_stride_reaches_are_refused() -> None:
    assert solve_sizes([Kernel(1, False)], 8, 3) == []


def test_places_between_members_of_a_sequential_are_counted() -> None:
    assert between("main.0", "main.3") == 2 and between("0", "1") == 0
    assert between("main.0", "other.1") is None and between("main.3", "main.1") is None


def test_what_cannot_be_drafted_is_refused_with_the_reason(tmp_path: Path) -> None:
    generator, critic = _save(tmp_path)
    np.savez(tmp_path / "odd.npz", **{"rnn.weight_ih_l0": np.ones((4, 4), "f")})
    np.savez(tmp_path / "heads.npz", **{"0.weight": np.ones((11, 6), "f"), "0.bias": np.ones(11, "f")})
    with pytest.raises(InputError, match="generator: has a module 'rnn' of an unknown sort"):
        draft_manifest(tmp_path / "odd.npz", critic, (1, 6, 1))
    with pytest.raises(InputError, match="critic: ends in 11 numbers"):
        draft_manifest(generator, tmp_path / "heads.npz", (1, 6, 1))
    with pytest.raises(InputError, match="end: is 'relu'"):
        draft_manifest(generator, critic, (1, 6, 1), end="relu")
