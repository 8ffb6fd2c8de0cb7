"""Bare weights become the manifest of the net that they came from."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from checkpoints.drafts.drafting import draft_manifest
from checkpoints.drafts.modules import between
from checkpoints.drafts.sizes import Kernel, solve_sizes
from checkpoints.importing import import_files
from ganrefine import main
from pairs import InputError

FILES = {
    "mnist-mlp-gan": ("generator.ckpt", "discriminator.ckpt", (28, 28, 1)),
    "fashion-dcgan-a": ("generator.pth", "discriminator.pth", (28, 28, 1)),
    "mnist-wgan-gp": ("generator.pth", "critic.pth", (28, 28, 1)),
    "celeba32-lsgan": ("generator.pt", "discriminator.pt", (32, 32, 3)),
    "anime32-dcgan": ("generator.pt", "discriminator.pt", (32, 32, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_drafts_of_real_pairs_compute_what_pytorch_computed(name: str, data_root: Path, tmp_path: Path) -> None:
    folder = data_root / "pairs" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    generator, critic, sample = FILES[name]
    made = draft_manifest(folder / generator, folder / critic, sample)
    (tmp_path / "pair.toml").write_text(made.text)
    found = import_files(tmp_path / "pair.toml", folder, folder / "golden.npz").check
    assert found is not None and found.samples < 1e-5 and (found.scores or 1) < 2e-5


def _trained(slope: float, uniform: bool) -> dict[str, np.ndarray]:
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
            x = (x - mean) / np.sqrt(var + 1e-5) * gain + shift
            x = np.where(x >= 0, x, slope * x)
        width = out
    return {n: a.astype("f") for n, a in tensors.items()}


def _save(folder: Path, slope: float = 0.2, uniform: bool = False) -> tuple[Path, Path]:
    draw = np.random.default_rng(1)
    sizes = {"0.weight": (8, 6), "0.bias": (8,), "2.weight": (1, 8), "2.bias": (1,)}
    np.savez(folder / "d.npz", **{n: draw.normal(size=s).astype("f") for n, s in sizes.items()})
    made = _trained(slope, uniform)
    ordered = sorted(made, key=lambda n: (n[1], n[0]))  # l0 n0 l1 n1 l2, the order of the modules
    np.savez(folder / "g.npz", **{n: made[n] for n in ordered})
    return folder / "g.npz", folder / "d.npz"


@pytest.mark.slow
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
    assert main(["draft", generator, critic, "--sample", "6"]) == 2
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


def test_sizes_that_no_stride_reaches_are_refused() -> None:
    assert solve_sizes([Kernel(1, False)], 8, 3) == []


def test_places_between_members_of_a_sequential_are_counted() -> None:
    assert between("main.0", "main.3") == 2 and between("0", "1") == 0
    assert between("main.0", "other.1") is None and between("main.3", "main.1") is None


@pytest.mark.slow
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
