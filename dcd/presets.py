r"""Named settings of the one kernel, as published or as released.

``eta`` is our step size (``x + eta * grad + sqrt(2 eta T) * noise``); ``epsilon = 2 eta``. Costs are
passes per sample and step: F and B are forward and backward passes of generator (G) and critic (D).
Every preset is a function of its most used knobs and returns a :class:`~dcd.Langevin`.
"""

from __future__ import annotations

from collections.abc import Callable

from pairs import InputError

from .config import Langevin

__all__ = ["PRESETS", "preset", "dcd_pixel", "dcd_latent", "dcd_toy", "ddls", "dgflow", "latent"]


def dcd_pixel(steps: int = 20, step_size: float = 1.0, noise: float = 0.005) -> Langevin:
    r"""Discriminator Contrastive Divergence in pixel space (arXiv 2004.01704, image code).

    .. math:: \tilde x = x + s\,\xi, \quad
       x' = \mathrm{clip}\left(\tilde x + \eta\,\mathrm{clip}_{\pm 1}(\nabla D(\tilde x))\right)

    Noise comes first and its scale ``noise`` is not tied to the step: T = s^2 / (2 eta), which at the
    defaults is 1.25e-5, so this is clipped gradient ascent. Cost F_D + B_D (plus one more pair for the
    recorded score). As released; the released code reads its training flags when it evaluates.
    """
    return Langevin(
        "pixel", steps, step_size, temperature=noise**2 / (2 * step_size), clip=1.0,
        noise_order="before", preset="dcd-pixel",
    )  # fmt: skip


def dcd_latent(steps: int = 20, step_size: float = 0.5, noise: float = 0.005) -> Langevin:
    r"""Discriminator Contrastive Divergence in latent space (arXiv 2004.01704, image code).

    .. math:: z' = z + \eta \nabla D(G(z)) + \sqrt{2\eta}\,s\,\xi

    No prior term: T = ``noise``^2, and z may leave the prior. ``step_lr`` of the code is 2 eta.
    Cost F_G + F_D + B_D + B_G.
    """
    return Langevin("latent", steps, step_size, temperature=noise**2, preset="dcd-latent")


def dcd_toy(steps: int = 60, step_size: float = 0.2, noise: float = 0.2) -> Langevin:
    r"""Discriminator Contrastive Divergence, 2-D code: noise that scales with the gradient's norm.

    .. math:: x' = x + \eta \nabla D(x) + \sqrt{\eta}\,s\,\lVert\nabla D(x)\rVert\,\xi

    Points of zero gradient are absorbing. The released script reads an option under a name it does
    not define and cannot run as it is. Cost F_D + B_D.
    """
    return Langevin(
        "pixel", steps, step_size, temperature=noise**2 / 2, noise_scale="gradient", preset="dcd-toy"
    )  # fmt: skip


def ddls(steps: int = 100, step_size: float = 0.005, metropolis: bool = False) -> Langevin:
    r"""Discriminator Driven Latent Sampling (arXiv 2003.06060): sample :math:`p_0(z)\,e^{D(G(z))}`.

    .. math:: z' = z + \eta \nabla[\log p_0(z) + D(G(z))] + \sqrt{2\eta}\,\xi

    If D is the log density ratio of data to generator, G(z) then has the data's law. With
    ``metropolis`` the step is exact (MALA). Cost F_G + F_D + B_D + B_G. Released re-implementations
    differ: one gives a covariance where a standard deviation is meant, one has noise 70 times too small.
    """
    return Langevin("latent", steps, step_size, prior_weight=1.0, metropolis=metropolis, preset="ddls")


def dgflow(divergence: str = "kl", steps: int = 25, step_size: float = 0.1, noise: float = 0.01) -> Langevin:
    r"""Discriminator gradient flow (arXiv 2012.00780) for f = ``kl``, ``js`` or ``logd``.

    .. math:: z' = z + \eta\,s_f(d)\,\nabla d + \sqrt{2\eta\gamma}\,\xi,
       \quad s_{KL} = 1,\; s_{JS} = \sigma(d),\; s_{logD} = \sigma(-d), \quad d = D(G(z))

    ``noise`` is :math:`\gamma = T`. No prior term; ``kl`` is :func:`dcd_latent` under other names. The
    released code leaves BatchNorm in training mode; here nets are in inference mode. Cost as latent.
    """
    return Langevin(
        "latent",
        steps,
        step_size,
        temperature=noise,
        divergence=divergence,
        preset=f"dgflow-{divergence}",  # type: ignore[arg-type]
    )


def latent(steps: int = 20, step_size: float = 0.002) -> Langevin:
    """The cautious default where nothing was tuned: :func:`ddls` with few small steps.

    The prior term keeps latents where the generator was trained, so a useless critic costs little:
    with a constant critic the prior's own law is the one it leaves invariant.
    """
    return ddls(steps, step_size).replace(preset="latent")


PRESETS: dict[str, Callable[[], Langevin]] = {
    "latent": latent,
    "dcd-pixel": dcd_pixel,
    "dcd-latent": dcd_latent,
    "dcd-toy": dcd_toy,
    "ddls": ddls,
    "ddls-mala": lambda: ddls(metropolis=True).replace(preset="ddls-mala"),
    "dgflow-kl": dgflow,
    "dgflow-js": lambda: dgflow("js"),
    "dgflow-logd": lambda: dgflow("logd"),
}


def preset(name: str) -> Langevin:
    """The preset of that name at its published settings.

    >>> preset("dgflow-kl").step_size
    0.1
    """
    if name not in PRESETS:
        raise InputError("preset", f"'{name}' is unknown", f"use one of {', '.join(PRESETS)}")
    return PRESETS[name]()
