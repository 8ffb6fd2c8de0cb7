"""``python -m benchmarks.studies.vaes``: train and judge the autoencoder families, one part at a time.

Each part trains what it needs (or takes it from ``--work``, where stopped runs go on), measures it, and writes
``vae-PART-DATA-SEED.json`` and a picture to ``--out``.

* ``toys``: Soft-IntroVAE and plain VAE on a toy set, before and after refinement, paths between real points;
* ``images``: the same on images: Frechet distance of samples, refinement in latent space;
* ``outliers``: AUROC of scores against images that are not the data;
* ``paths``: interpolation between real test images;
* ``label``: label-relevant and label-irrelevant codes; ``label-refine``: refinement of the style, label code held;
* ``discriminative``: plain, balanced and published weights of discriminative regularisation.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from pairs import InputError
from pairs.io.command import Parser, check_out, guard, seed_number
from pairs.io.files import write_bytes
from pairs.io.reports import hardware, versions, write_json
from pairs.vae.toys import TOYS

__all__ = ["main"]

PARTS = {
    "toys": "vae_toys:run",
    "images": "vae_images:run",
    "outliers": "vae_outliers:run",
    "paths": "vae_paths:run",
    "label": "vae_label:run",
    "label-refine": "vae_label:run_refine",
    "discriminative": "vae_discriminative:run",
}


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m benchmarks.studies.vaes", description="Train and judge the autoencoder families.")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", default="mnist", help="mnist, fashion-mnist, or a toy set for the part toys")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the data sets' folders")
    parser.add_argument("--work", type=Path, default=Path("vae-runs"), help="folder of training states")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args: argparse.Namespace = parser.parse_args(argv)
    if (args.part == "toys") != (args.data in TOYS):
        raise InputError("data", f"is {args.data} for the part {args.part}", f"toys take {', '.join(TOYS)}")
    out = check_out(args.out)
    module, name = PARTS[args.part].split(":")
    run = getattr(importlib.import_module(f".{module}", __package__), name)
    report, pictures = run(args.data, args.seed, args.work, args.root)
    head = {"part": args.part, "data": args.data, "seed": args.seed}
    report = {**head, **report, "versions": versions(), "hardware": hardware()}
    name = f"vae-{args.part}-{args.data}-{args.seed}"
    write_json(out / f"{name}.json", report)
    for label, picture in pictures.items():
        write_bytes(out / f"{name}{label}.png", picture)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
