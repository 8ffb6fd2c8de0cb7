"""A critic that is made once: from a run's finished steps where it is there, else made and kept.

What is kept is the critic's weights and the architecture that rebuilds it, not the training's state, which is dropped
then. A critic that no file can rebuild, as one of the user's own code, is not kept; the state at the end of its
training stays instead, so that only what follows the training is computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs import Architecture, InputError, Net, Pair, Record, build
from pairs.digests import net_digest, tree_digest, whole_digest
from pairs.io.work import Work, as_json

__all__ = ["agree_on_data", "kept_critic"]

Made = tuple[Pair, dict[str, Any]]


def kept_critic(work: Work, name: str, pair: Pair, make: Callable[[Work], Made]) -> Made:
    """The pair with another critic and a report in JSON form, as ``make`` gives them or gave them before.

    Args:
      work: The run's finished steps.
      name: Name of this critic among them.
      pair: The pair whose critic is replaced; everything but critic, its kind, its calibration and the record stays.
      make: Makes the critic; the training keeps its state in the part of the work that it is called with.
    """
    inner = work.part(name)
    found = work.read(name)
    if found is None:
        made, report = make(inner)
        architecture = made.critic.architecture
        if work.root is None or architecture is None or not _known(architecture):
            return made, report
        facts = {
            "architecture": [architecture.name, architecture.config.to_dict()],
            "critic_kind": made.critic_kind,
            "calibrated": made.calibrated,
            "record": made.record.to_dict(),
            "report": report,
        }
        work.save(name, made.critic.params, facts)
        inner.forget()
        return made, as_json(report)
    title, config = found.record["architecture"]
    architecture = Architecture(title, Record(config))
    apply, template = build(architecture)
    kept = work.load(name, template)
    assert kept is not None
    params, facts = kept
    made = pair.replace(
        critic=Net(params, apply, architecture),
        critic_kind=facts["critic_kind"],
        calibrated=facts["calibrated"],
        record=Record(facts["record"]),
    )
    return made, facts["report"]


def _known(architecture: Architecture) -> bool:
    """Whether the name alone rebuilds it here."""
    try:
        build(architecture)
    except InputError:
        return False
    return True


def agree_on_data(work: Work, pair: Pair, features: Net | None, data: dict[str, Any], **settings: Any) -> None:
    """Refuse to go on with another pair, net, data or settings than those with which the training began.

    Args:
      work: The finished steps.
      pair: The pair.
      features: Net that the critic stands on, or None.
      data: Arrays, or None, by name of the argument.
      **settings: Values in JSON form.

    Raises:
      InputError: One of them differs; the error names it.
    """
    if work.root is None:
        return
    digests = {name: tree_digest(None, array) for name, array in data.items()}
    net = None if features is None else net_digest(features)
    work.agree(pair=whole_digest(pair), **digests, features=net, **settings)
