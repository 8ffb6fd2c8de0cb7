"""Each family is known by names and shapes as its programs write them; a damaged file is one line with the tensor.

``published_shapes.json`` holds the names and shapes of small nets of each family.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.studies.sound_formats import torch_zip_bytes
from checkpoints.families import FAMILIES, import_family
from pairs import InputError
from pairs.registry import build

_SHAPES = json.loads((Path(__file__).parent / "published_shapes.json").read_text())


def _files(folder: Path, family: str, gone: str | None = None, more: str | None = None) -> list[Path]:
    draw = np.random.default_rng(0)
    paths = []
    for net, shapes in _SHAPES[family].items():
        arrays: dict[str, Any] = {}
        for name, shape in shapes.items():
            positive = name.endswith("var")
            values = draw.uniform(0.5, 1.5, shape) if positive else draw.normal(size=shape)
            arrays[name] = np.asarray(values, np.float32).reshape(shape)
            if name.endswith((".Kernel", "resample_filter")):
                arrays[name] = (np.outer((1, 3, 3, 1), (1, 3, 3, 1)) / 64).astype(np.float32)
        arrays.pop(gone or "", None)
        if more and net == "critic":
            arrays[more] = np.zeros(3, np.float32)
        paths.append(folder / f"{net}.pth")
        paths[-1].write_bytes(torch_zip_bytes({"model_state_dict": arrays, "global_step": 1}))
    return paths


@pytest.mark.parametrize("family", _SHAPES)
def test_every_tensor_of_a_published_net_finds_its_place(family: str, tmp_path: Path) -> None:
    made = import_family(_files(tmp_path, family), run=False)
    title = next(f.title for f in FAMILIES if f.name == family)
    assert made.notes[0].startswith(f"recognised: {title} (")
    for net in (made.pair.generator, made.pair.critic):
        assert net.architecture is not None
        apply, template = build(net.architecture)
        assert apply == net.apply  # what a stored pair runs is what was imported
        shapes = lambda tree: jax.tree.map(lambda leaf: tuple(leaf.shape), tree)
        assert shapes(template) == shapes(net.params)


@pytest.mark.parametrize(
    ("family", "gone"),
    [
        ("mimicry-sagan", "attn_block.o.weight_orig"),
        ("mimicry-cgan-pd", "block3.b2.embed.weight"),
        ("pgan-zoo", "scaleLayers.0.1.module.bias"),
        ("biggan-pytorch", "blocks.1.0.bn2.stored_var"),
        ("stylegan2-ada", "synthesis.b8.conv0.affine.bias"),
        ("stylegan2-ada", "synthesis.b8.conv0.noise_strength"),
        ("r3gan", "Model.MainLayers.1.Layers.1.NonLinearity2.Bias"),
    ],
)
def test_a_missing_tensor_is_named_in_one_line(family: str, gone: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        import_family(_files(tmp_path, family, gone=gone), run=False)
    line = str(caught.value)
    assert gone.removesuffix("_orig") in line and "\n" not in line


@pytest.mark.parametrize("family", _SHAPES)
def test_a_tensor_too_many_is_named_in_one_line(family: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^critic .*'stray\.bias' is left over") as caught:
        import_family(_files(tmp_path, family, more="stray.bias"), run=False)
    assert "\n" not in str(caught.value)


def test_another_filter_is_refused(tmp_path: Path) -> None:
    paths = _files(tmp_path, "stylegan2-ada")
    shapes = _SHAPES["stylegan2-ada"]["generator"]
    arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    paths[0].write_bytes(torch_zip_bytes(arrays))
    with pytest.raises(InputError, match=r"another filter than \[1, 3, 3, 1\] in 'synthesis.b4.resample_filter'"):
        import_family(paths, run=False)
