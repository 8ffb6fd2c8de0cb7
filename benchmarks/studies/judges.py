r"""How far do judges that need no labels rank sets of images as a net trained with labels does?

``python -m benchmarks.studies.judges --mnist DATA --fashion DATA --cifar DATA --mlp-files DIR --work DIR --out FILE``

Judges: Frechet distance in the labelled net a (what another labelled net says: the ceiling), in random features, in a
net trained without labels on images that no set holds, and the distance of patches. The truth is the Frechet distance
in the labelled net b. All distances are to the test images.

Groups of sets: ``spoilt`` (real images, and real images spoilt in seventeen ways) and the trials of one pair (a sweep
of chains, all from the same latents). For each judge and group:

* ``rank_correlation``: Spearman's, with the truth, over all sets of the group;
* ``own_gap``: share of the gap from the generator to real images that the truth's best trial closes in the judge's
  own distance (``truth_gap``: in the truth);
* ``regret``: what following the judge costs, (truth of the judge's best - truth of the best) / gap;
* ``verdicts``: of the trials that the truth calls better or worse than the generator by a 95 % interval of the paired
  change, how many the judge calls the same, leaves open, or calls the opposite.

Work in DIR is kept: sets that are there are read back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import checkpoints
from pairs import Pair
from pairs.io.images import read_images
from pairs.io.reports import hardware, versions, write_json

from ..features import Features, bundled_features, load_features, random_features, self_supervised_features
from ..metrics import fid_influence, frechet_distance, moments, sliced_wasserstein
from .judge_sets import spoilt, trials

__all__ = ["Seen", "compare", "main", "rank_correlation"]

SPOILT = 3000
"""Real images kept aside to be spoilt."""
PATCHES = 2**14

Sets = dict[str, np.ndarray]


class Seen(NamedTuple):
    """What one judge says of a group: a distance for each set, and the influence of each image on it, if it has one."""

    distances: dict[str, float]
    influences: dict[str, np.ndarray]


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation of values without ties.

    >>> rank_correlation([1.0, 2.0, 9.0], [0.1, 0.7, 0.3])
    0.5
    """
    ranks = np.stack([np.argsort(np.argsort(v)) for v in (x, y)])
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def _in_features(features: Features, sets: Sets, test: np.ndarray) -> Seen:
    real = moments(features(test))
    distances, influences = {}, {}
    for name, images in sets.items():
        rows = features(images).astype(np.float64)
        own = moments(rows)
        distances[name] = frechet_distance(own.mean, own.covariance, real.mean, real.covariance)
        if "start" in sets:
            influences[name] = fid_influence(rows, real.mean, real.covariance)
    return Seen(distances, influences)


def _in_patches(sets: Sets, test: np.ndarray) -> Seen:
    return Seen({k: sliced_wasserstein(v, test[: len(v)], patches=PATCHES).mean for k, v in sets.items()}, {})


def _sides(seen: Seen) -> dict[str, int]:
    """-1 for trials nearer to real images than the generator, 1 for farther ones, 0 where 95 % do not tell."""
    found, start = {}, seen.influences["start"]
    for name, influence in seen.influences.items():
        change = seen.distances[name] - seen.distances["start"]
        reach = 1.96 * float((influence - start).std(ddof=1)) / len(start) ** 0.5
        found[name] = 0 if abs(change) <= reach else int(np.sign(change))
    return found


def compare(judge: Seen, truth: Seen, floors: tuple[float, float] | None = None) -> dict[str, Any]:
    """The figures above for one judge and group.

    Args:
      judge: what the judge says.
      truth: what the truth says of the same sets.
      floors: for trials, the distance of real images in judge and truth.
    """
    names = list(truth.distances)
    mine, true = ([seen.distances[n] for n in names] for seen in (judge, truth))
    found: dict[str, Any] = {"rank_correlation": rank_correlation(mine, true), "distances": judge.distances}
    if floors is None:
        return found
    best, chosen = names[int(np.argmin(true))], names[int(np.argmin(mine))]
    gap = truth.distances["start"] - floors[1]
    found["own_gap"] = (judge.distances["start"] - judge.distances[best]) / (judge.distances["start"] - floors[0])
    found["truth_gap"] = (truth.distances["start"] - truth.distances[best]) / gap
    found["regret"] = (truth.distances[chosen] - truth.distances[best]) / gap
    found |= {"best": best, "chosen": chosen, "floor": floors[0]}
    if judge.influences:
        own, sure = _sides(judge), {n: s for n, s in _sides(truth).items() if s}
        tally = {"same": 0, "open": 0, "opposite": 0}
        for name, side in sure.items():
            tally["same" if own[name] == side else "opposite" if own[name] else "open"] += 1
        found["verdicts"] = tally
    return found


def _kept(file: Path, make: Callable[[], Sets]) -> Sets:
    if not file.is_file():
        np.savez_compressed(file, allow_pickle=False, **make())
    with np.load(file, allow_pickle=False) as held:
        return {k: held[k] for k in held.files}


def _study(path: str, name: str, own: int, pairs: dict[str, Callable[[], Pair]], args: Any) -> dict[str, Any]:
    train, test = read_images(path, "train"), read_images(path, "test")
    assert train.labels is not None
    order = np.random.default_rng(args.seed).permutation(len(train))
    x, rest = train.x[order[:own]], order[own : own + SPOILT]
    tell = lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True)
    labels = train.labels
    groups = {"spoilt": _kept(args.work / f"{name}-spoilt.npz", lambda: spoilt(train.x[rest], labels[rest], args.n, 0))}
    for title, pair in pairs.items():
        make = lambda pair=pair: trials(pair(), x, args.n, args.seed, on_progress=tell)
        groups[title] = _kept(args.work / f"{title}.npz", make)
    own_net = self_supervised_features(
        x, args.work, name=name, on_progress=lambda i, n, loss: tell(f"step {i} of {n}, loss {loss:.3f}")
    )
    nets = {"random": random_features(train.shape), "self-supervised": own_net}
    labelled = {n[-1]: load_features(n) for n in bundled_features() if n.startswith(f"{name}-classifier")}
    nets["labelled a"], true_net = labelled["a"], labelled["b"]
    judges: dict[str, Callable[[Sets], Seen]] = {
        k: lambda sets, net=net: _in_features(net, sets, test.x) for k, net in nets.items()
    }
    judges["patches"] = lambda sets: _in_patches(sets, test.x)
    truth = {k: _in_features(true_net, sets, test.x) for k, sets in groups.items()}
    report: dict[str, Any] = {
        "truth": true_net.name,
        "self_supervised": {k: own_net.card[k] for k in ("training", "seconds", "data")},
        "groups": {k: {"truth": truth[k].distances, "judges": {}} for k in groups},
    }
    for title, judge in judges.items():
        seen = {k: judge(sets) for k, sets in groups.items()}
        real = seen["spoilt"].distances["real"], truth["spoilt"].distances["real"]
        for group in groups:
            found = compare(seen[group], truth[group], None if group == "spoilt" else real)
            report["groups"][group]["judges"][title] = found
            figures = {k: v for k, v in found.items() if k != "distances"}
            tell(f"{title} on {group}: {figures}")
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.judges", description="Judges without labels.")
    parser.add_argument("--mnist", help="folder of MNIST, train and test")
    parser.add_argument("--fashion", help="folder of Fashion-MNIST")
    parser.add_argument("--cifar", help="folder of CIFAR-10")
    parser.add_argument("--mlp-files", help="folder of the weights of mnist-mlp-gan")
    parser.add_argument("--wgan-files", help="folder of the weights of mnist-wgan-gp")
    parser.add_argument("--n", type=int, default=2000, help="images of a set (default 2,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True, help="folder where sets and nets are kept")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    shipped = Path(checkpoints.__file__).parent / "manifests"
    foreign: dict[str, str | None] = {"mnist-mlp-gan": args.mlp_files, "mnist-wgan-gp": args.wgan_files}
    mnist: dict[str, Callable[[], Pair]] = {
        name: lambda name=name, files=files: checkpoints.import_manifest(shipped / f"{name}.toml", files)
        for name, files in foreign.items()
        if files
    }
    bundled = {"fashion-mnist-wgan-gp": lambda: checkpoints.resolve("fashion-mnist-wgan-gp")}
    jobs = (("mnist", args.mnist, 7000, mnist), ("fashion-mnist", args.fashion, 20_000, bundled))
    report: dict[str, Any] = {
        "n": args.n,
        "seed": args.seed,
        "reference": "test images",
        "patches": PATCHES,
        "data": {},
    }
    for name, path, own, pairs in (*jobs, ("cifar10-jpeg", args.cifar, 20_000, {})):
        if path:
            report["data"][name] = _study(path, name, own, pairs, args)
            write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
