"""What the statistics of BatchNorm tell a draft: the prior, activations, eps, and where images are enlarged."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from weight_files import write_tensors

from checkpoints.drafts.drafting import draft_manifest
from checkpoints.drafts.trial import Spec, advance
from checkpoints.importing import import_files
from ganrefine import main
from pairs import InputError


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
    made = draft_manifest(*write_tensors(tmp_path, g=ordered), None, (4, 4, 1))
    layers = [line for line in made.text.splitlines() if line.startswith("  {")]
    said = '{layer = "upsample", mode = "bilinear"}' if mode == "bilinear" else '{layer = "upsample"}'
    assert layers[2].strip(" ,") == said and made.text.count("upsample") == 1
    assert any(f"upsampling {mode} by the statistics of '4'" in line for line in made.inferred)


def test_eps_of_batch_norm_shows_in_the_statistics_of_the_next_one(tmp_path: Path) -> None:
    tensors = _trained(0.2, False, eps=0.8)
    made = draft_manifest(*write_tensors(tmp_path, g=tensors), None, (1, 6, 1), end="none")
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
