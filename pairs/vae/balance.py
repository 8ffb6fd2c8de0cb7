"""Is the game between encoder and decoder of a Soft-IntroVAE in balance? Read off the recorded losses."""

from __future__ import annotations

__all__ = ["health"]


def health(beta_kl: float, beta_neg: float, history: dict[str, list[float]], last: int = 10) -> list[str]:
    """What the last recorded figures say, with the remedy; empty where nothing is wrong.

    A sample's KL should be at or a little above that of data. Below, the encoder prefers samples; far above,
    or where ``exp_elbo`` of samples has fallen far under its equilibrium ``beta_kl / beta_neg``,
    the exponential is flat and the encoder learns nothing from samples any more.

    >>> health(1.0, 128.0, {"kl_real": [20.0], "kl_fake": [12.0], "exp_elbo": [0.01]})
    ['the KL of samples, 12.0, is below that of data, 20.0: lower beta_neg']
    """
    if not history.get("kl_fake"):
        return []
    real, fake, bound = (sum(history[k][-last:]) / len(history[k][-last:]) for k in ("kl_real", "kl_fake", "exp_elbo"))
    if fake < real - 1:
        return [f"the KL of samples, {fake:.1f}, is below that of data, {real:.1f}: lower beta_neg"]
    if fake > 5 * real or bound < 1e-3 * beta_kl / beta_neg:
        return [f"the encoder rejects samples wholly (KL {fake:.1f} against {real:.1f} of data): raise beta_neg"]
    return []
