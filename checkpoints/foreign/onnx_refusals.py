"""What of ONNX is refused, and in which words."""

from __future__ import annotations

from collections.abc import Iterable

from pairs import InputError
from pairs.graph import known_operators
from pairs.graph.values import shown

__all__ = ["check_operators"]

_EXPORT = "export the float model with torch.onnx.export(model.eval(), ..., opset_version=18)"

_KINDS = (
    (
        ("If", "Loop", "Scan", "SequenceMap"),
        "decides while running what to compute ({names}), so no fixed formula has a gradient",
        "export the net without control flow",
    ),
    (
        ("LSTM", "GRU", "RNN"),
        "has recurrent layers ({names}), which are not supported",
        "use a feed-forward net",
    ),
    (
        ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"),
        "draws random numbers ({names}), so that one latent has many images",
        "export the net with its noise switched off, or as an input",
    ),
)

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")


def check_operators(nodes: Iterable[tuple[str, str]], path: str) -> None:
    """Refuse operators that are not on the allow-list, all of them in one line.

    Args:
      nodes: domain and name of every operator of the file.
      path: what an error calls the file.

    Raises:
      InputError: with the kind of what is refused: quantised, control flow, recurrent, random, foreign domain or
        simply unknown.
    """
    found = set(nodes)
    quantised = sorted({op for _, op in found if op in _QUANTISED or op.startswith(("QLinear", "QGemm"))})
    if quantised:
        problem = f"'{path}' is quantised ({_names(quantised)}): rounding to 8 bits has no useful gradient"
        raise InputError("file", problem, "give the float model it was made from")
    for ops, problem, remedy in _KINDS:
        names = sorted({op for _, op in found if op in ops})
        if names:
            raise InputError("file", f"'{path}' {problem.format(names=_names(names))}", remedy)
    foreign = sorted({f"{domain}.{op}" for domain, op in found if domain not in ("", "ai.onnx")})
    if foreign:
        problem = f"'{path}' has operators of other domains than ai.onnx ({_names(foreign)})"
        raise InputError("file", problem, _EXPORT)
    unknown = sorted({op for _, op in found} - {*known_operators(), "Constant"})
    if unknown:
        problem = f"'{path}' has operators that are not on the list ({_names(unknown)})"
        raise InputError("file", problem, "export the net without them; pairs.graph.known_operators() is the list")


def _names(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(shown(n) for n in names[:8]) + more
