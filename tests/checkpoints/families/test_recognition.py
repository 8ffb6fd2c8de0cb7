"""Published families are told by names and shapes alone; a damaged or foreign file is one line. No PyTorch needed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.sound_formats import safetensors_bytes
from checkpoints import load_pair, save_pair
from checkpoints.families.imports import import_family, recognise
from checkpoints.families.recognition import recognise_files
from checkpoints.families.table import FAMILIES
from pairs import InputError

Shapes = dict[str, tuple[int, ...]]


def _norm(name: str, n: int) -> Shapes:
    return {f"{name}.{end}": (n,) for end in ("weight", "bias", "running_mean", "running_var")}


def _dcgan(latent: int = 3, ngf: int = 1, ndf: int = 2) -> tuple[Shapes, Shapes]:
    g: Shapes = {}
    ends = (latent, 8 * ngf, 4 * ngf, 2 * ngf, ngf, 1)
    for i, (n, m) in enumerate(zip(ends, ends[1:], strict=False)):
        g |= {f"main.{3 * i}.weight": (n, m, 4, 4), **(_norm(f"main.{3 * i + 1}", m) if i < 4 else {})}
    d: Shapes = {"main.0.weight": (ndf, 1, 4, 4), "main.11.weight": (1, 8 * ndf, 4, 4)}
    for i in (1, 2, 3):
        d |= {f"main.{3 * i - 1}.weight": (ndf * 2**i, ndf * 2 ** (i - 1), 4, 4), **_norm(f"main.{3 * i}", ndf * 2**i)}
    return g, d


def _conv(name: str, n: int, m: int, k: int, normed: bool = False) -> Shapes:
    if normed:
        vectors = {f"{name}.weight_orig": (m, n, k, k), f"{name}.weight_u": (m,), f"{name}.weight_v": (n * k * k,)}
        return {**vectors, f"{name}.bias": (m,)}
    return {f"{name}.weight": (m, n, k, k), f"{name}.bias": (m,)}


def _mimicry(normed: bool, width: int = 2) -> tuple[Shapes, Shapes]:
    g: Shapes = {"l1.weight": (16 * width, 3), "l1.bias": (16 * width,)}
    for i in (2, 3, 4):
        for name, k in (("c1", 3), ("c2", 3), ("c_sc", 1)):
            g |= _conv(f"block{i}.{name}", width, width, k)
        g |= _norm(f"block{i}.b1", width) | _norm(f"block{i}.b2", width)
    g |= _norm("b5", width) | _conv("c5", width, 3, 3)
    d: Shapes = {}
    for i in (1, 2, 3, 4):
        first = 3 if i == 1 else width
        d |= _conv(f"block{i}.c1", first, width, 3, normed) | _conv(f"block{i}.c2", width, width, 3, normed)
        d |= _conv(f"block{i}.c_sc", first, width, 1, normed) if i < 3 else {}
    if normed:
        return g, d | {"l5.weight_orig": (1, width), "l5.weight_u": (1,), "l5.weight_v": (width,), "l5.bias": (1,)}
    return g, d | {"l5.weight": (1, width), "l5.bias": (1,)}


def _write(folder: Path, *nets: Shapes) -> list[Path]:
    draw = np.random.default_rng(0)
    paths = [folder / f"{i}.safetensors" for i in range(len(nets))]
    for path, shapes in zip(paths, nets, strict=True):
        arrays: dict[str, Any] = {}
        for name, shape in shapes.items():
            values = draw.normal(size=shape) / math.sqrt(max(1, math.prod(shape[1:])))
            arrays[name] = (np.abs(values) + 0.5 if name.endswith("running_var") else values).astype(np.float32)
        path.write_bytes(safetensors_bytes(arrays))
    return paths


def test_two_files_in_any_order_become_a_pair_that_can_be_stored(tmp_path: Path) -> None:
    g, d = _dcgan()
    made = import_family(_write(tmp_path, d, g), run=False)
    assert made.notes[0] == "recognised: PyTorch examples' DCGAN (64 x 64 x 1, 3 latents, ngf 1)"
    assert made.pair.sample_shape == (64, 64, 1) and made.pair.critic_kind == "logit"
    assert made.pair.record["imported"]["generator"]["file"] == "1.safetensors"
    again = load_pair(save_pair(tmp_path / "stored", made.pair))
    assert again.generator.architecture == made.pair.generator.architecture


def test_a_missing_tensor_is_named_and_so_is_one_too_many(tmp_path: Path) -> None:
    g, d = _dcgan()
    with pytest.raises(InputError, match=r"^generator \(PyTorch examples' DCGAN\).*'main\.4\.bias' is missing"):
        import_family(_write(tmp_path, {n: s for n, s in g.items() if n != "main.4.bias"}, d), run=False)
    with pytest.raises(InputError, match=r"^critic \(PyTorch examples' DCGAN\).*'aux\.weight' is left over"):
        import_family(_write(tmp_path, g, d | {"aux.weight": (2, 2)}), run=False)
    g, d = _mimicry(normed=True)
    with pytest.raises(InputError, match=r"lacks 'block3\.c2\.weight' of the torch-mimicry SNGAN in '0\.safetensors'"):
        import_family(_write(tmp_path, {n: s for n, s in g.items() if not n.startswith("block3.c2")}, d), run=False)


def test_spectral_norm_tells_sngan_from_dcgan_and_wgan_gp_which_need_the_option(tmp_path: Path) -> None:
    made = recognise_files(_write(tmp_path, *_mimicry(normed=True)))
    assert made is not None and [f.name for f in made.families] == ["mimicry-sngan"]
    files = _write(tmp_path, *_mimicry(normed=False))
    remedy = "give --family mimicry-wgan-gp or --family mimicry-dcgan"
    with pytest.raises(InputError, match=remedy):
        recognise_files(files)
    # the features' sum and the features' mean: the option decides between two critics
    pools = {}
    for name in ("mimicry-wgan-gp", "mimicry-dcgan"):
        chosen = recognise_files(files, name)
        assert chosen is not None and chosen.critic is not None
        pools[name] = [layer.kind for layer in chosen.critic[1].layers if "pool" in layer.kind]
    assert pools == {"mimicry-wgan-gp": ["global_mean_pool"], "mimicry-dcgan": ["global_sum_pool"]}


def test_a_generator_alone_is_one_net_whatever_critic_it_was_trained_with(tmp_path: Path) -> None:
    made = recognise_files(_write(tmp_path, _mimicry(normed=True)[0]))
    assert made is not None and made.critic is None
    assert made.title.startswith("torch-mimicry SNGAN, WGAN-GP, DCGAN, InfoMax-GAN or SSGAN (32 x 32 x 3")


def test_other_nets_are_no_family_and_a_stranger_beside_a_known_generator_is_named(tmp_path: Path) -> None:
    stranger: Shapes = {"fc.weight": (4, 4), "fc.bias": (4,)}
    assert recognise(_write(tmp_path, stranger)) is None
    with pytest.raises(InputError, match="describe the layers in a pair.toml"):
        import_family(_write(tmp_path, stranger))
    with pytest.raises(InputError, match="'.*1.safetensors' holds no critic of PyTorch examples' DCGAN"):
        recognise_files(_write(tmp_path, _dcgan()[0], stranger))
    with pytest.raises(InputError, match="family: 'biggan' is not known; use one of pytorch-dcgan"):
        recognise_files(_write(tmp_path, stranger), "biggan")


def test_every_family_has_a_name_of_its_own() -> None:
    assert len({f.name for f in FAMILIES}) == len(FAMILIES) == len({f.title for f in FAMILIES})
