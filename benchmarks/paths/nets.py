"""Feature nets that the options of ``ganrefine path`` name."""

from __future__ import annotations

from interp.metric.features import critic_features
from pairs import InputError, Net, Pair

from ..features import Features, load_features

__all__ = ["classifier_net", "metric_net"]


def metric_net(pair: Pair, name: str) -> Net | None:
    """The net of ``--metric``; None for pixels.

    Raises:
      InputError: There is no such net, or it does not suit the pair.
    """
    if name == "pixel":
        return None
    if name == "critic":
        return critic_features(pair)
    if name == "pair":
        if pair.features is None:
            raise InputError("metric", "is 'pair' but this pair carries no feature net", "use pixel or critic")
        return pair.features
    if pair.sample_range is None:
        raise InputError("metric", f"is {name!r} but the pair declares no sample range", "use pixel or critic")
    return _named("--metric", name).as_net(pair.sample_range)


def classifier_net(pair: Pair, name: str) -> Net:
    """The net of ``--classifier``: class logits.

    Raises:
      InputError: There is no such net, or the pair declares no sample range.
    """
    if pair.sample_range is None:
        raise InputError("--classifier", "is given but the pair declares no sample range", "leave it out")
    return _named("--classifier", name).as_net(pair.sample_range, "logits")


def _named(option: str, name: str) -> Features:
    try:
        return load_features(name)
    except InputError as error:
        raise InputError(option, error.problem, error.remedy) from None
