"""Makes ``blocks.npz`` and ``blocks.json`` beside it with PyTorch (2.13): ``python tests/golden/make_blocks.py``.

Per case: input, labels where the net reads them, output in evaluation mode, state dict; and the layer list. The cases
are in ``block_cases.py`` and ``labelled_block_cases.py``; ``block_modules.py`` has the modules that PyTorch has not.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from block_cases import plain_cases
from block_modules import Function
from labelled_block_cases import CLASSES, labelled_cases
from torch import nn

HERE = Path(__file__).parent


def main() -> None:
    arrays, lists = {}, {}
    for name, (module, layers, shape) in (plain_cases() | labelled_cases()).items():
        for part in module.modules():
            for p in part.parameters(recurse=False):
                nn.init.normal_(p, std=0.5)
            if getattr(part, "running_mean", None) is not None:
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
        x, y = torch.randn(3, *shape), torch.arange(3) % CLASSES
        call = (lambda v, m=module, labels=y: m(v, labels)) if isinstance(module, Function) else module
        module.train()
        if any(n.endswith("_orig") for n in module.state_dict()) and name != "spectral_old":
            call(x)  # a step of the power iteration, so that u and v are not random
        module.eval()
        with torch.no_grad():
            arrays[f"{name}|x"], arrays[f"{name}|y"], arrays[f"{name}|labels"] = x.numpy(), call(x).numpy(), y.numpy()
        for key, tensor in module.state_dict().items():
            arrays[f"{name}|state|{key}"] = tensor.numpy()
        lists[name] = {"layers": layers, "shape": shape}
    np.savez_compressed(HERE / "blocks.npz", **arrays)
    (HERE / "blocks.json").write_text(json.dumps(lists, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    main()
