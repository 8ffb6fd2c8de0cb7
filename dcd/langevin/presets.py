r"""Named settings of the one kernel, as published or as released.

``eta`` is our step size (``x + eta * grad + sqrt(2 eta T) * noise``); ``epsilon = 2 eta``. Costs are
passes per sample and step: F and B are forward and backward passes of generator (G) and critic (D).
Every preset is a function of its most used knobs and returns a :class:`~dcd.Langevin`.
"""

from __future__ import annotations

from collections.abc import Callable

from pairs import InputError

from .settings import Divergence, Langevin, Space

__all__ = [
    "PRESETS",
    "preset",
    "dcd_pixel",
    "dcd_latent",
    "dcd_toy",
    "ddls",
    "dgflow",
    "dot",
    "gebm",
    "repgan",
    "ttc",
    "latent",
]


def dcd_pixel(steps: int = 20, step_size: float = 1.0, noise: float = 0.005) -> Langevin:
    r"""Discriminator Contrastive Divergence in pixel space (arXiv 2004.01704, image code).

    .. math:: \tilde x = x + s\,\xi, \quad
       x' = \mathrm{clip}\left(\tilde x + \eta\,\mathrm{clip}_{\pm 1}(\nabla D(\tilde x))\right)

    Noise comes first and its scale ``noise`` is not tied to the step: T = s^2 / (2 eta), which at the
    defaults is 1.25e-5, so this is clipped gradient ascent. Cost F_D + B_D (plus one more pair for the
    recorded score). As released; the released code reads its training flags when it evaluates.
    """
    return Langevin(
        "pixel",
        steps,
        step_size,
        temperature=noise**2 / (2 * step_size),
        clip=1.0,
        noise_order="before",
        preset="dcd-pixel",
    )


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
    return Langevin("pixel", steps, step_size, temperature=noise**2 / 2, noise_scale="gradient", preset="dcd-toy")


def ddls(steps: int = 100, step_size: float = 0.005, metropolis: bool = False) -> Langevin:
    r"""Discriminator Driven Latent Sampling (arXiv 2003.06060): sample :math:`p_0(z)\,e^{D(G(z))}`.

    .. math:: z' = z + \eta \nabla[\log p_0(z) + D(G(z))] + \sqrt{2\eta}\,\xi

    If D is the log density ratio of data to generator, G(z) then has the data's law. With
    ``metropolis`` the step is exact (MALA). Cost F_G + F_D + B_D + B_G. Released re-implementations
    differ: one gives a covariance where a standard deviation is meant, one has noise 70 times too small.
    """
    return Langevin("latent", steps, step_size, prior_weight=1.0, metropolis=metropolis, preset="ddls")


def dgflow(divergence: Divergence = "kl", steps: int = 25, step_size: float = 0.1, noise: float = 0.01) -> Langevin:
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
        preset=f"dgflow-{divergence}",
    )


def dot(lipschitz: float = 1.0, steps: int = 100, step_size: float = 0.01, space: Space = "latent") -> Langevin:
    r"""Discriminator optimal transport (arXiv 1910.06832): descend :math:`\lVert u - u_0\rVert - D(u)/k`.

    .. math:: z' = z + \eta\,P_z\left(\nabla D(G(z)) / k - \frac{z - z_0}{\lVert z - z_0\rVert}\right)

    ``lipschitz`` is k, from :func:`dcd.effective_lipschitz` on random couples of the pair at hand; 1
    stands for a critic of slope one. No noise. In latent space :math:`P_z` removes the radial part,
    :math:`g - \langle g, z\rangle z / \lVert z\rVert^2`; in pixel space it is the identity. Cost
    F_G + F_D + B_D + B_G (latent), F_D + B_D (pixel). The released code divides the radial part by
    :math:`\sqrt d` instead of :math:`\lVert z\rVert^2`, which at d = 128 turns radial motion round
    tenfold, and starts 0.001 off to have a gradient; here the pull at the start is zero. Where
    D has slope k all the way every point of a transport ray is a minimiser, so stop early.
    """
    _positive("lipschitz", lipschitz)
    return Langevin(
        space,
        steps,
        step_size,
        temperature=0.0,
        critic_scale=1 / lipschitz,
        tether=1.0,
        tangent=space == "latent",
        preset="dot",
    )


def gebm(steps: int = 1000, step_size: float = 5e-5, scale: float = 100.0) -> Langevin:
    r"""Generalised energy-based model (arXiv 2003.05033): sample :math:`p_0(z)\,e^{\beta D(G(z))}`, beta = ``scale``.

    .. math:: z' = z + \eta_k \nabla[\log p_0(z) + \beta D(G(z))] + \sqrt{2\eta_k}\,\xi

    eta falls tenfold every 200 steps. eta = 5e-5 is the code's 1e-4 (an epsilon). Made for a critic
    that is minus a normalised energy (KALE). Cost F_G + F_D + B_D + B_G. The released code's MALA
    variant weighs the proposal's term by the step where it should divide by it; it is not used here.
    """
    fall = tuple(0.1 ** (k // 200) for k in (range(0, steps, 200) if steps % 200 == 0 else range(steps)))
    return Langevin(
        "latent", steps, step_size, critic_scale=scale, prior_weight=1.0, anneal=fall or (1.0,), preset="gebm"
    )


def repgan(steps: int = 640, step_size: float = 0.005) -> Langevin:
    r"""REP-GAN (arXiv 2107.00352): latent Langevin proposals with the Metropolis correction.

    .. math:: z' \sim N(z + \eta\nabla\log\pi(z),\, 2\eta I), \quad \pi(z) = p_0(z)\,e^{D(G(z))}

    :func:`ddls` with ``metropolis`` at the paper's length; tau = 0.01 of the code is 2 eta. For a
    calibrated critic (:func:`dcd.calibrate`, logistic as there). Cost F_G + F_D + B_D + B_G. As released.
    """
    return ddls(steps, step_size, metropolis=True).replace(preset="repgan")


def ttc(step_size: float = 1.0, steps: int = 1) -> Langevin:
    r"""Trust the Critics: one gradient step of length :math:`\hat W_1` in pixel space.

    .. math:: x' = x + \eta \nabla D(x), \qquad \eta = \theta\,\hat W_1

    ``step_size`` is the number that :func:`dcd.ttc_step_size` estimates for a critic of slope one. The
    method trains a new critic for every step; here the pair's own is used, so ``steps`` above 1 repeats it.
    Cost F_D + B_D.
    """
    return Langevin("pixel", steps, step_size, temperature=0.0, preset="ttc")


def _positive(field: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise InputError(field, f"is {value!r}", "give a finite number above 0")


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
    "dot": dot,
    "gebm": gebm,
    "repgan": repgan,
    "ttc": ttc,
}


def preset(name: str) -> Langevin:
    """The preset of that name at its published settings.

    >>> preset("dgflow-kl").step_size
    0.1
    """
    if name not in PRESETS:
        raise InputError("preset", f"'{name}' is unknown", f"use one of {', '.join(PRESETS)}")
    return PRESETS[name]()
