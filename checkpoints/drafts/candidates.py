"""What a drafted net leaves open, as questions, and its layers for every answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from .evidence import Question
from .layers import DraftedNet, Place, said
from .trial import Spec

__all__ = ["Candidates", "candidates"]

_MOST_CHAINS = 4
_GROUPS = (1, 2, 4, 8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Candidates:
    """The layer lists that a drafted net may be.

    Attributes:
      nets: The net, once for each chain of sizes.
      questions: What is open.
      activations: Activation for each answer; the first is ``None``, as drafted.
      kinds: Layers that each answer puts in the place of a kind, by question.
    """

    nets: tuple[DraftedNet, ...]
    questions: tuple[Question, ...]
    activations: tuple[int | None, ...]
    kinds: Mapping[str, tuple[Mapping[str, Spec], ...]]

    def specs(self, choice: Mapping[str, int]) -> list[Spec]:
        """The layers for an answer to each question."""
        taken: dict[str, Spec] = {}
        for question, options in self.kinds.items():
            taken |= options[choice[question]]
        return self.nets[choice.get("sizes", 0)].specs(self.activations[choice.get("activations", 0)], taken)


def candidates(nets: Sequence[DraftedNet], channels: int) -> Candidates:
    """The questions that are left open.

    Args:
      nets: The net that was drafted, then the same with other chains of sizes.
      channels: Of a sample.
    """
    net, questions = nets[0], []
    chains = tuple(nets[:_MOST_CHAINS])
    if len(chains) > 1:
        questions.append(Question("sizes", tuple(n.sizes for n in chains)))
    places = [e for e in net.entries if isinstance(e, Place) and len(e.near) > 1]
    activations: list[int | None] = [None]
    if places and (net.reliable or not net.off):
        usual = max((p.taken for p in places), key=[p.taken for p in places].count)
        activations += sorted({i for p in places for i in p.near} - {usual})
        words = tuple(said(usual if i is None else i) for i in activations)
        questions.append(Question("activations", words))
    kinds: dict[str, tuple[Mapping[str, Spec], ...]] = {}
    held = [e for e in net.entries if not isinstance(e, Place)]
    for name, options in _kinds(net, held, channels):
        kinds[name] = tuple(options.values())
        questions.append(Question(name, tuple(options)))
    return Candidates(chains, tuple(questions), tuple(activations), kinds)


def _kinds(net: DraftedNet, held: Sequence[Spec], channels: int) -> list[tuple[str, dict[str, Mapping[str, Spec]]]]:
    found: list[tuple[str, dict[str, Mapping[str, Spec]]]] = []
    kinds = {spec["layer"] for spec in held}
    if "upsample" in kinds and net.mode is None:
        bilinear: Mapping[str, Spec] = {"upsample": {"layer": "upsample", "mode": "bilinear"}}
        found.append(("upsampling", {"nearest": {}, "bilinear": bilinear}))
    if "avg_pool" in kinds:
        found.append(("pooling", {"average": {}, "maximum": {"avg_pool": {"layer": "max_pool", "kernel": 2}}}))
    if "instance_norm" in kinds:
        widths = [len(net.tensors[f"{s['name']}.weight"]) for s in held if s["layer"] == "instance_norm"]
        options: dict[str, Mapping[str, Spec]] = {"instance_norm": {}}
        for n in _GROUPS:
            if all(w % n == 0 and w > n for w in widths):
                options[f"group_norm {n}"] = {"instance_norm": {"layer": "group_norm", "groups": n}}
        found.append(("norm", options))
    if channels > 1 and held[0]["layer"] == "flatten":
        last: Mapping[str, Spec] = {"flatten": {"layer": "flatten", "channels_last": True}}
        found.append(("view", {"channels first": {}, "channels last": last}))
    return found
