"""Feature nets by name: weights checked by sha256, with the statistics of their data's test split."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from pairs import InputError, Net

from .classifier import DIMENSIONS, Arch, ClassifierApply, classifier_net, init

__all__ = ["Features", "Reference", "load_features", "default_features", "features_from", "bundled_features"]

_BUNDLED = Path(__file__).parent / "bundled"

_apply = jax.jit(lambda apply, params, x: apply(params, x.astype(jnp.float32)), static_argnums=0)


class Reference(NamedTuple):
    """Real features: mean and covariance of ``n`` images in float64, and some of the rows (float32)."""

    split: str
    n: int
    mu: np.ndarray
    sigma: np.ndarray
    rows: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """A feature net on bytes: ``features(x)`` maps uint8 ``(n, H, W, C)`` to float32 ``(n, dim)``."""

    name: str
    dim: int
    sha256: str
    input_shape: tuple[int, int, int]
    arch: str
    params: dict[str, Array]
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    batch: int = 250

    @property
    def label(self) -> str:
        """Name for tables: ``fashion-mnist-classifier-a (128-d)``."""
        return f"{self.name} ({self.dim}-d)"

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Features of uint8 images, in batches of one size (one compilation).

        Raises:
          InputError: not uint8, or another image shape than the net was trained on.
        """
        return self._run(x, "features")

    def logits(self, x: ArrayLike) -> np.ndarray:
        """Class logits ``(n, classes)``, for the inception score."""
        return self._run(x, "logits")

    def _run(self, x: ArrayLike, output: Any) -> np.ndarray:
        x = np.asarray(x)
        if x.dtype != np.uint8:
            raise InputError("images", f"are {x.dtype}", "convert them with benchmarks.to_uint8")
        self._check(x)
        apply, parts = self._apply_for(output), []
        for i in range(0, len(x), self.batch):
            part = x[i : i + self.batch]
            padded = np.concatenate([part, np.zeros((self.batch - len(part), *x.shape[1:]), np.uint8)])
            parts.append(np.asarray(_apply(apply, self.params, padded))[: len(part)])
        return np.concatenate(parts)

    def _check(self, x: np.ndarray) -> None:
        if x.shape[1:] != self.input_shape or len(x) == 0:
            remedy = f"{self.name} takes (n, {', '.join(map(str, self.input_shape))})"
            raise InputError("images", f"have shape {x.shape}", remedy)

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return ClassifierApply(self.arch, (0.0, 255.0), output)

    def reference(self, split: str = "test") -> Reference:
        """Statistics of the data the net was trained for."""
        for reference in self.references:
            if reference.split == split:
                return reference
        held = ", ".join(r.split for r in self.references) or "none"
        raise InputError("reference", f"{self.name} has no '{split}' statistics", f"held: {held}; or give real images")

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """The same features, or class logits, as a differentiable :class:`pairs.Net` on floats in ``sample_range``."""
        return classifier_net(self.params, self.arch, self.input_shape, sample_range, output)


def features_from(
    name: str, params: dict[str, Array], arch: Arch, input_shape: tuple[int, ...], sha256: str, **more: Any
) -> Features:
    """:class:`Features` from parameters in memory."""
    rows, columns, channels = input_shape
    return Features(name, DIMENSIONS[arch], sha256, (rows, columns, channels), arch, params, **more)


def bundled_features() -> tuple[str, ...]:
    """Names that :func:`load_features` knows without a path."""
    return tuple(sorted(p.parent.name for p in _BUNDLED.glob("*/card.json")))


def load_features(name: str | Path) -> Features:
    """A bundled feature net by name, one trained by ``python -m benchmarks train-features`` by folder,
    or the FID Inception by the path of its ``.pth`` file.

    Raises:
      InputError: unknown name, missing or damaged files (sha256), weights of another architecture.
    """
    if Path(name).suffix in (".pth", ".pt"):
        from .inception import load_inception

        return load_inception(name)
    folder = _BUNDLED / str(name) if str(name) in bundled_features() else Path(name)
    if not (folder / "card.json").is_file():
        known = ", ".join(bundled_features())
        raise InputError("features", f"'{name}' is neither bundled nor a folder with card.json", f"bundled are {known}")
    try:
        card = json.loads((folder / "card.json").read_text())
        arch, shape = card["arch"], tuple(card["input_shape"])
        outputs = card["head"] if arch == "strided" else card["classes"]
        digests = card["files"]["weights.npz"], card["files"]["reference.npz"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("features", f"{folder}/card.json cannot be used ({error!r})", "train the net again") from None
    if arch not in (*DIMENSIONS, "strided"):
        raise InputError(
            "features", f"{folder} has architecture {arch!r}", f"known are {', '.join(DIMENSIONS)}, strided"
        )
    weights = _checked(folder / "weights.npz", digests[0])
    template = _template(arch, shape, outputs)
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in template.items()}:
        raise InputError("features", f"{folder} holds weights of another architecture", "train the net again")
    params = {k: jnp.asarray(v.astype(np.float32)) for k, v in weights.items()}
    held = _checked(folder / "reference.npz", digests[1])
    reference = Reference(
        card["reference"]["split"], int(held["n"]), held["mu"], held["sigma"], held["rows"].astype(np.float32)
    )
    if arch == "strided":
        from .strided_net import DIM, StridedFeatures

        return StridedFeatures(card["name"], DIM, digests[0], shape, arch, params, card, (reference,))
    return features_from(card["name"], params, arch, shape, digests[0], card=card, references=(reference,))


def _template(arch: str, shape: tuple[int, int, int], outputs: int) -> dict[str, Any]:
    """Shapes of the parameters of an architecture."""
    if arch == "strided":
        from . import strided_net

        return jax.eval_shape(lambda k: strided_net.init(k, shape, outputs), jax.random.key(0))
    return jax.eval_shape(lambda k: init(k, arch, shape, outputs), jax.random.key(0))


def _checked(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Arrays of an NPZ file whose bytes match ``sha256``."""
    if not path.is_file():
        raise InputError("features", f"{path} is missing", "copy the whole folder again")
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise InputError("features", f"{path} does not match its sha256", "copy the folder again, it is damaged")
    with np.load(io.BytesIO(raw), allow_pickle=False) as data:
        return {k: data[k] for k in data.files}


def default_features(sample_shape: tuple[int, ...], data_name: str | None = None, judge: bool = False) -> Features:
    """The bundled net for images of this shape; ``judge`` takes the second architecture.

    ``data_name`` (name of a data set or pair) chooses where several fit: the longest
    data name contained in it wins.

    Raises:
      InputError: none fits, or several do and ``data_name`` does not tell.
    """
    wanted = "b" if judge else "a"
    fitting = {}
    for name in bundled_features():
        card = json.loads((_BUNDLED / name / "card.json").read_text())
        if tuple(card["input_shape"]) == tuple(sample_shape) and card["arch"] == wanted:
            fitting[card["data"]["name"]] = name
    if not fitting:
        remedy = "train one with python -m benchmarks train-features, and give its folder"
        raise InputError("features", f"no bundled net takes images of shape {tuple(sample_shape)}", remedy)
    named = [d for d in fitting if data_name and d in data_name.lower()]
    if not named and len(fitting) > 1:
        raise InputError(
            "features", f"several nets take {tuple(sample_shape)}", f"choose {' or '.join(fitting.values())}"
        )
    return load_features(fitting[max(named or fitting, key=len)])
