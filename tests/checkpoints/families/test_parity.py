"""Imported nets of every family give the outputs and input gradients of reference modules in PyTorch.

Weights are random, widths small. Float32 sums in another order through a dozen layers differ by a few 1e-6 of the
largest number; 1e-5 passes, and a wrong slope, eps or order of layers is above 1e-2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from checkpoints.families.imports import import_family
from pairs import InputError

torch = pytest.importorskip("torch")
mimicry = pytest.importorskip("benchmarks.peers.mimicry_nets")
biggan = pytest.importorskip("benchmarks.peers.biggan_nets")
r3gan = pytest.importorskip("benchmarks.peers.r3gan_nets")
stylegan2 = pytest.importorskip("benchmarks.peers.stylegan2_nets")
published = pytest.importorskip("benchmarks.peers.published_nets")

_TOLERANCE = 1e-5


@jax.jit
def _ours(pair: Any, z: Any, x: Any, *labels: Any) -> Any:
    gradient = jax.grad(lambda v: pair.score(v, *labels).sum())(x)
    return pair.generate(z, *labels), pair.score(x, *labels), gradient


def _last(values: Any) -> np.ndarray:
    return np.moveaxis(values.detach().numpy(), 1, -1)


def deviations(pair: Any, generator: Any, critic: Any) -> dict[str, float]:
    """Largest differences of samples, scores and gradients over the largest number."""
    torch.manual_seed(3)
    z = torch.randn(3, *pair.prior.shape)
    labels = [torch.arange(3) % pair.classes] if pair.classes else []
    x = generator(z, *labels).detach().requires_grad_(True)
    score = critic(x, *labels)
    (gradient,) = torch.autograd.grad(score.sum(), x)
    made = _ours(pair, z.numpy(), _last(x), *(y.numpy() for y in labels))
    wanted = (_last(x), score.detach().numpy(), _last(gradient))
    off = {n: float(np.abs(a - b).max() / np.abs(b).max()) for n, a, b in zip("xsg", made, wanted, strict=True)}
    assert float(np.std(wanted[0])) > 1e-3 and float(np.abs(wanted[2]).max()) > 0
    return off


def _check(folder: Path, generator: Any, critic: Any, family: str | None = None) -> Any:
    published.shaken(generator, 0), published.shaken(critic, 1)
    torch.save(generator.state_dict(), folder / "netG.pth")
    torch.save({"model_state_dict": critic.state_dict(), "global_step": 3}, folder / "netD.pth")
    made = import_family([folder / "netG.pth", folder / "netD.pth"], family, run=False)
    off = deviations(made.pair, generator, critic)
    assert max(off.values()) <= _TOLERANCE, off
    return made


@pytest.mark.parametrize(
    "kind", [k if k in ("wgan-gp", "sagan") else pytest.param(k, marks=pytest.mark.slow) for k in mimicry.KINDS]
)
def test_torch_mimicry_at_32_pixels(kind: str, tmp_path: Path) -> None:
    family = f"mimicry-{kind}"
    made = _check(tmp_path, *mimicry.mimicry_pair(kind, 32, width=8), family)
    assert made.pair.critic_kind == ("wasserstein" if kind == "wgan-gp" else "logit")
    assert made.pair.classes == (5 if kind in ("cgan-pd", "sagan") else None)


@pytest.mark.slow
@pytest.mark.parametrize("size", [48, 64, 128])
def test_torch_mimicry_at_other_sizes(size: int, tmp_path: Path) -> None:
    made = _check(tmp_path, *mimicry.mimicry_pair("sngan", size, width=2))
    assert made.pair.sample_shape == (size, size, 3) and "SNGAN" in made.notes[0]


def test_dcgan_of_pytorchs_examples(tmp_path: Path) -> None:
    assert _check(tmp_path, *published.dcgan_pair()).pair.name == "pytorch-dcgan-64"


def test_biggan_with_hierarchical_latents_and_attention(tmp_path: Path) -> None:
    made = _check(tmp_path, *biggan.biggan_pair(32, ch=4))
    assert made.pair.prior.shape == (16,) and made.pair.classes == 5
    assert "generator: spectral normalisation folded (weight, u0, sv0), in 38 layers" in made.notes


def test_progressive_gan_takes_the_average_of_one_file_and_holds_the_batch_statistic(tmp_path: Path) -> None:
    generator, critic = published.progressive_pair(widths=(4, 4))
    published.shaken(generator, 0), published.shaken(critic, 1)
    file = tmp_path / "celeba_s0_i0.pt"
    averaged = generator.state_dict()
    other = {name: 0 * value for name, value in averaged.items()}
    torch.save({"config": None, "netG": other, "netD": critic.state_dict(), "avgG": averaged}, file)
    made = import_family([file], run=False)
    off = deviations(made.pair, generator, critic)
    assert max(off.values()) <= _TOLERANCE, off
    assert any("'avgG' in" in note for note in made.notes) and any("held at 0" in note for note in made.notes)


@pytest.mark.parametrize("classes", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_stylegan2_ada_network_pickle_with_clamps_and_truncation(classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator, critic = stylegan2.stylegan2_pair(widths=(4, 4), classes=classes, clamp=1.5)
    generator.psi = 0.7
    file = tmp_path / "network-snapshot.pkl"
    training = stylegan2.stylegan2_pair(widths=(4, 4), classes=classes, clamp=1.5)[0]
    file.write_bytes(stylegan2.network_pickle({"G": training, "D": critic, "G_ema": generator}))
    made = import_family([file], run=False, truncation=0.7)
    off = deviations(made.pair, generator, critic)
    assert max(off.values()) <= _TOLERANCE, off
    assert any("'G_ema' in" in note for note in made.notes)


@pytest.mark.parametrize("classes", [pytest.param(0, marks=pytest.mark.slow), 4])
def test_r3gan_network_pickle(classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator, critic = r3gan.r3gan_pair(widths=(8, 4), classes=classes)
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(stylegan2.network_pickle({"G": generator, "D": critic, "G_ema": generator}))
    made = import_family([file], run=False)
    assert made.notes[0].startswith("recognised: R3GAN (8 x 8 x 3, 6 latents")
    off = deviations(made.pair, generator, critic)
    assert max(off.values()) <= _TOLERANCE, off


def test_whitened_styles_have_the_law_of_the_mapped_latents(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator, critic = stylegan2.stylegan2_pair(widths=(4, 4))
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(stylegan2.network_pickle({"G_ema": generator, "D": critic}))
    pair = import_family([file], run=False, space="w").pair
    assert pair.prior.shape == (8,)
    u = np.random.default_rng(0).standard_normal((4000, 8)).astype(np.float32)
    state = pair.generator.params
    v = u @ np.asarray(state["spread"]) + np.asarray(state["mean"])
    ours = np.sqrt(2) * np.where(v >= 0, v, 0.2 * v)
    theirs = generator.mapping(torch.randn(4000, 6)).detach().numpy()
    # 4,000 draws give means to 0.016 standard deviations; the rest is what a normal law leaves out
    spread = theirs.std(axis=0)
    assert np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).max() < 0.15 * spread.max()
    assert np.abs(np.cov(ours.T) - np.cov(theirs.T)).max() < 0.25 * spread.max() ** 2


def test_a_space_of_styles_is_refused_where_there_are_none(tmp_path: Path) -> None:
    generator, _ = published.dcgan_pair()
    torch.save(generator.state_dict(), tmp_path / "netG.pth")
    with pytest.raises(InputError, match="space: is given, and PyTorch examples' DCGAN"):
        import_family([tmp_path / "netG.pth"], space="w")
