r"""Named settings of the one kernel, as published or as released.

``eta`` is our step size (``x + eta * grad + sqrt(2 eta T) * noise``), and ``epsilon = 2 eta``. Costs are passes per
sample and step: F and B are forward and backward passes of the generator (G) and of the critic (D). Every preset is a
function of its most used settings and returns a :class:`dcd.Langevin`.
"""

from __future__ import annotations

from collections.abc import Callable

from pairs import InputError
from pairs.checks import check_number

from .chain_settings import Divergence, Space
from .settings import Langevin

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

    The noise comes first and its scale s (``noise``) is not tied to the step: T = s^2 / (2 eta) is 1.25e-5 at the
    defaults, so that this is clipped gradient ascent. It costs F_D + B_D, and one more pair of passes for the recorded
    score. The settings are as released; the released code reads its training flags when it evaluates.
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

    There is no prior term: T is the square of s (``noise``), and z may leave the prior. ``step_lr`` of the released
    code is 2 eta. It costs F_G + F_D + B_D + B_G.
    """
    return Langevin("latent", steps, step_size, temperature=noise**2, preset="dcd-latent")


def dcd_toy(steps: int = 60, step_size: float = 0.2, noise: float = 0.2) -> Langevin:
    r"""Discriminator Contrastive Divergence, 2-D code: noise that scales with the gradient's norm.

    .. math:: x' = x + \eta \nabla D(x) + \sqrt{\eta}\,s\,\lVert\nabla D(x)\rVert\,\xi

    A point of zero gradient is absorbing. The released script reads an option under a name that it does not define and
    cannot run as it is. It costs F_D + B_D.
    """
    return Langevin("pixel", steps, step_size, temperature=noise**2 / 2, noise_scale="gradient", preset="dcd-toy")


def ddls(steps: int = 100, step_size: float = 0.005, metropolis: bool = False) -> Langevin:
    r"""Discriminator Driven Latent Sampling (arXiv 2003.06060), which samples :math:`p_0(z)\,e^{D(G(z))}`.

    .. math:: z' = z + \eta \nabla[\log p_0(z) + D(G(z))] + \sqrt{2\eta}\,\xi

    If D is the log density ratio of data to generator, G(z) then has the data's law. With ``metropolis`` the step is
    exact (MALA). It costs F_G + F_D + B_D + B_G. Released re-implementations differ: one gives a covariance where a
    standard deviation is meant, one has noise that is 70 times too small.
    """
    return Langevin("latent", steps, step_size, prior_weight=1.0, metropolis=metropolis, preset="ddls")


def dgflow(divergence: Divergence = "kl", steps: int = 25, step_size: float = 0.1, noise: float = 0.01) -> Langevin:
    r"""Discriminator gradient flow (arXiv 2012.00780) for f = ``kl``, ``js`` or ``logd``.

    .. math:: z' = z + \eta\,s_f(d)\,\nabla d + \sqrt{2\eta\gamma}\,\xi,
       \quad s_{KL} = 1,\; s_{JS} = \sigma(d),\; s_{logD} = \sigma(-d), \quad d = D(G(z))

    ``noise`` is :math:`\gamma = T`. There is no prior term; ``kl`` is :func:`dcd_latent` under other names. The
    released code leaves BatchNorm in training mode; here nets are in inference mode. It costs as much as
    :func:`dcd_latent`.
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
    r"""Discriminator optimal transport (arXiv 1910.06832), which descends :math:`\lVert u - u_0\rVert - D(u)/k`.

    .. math:: z' = z + \eta\,P_z\left(\nabla D(G(z)) / k - \frac{z - z_0}{\lVert z - z_0\rVert}\right)

    There is no noise. In latent space :math:`P_z` removes the radial part, :math:`g - \langle g, z\rangle z /
    \lVert z\rVert^2`; in pixel space it is the identity. It costs F_G + F_D + B_D + B_G (latent) or F_D + B_D (pixel).
    The released code divides the radial part by :math:`\sqrt d` instead of :math:`\lVert z\rVert^2`, which at d = 128
    turns radial motion round tenfold, and starts 0.001 off to have a gradient; here the pull at the start is zero.
    Where D has slope k all the way, every point of a transport ray is a minimiser, so that few steps are better.

    Args:
      lipschitz: k, which :func:`dcd.effective_lipschitz` estimates on random couples of a pair; 1 stands for a critic
        of slope one.
      steps: Number of steps.
      step_size: eta.
      space: ``latent`` or ``pixel``.

    Raises:
      InputError: A k that is not above 0.
    """
    check_number("lipschitz", lipschitz, above=0.0)
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
    r"""Generalised energy-based model (arXiv 2003.05033), which samples :math:`p_0(z)\,e^{\beta D(G(z))}`.

    .. math:: z' = z + \eta_k \nabla[\log p_0(z) + \beta D(G(z))] + \sqrt{2\eta_k}\,\xi

    beta is ``scale``, and eta falls tenfold every 200 steps. eta = 5e-5 is the code's 1e-4 (an epsilon). The method is
    made for a critic that is minus a normalised energy (KALE). It costs F_G + F_D + B_D + B_G. The MALA variant of the
    released code weighs the proposal's term by the step where it should divide by it; it is not used here.
    """
    fall = tuple(0.1 ** (k // 200) for k in (range(0, steps, 200) if steps % 200 == 0 else range(steps)))
    return Langevin(
        "latent", steps, step_size, critic_scale=scale, prior_weight=1.0, anneal=fall or (1.0,), preset="gebm"
    )


def repgan(steps: int = 640, step_size: float = 0.005) -> Langevin:
    r"""REP-GAN (arXiv 2107.00352): latent Langevin proposals with the Metropolis correction.

    .. math:: z' \sim N(z + \eta\nabla\log\pi(z),\, 2\eta I), \quad \pi(z) = p_0(z)\,e^{D(G(z))}

    This is :func:`ddls` with ``metropolis`` at the paper's length; tau = 0.01 of the released code is 2 eta. The critic
    must be calibrated (:func:`dcd.calibrate`, logistic as in the paper). It costs F_G + F_D + B_D + B_G.
    """
    return ddls(steps, step_size, metropolis=True).replace(preset="repgan")


def ttc(step_size: float = 1.0, steps: int = 1) -> Langevin:
    r"""Trust the Critics (Milne, Bilocq and Nachman): one gradient step of length :math:`\hat W_1` in pixel space.

    .. math:: x' = x + \eta \nabla D(x), \qquad \eta = \theta\,\hat W_1

    ``step_size`` is the number that :func:`dcd.ttc_step_size` estimates for a critic of slope one. The method trains a
    new critic for every step; here the pair's own critic is used, so that ``steps`` above 1 repeats it. It costs
    F_D + B_D.
    """
    return Langevin("pixel", steps, step_size, temperature=0.0, preset="ttc")


def latent(steps: int = 20, step_size: float = 0.002) -> Langevin:
    """The cautious default where nothing was tuned: :func:`ddls` with few small steps.

    The prior term keeps latents where the generator was trained, so that a useless critic costs little: with a constant
    critic the chain leaves the prior's own law invariant.
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
"""From the name of a preset to the function that makes it at its published settings."""


def preset(name: str) -> Langevin:
    """The preset of that name at its published settings.

    Raises:
      InputError: An unknown name.

    Example:
      >>> preset("dgflow-kl").step_size
      0.1
    """
    if name not in PRESETS:
        raise InputError("preset", f"'{name}' is unknown", f"use one of {', '.join(PRESETS)}")
    return PRESETS[name]()
