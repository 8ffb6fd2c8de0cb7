"""``ganrefine import`` knows published families: it names them, and the stored pair computes what PyTorch computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints import load_pair
from checkpoints.golden import TOLERANCE
from ganrefine import main

torch = pytest.importorskip("torch")
published = pytest.importorskip("benchmarks.peers.published_nets")
stylegan2 = pytest.importorskip("benchmarks.peers.stylegan2_nets")


def _dcgan(folder: Path) -> tuple[list[Path], Any, Any]:
    torch.manual_seed(0)
    nets = published.dcgan_pair()
    for seed, (net, name) in enumerate(zip(nets, ("netG.pth", "netD.pth"), strict=True)):
        torch.save(published.shaken(net, seed).state_dict(), folder / name)
    return [folder / "netD.pth", folder / "netG.pth"], *nets  # in any order


def _progressive(folder: Path) -> tuple[list[Path], Any, Any]:
    torch.manual_seed(0)
    generator, critic = published.progressive_pair(widths=(4, 4))
    published.shaken(generator, 0), published.shaken(critic, 1)
    torch.save({"netG": generator.state_dict(), "netD": critic.state_dict()}, folder / "net.pt")
    return [folder / "net.pt"], generator, critic


def _stylegan2(folder: Path) -> tuple[list[Path], Any, Any]:
    torch.manual_seed(0)
    generator, critic = stylegan2.stylegan2_pair(widths=(4, 4))
    (folder / "net.pkl").write_bytes(stylegan2.network_pickle({"G_ema": generator, "D": critic}))
    return [folder / "net.pkl"], generator, critic


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (_progressive, "pytorch_GAN_zoo progressive GAN"),
        pytest.param(_dcgan, "PyTorch examples' DCGAN", marks=pytest.mark.slow),
        pytest.param(_stylegan2, "StyleGAN2", marks=pytest.mark.slow),
    ],
)
def test_a_family_is_named_and_stored_as_its_program_computes_it(
    make: Any, title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, generator, critic = make(tmp_path)
    assert main(["import", *map(str, files), "--out", str(tmp_path / "pair")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"recognised: {title}" in said
    pair = load_pair(tmp_path / "pair")
    torch.manual_seed(1)
    z = torch.randn(3, *pair.prior.shape)
    with torch.no_grad():
        x = generator(z)
        score = critic(x).numpy().reshape(-1)
    samples = np.moveaxis(x.numpy(), 1, -1)
    # float32 sums in another order: the tolerance of --check, since random nets are worse conditioned than trained ones
    # (the study of parity measures 4e-5 on one of this family and 2e-6 in float64); a wrong layer is off by over 1e-2
    for ours, theirs in ((pair.generate(z.numpy()), samples), (pair.score(samples), score)):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE * float(np.abs(theirs).max()))
