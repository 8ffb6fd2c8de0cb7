"""Metrics of torch-fidelity, clean-fid, pytorch-fid and prdc on rows of features, beside ours.

Each function of a table takes ``(real, fake)`` rows and returns values by name; what stands under one name is one
figure in every tool. Needs ``torch torchvision torch-fidelity clean-fid pytorch-fid prdc scikit-learn``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import warnings
from collections.abc import Callable

import cleanfid.fid
import numpy as np
import prdc
import pytorch_fid.fid_score
import torch
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

from ..metrics import (
    density_coverage,
    frechet_distance,
    inception_score,
    kernel_distance_subsets,
    moments,
    precision_recall,
)

__all__ = ["METRICS", "MEMORY", "tool_versions"]

Tool = Callable[[np.ndarray, np.ndarray], dict[str, float]]
SEED = 2020
"""Of subsets and shuffles, torch-fidelity's default."""
OURS = "ganrefine"


def tool_versions() -> dict[str, str]:
    """Versions of the tools and of what they compute with."""
    names = ("torch-fidelity", "clean-fid", "pytorch-fid", "prdc", "torch", "torchvision", "scipy", "scikit-learn")
    return {name: importlib.metadata.version(name) for name in names}


def _our_frechet(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    a, b = moments(fake), moments(real)
    return {"FD": frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}


def _torch_frechet(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    a, b = (metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (fake, real))
    return {"FD": metric_fid.fid_statistics_to_metric(a, b, False)[metric_fid.KEY_METRIC_FID]}


def _clean_frechet(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SciPy, about an argument that will go
        return {"FD": float(cleanfid.fid.fid_from_feats(fake, real))}


def _pytorch_frechet(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    given = [v for x in (fake, real) for v in (x.mean(0), np.cov(x, rowvar=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"FD": float(pytorch_fid.fid_score.calculate_frechet_distance(*given))}


def _our_kernel(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    mean, deviation = kernel_distance_subsets(fake, real, seed=SEED)
    return {"KID": mean, "KID's deviation": deviation}


def _torch_kernel(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    found = metric_kid.kid_features_to_metric(torch.from_numpy(fake), torch.from_numpy(real), verbose=False)
    return {"KID": found[metric_kid.KEY_METRIC_KID_MEAN], "KID's deviation": found[metric_kid.KEY_METRIC_KID_STD]}


def _clean_kernel(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    np.random.seed(SEED)  # noqa: NPY002 -- clean-fid draws from numpy's global stream, rows of its second set first
    return {"KID": cleanfid.fid.kernel_distance(real, fake)}


def _our_precision(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    return dict(precision_recall(real, fake)._asdict())


def _torch_precision(real: np.ndarray, fake: np.ndarray, sparing: bool = False) -> dict[str, float]:
    given = torch.from_numpy(fake), torch.from_numpy(real)
    found = metric_prc.prc_features_to_metric(*given, verbose=False, save_cpu_ram=sparing)
    return {"precision": found["precision"], "recall": found["recall"]}


def _our_prdc(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    near, balls = precision_recall(real, fake, k=5, strict=True), density_coverage(real, fake, k=5)
    return {**near._asdict(), **balls._asdict()}


def _prdc(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its counts
        return {k: float(v) for k, v in prdc.compute_prdc(real, fake, 5).items()}


def _our_score(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    mean, deviation = inception_score(fake)
    return {"inception score": mean, "its deviation": deviation}


def _torch_score(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    found = metric_isc.isc_features_to_metric(torch.from_numpy(fake))
    mean, deviation = (found[k] for k in (metric_isc.KEY_METRIC_ISC_MEAN, metric_isc.KEY_METRIC_ISC_STD))
    return {"inception score": mean, "its deviation": deviation}


METRICS: dict[str, dict[str, Tool]] = {
    "Frechet distance": {
        OURS: _our_frechet,
        "torch-fidelity": _torch_frechet,
        "clean-fid": _clean_frechet,
        "pytorch-fid": _pytorch_frechet,
    },
    "kernel distance": {OURS: _our_kernel, "torch-fidelity": _torch_kernel, "clean-fid": _clean_kernel},
    "precision and recall": {OURS: _our_precision, "torch-fidelity": _torch_precision},
    "precision, recall, density, coverage": {OURS: _our_prdc, "prdc": _prdc},
    "score of classes": {OURS: _our_score, "torch-fidelity": _torch_score},
}
"""For each metric the tools that have it; the rows of the last one serve as logits."""
MEMORY: dict[str, Tool] = {
    OURS: _our_precision,
    "torch-fidelity": _torch_precision,
    "torch-fidelity, sparing": lambda real, fake: _torch_precision(real, fake, True),
    "prdc": _prdc,
}
"""Ways to precision and recall."""
