"""Inception as torch-fidelity, clean-fid and pytorch-fid run it, on given weights and on folders of PNG files.

Nothing is downloaded: where a tool would fetch its weights, the given file is loaded. clean-fid's own net is a
TorchScript file that its wrapper fetches; its place is taken by the PyTorch net in the same package, with the scaling
of that wrapper. Needs ``torch torchvision torch-fidelity clean-fid pytorch-fid``.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import cleanfid.fid
import cleanfid.inception_pytorch
import cleanfid.utils
import numpy as np
import pytorch_fid.fid_score
import pytorch_fid.inception
import torch
import torch_fidelity
from torch_fidelity.datasets import ImagesPathDataset
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.transforms import ToTensor

__all__ = [
    "READERS",
    "command_metrics",
    "save_weights",
    "statistics_as_read",
    "tool_features",
    "written_statistics",
]


def save_weights(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors as the state dict that the tools load: with a bias of the last layer, and BatchNorm's counters."""
    state = {name: torch.from_numpy(value) for name, value in tensors.items()}
    state["fc.bias"] = torch.zeros(1008)
    counters = [name.replace("running_var", "num_batches_tracked") for name in tensors if name.endswith("running_var")]
    torch.save(state | dict.fromkeys(counters, torch.tensor(0)), path)


def tool_features(weights: Path) -> dict[str, Callable[[Path], np.ndarray]]:
    """For each tool, features ``(n, 2048)`` of the PNG files of a folder, in the order of their names."""
    theirs = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights))
    clean, plain = (_published(module, weights) for module in (cleanfid.inception_pytorch, pytorch_fid.inception))

    def by_torch_fidelity(folder: Path) -> np.ndarray:
        with torch.no_grad():
            return torch.cat([theirs(x[None])[0] for x in ImagesPathDataset(_files(folder))]).numpy()

    def scaled(x: torch.Tensor) -> torch.Tensor:
        # the net scales by 2 x - 1, the wrapper of the TorchScript file by (x - 128) / 128
        return clean(((x - 128) / 128 + 1) / 2)[0][:, :, 0, 0]

    def by_clean_fid(folder: Path) -> np.ndarray:
        cpu = torch.device("cpu")
        return cleanfid.fid.get_folder_features(str(folder), scaled, 0, batch_size=4, device=cpu, verbose=False)

    def by_pytorch_fid(folder: Path) -> np.ndarray:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            return pytorch_fid.fid_score.get_activations(_files(folder), plain, 4, num_workers=0)

    return {"torch-fidelity": by_torch_fidelity, "clean-fid": by_clean_fid, "pytorch-fid": by_pytorch_fid}


def command_metrics(fakes: Path, reals: Path, weights: Path, **chosen: int) -> dict[str, float]:
    """All metrics of torch-fidelity's own command on two folders, all in Inception's features."""
    return torch_fidelity.calculate_metrics(
        **{"input1": str(fakes), "input2": str(reals), "cuda": False, "cache": False, "verbose": False},
        **{"isc": True, "fid": True, "kid": True, "prc": True, **chosen},
        feature_extractor="inception-v3-compat",  # else precision and recall take those of another net
        feature_extractor_weights_path=str(weights),
    )


def statistics_as_read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance as pytorch-fid reads them from a file."""
    return pytorch_fid.fid_score.compute_statistics_of_path(str(path), None, 1, 2048, "cpu")


def written_statistics(weights: Path, folder: Path, out: Path) -> None:
    """Let pytorch-fid write its statistics file of a folder."""
    loading = mock.patch.object(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: torch.load(weights))
    with loading, contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        pytorch_fid.fid_score.save_fid_stats([str(folder), str(out)], 4, "cpu", 2048, num_workers=0)


def _published(module: object, weights: Path) -> torch.nn.Module:
    loading = mock.patch.object(module, "load_state_dict_from_url", lambda *_, **__: torch.load(weights))
    with loading:
        return module.InceptionV3([3], resize_input=module is pytorch_fid.inception).eval()


def _files(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.png"))]


def _stacked(images: list[torch.Tensor], factor: float = 1.0) -> np.ndarray:
    return np.stack([np.asarray(x * factor).transpose(1, 2, 0) for x in images])


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "torch-fidelity": lambda folder: _stacked(list(ImagesPathDataset(_files(folder)))),
    # without a resize, as its mode for TensorFlow's net reads; floats of 0 to 255
    "clean-fid": lambda folder: _stacked(list(_clean(folder))),
    # floats of 0 to 1, as its loader makes them
    "pytorch-fid": lambda folder: _stacked(
        list(pytorch_fid.fid_score.ImagePathDataset(_files(folder), ToTensor())), 255.0
    ),
}
"""For each tool, pixels ``(n, H, W, 3)`` from 0 to 255 as it reads the PNG files of a folder."""


def _clean(folder: Path) -> list[torch.Tensor]:
    data = cleanfid.utils.ResizeDataset(_files(folder), mode="legacy_tensorflow")
    return [data[i] for i in range(len(data))]
