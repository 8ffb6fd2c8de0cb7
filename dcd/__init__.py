"""Sample refinement: Langevin chains driven by the critic, from the generator's output."""

from .chain import Result as Result
from .chain import advance as advance
from .chain import refine as refine
from .chain import start as start
from .config import Langevin as Langevin
from .contrast import contrast as contrast
from .contrast_settings import Contrast as Contrast
from .contrast_settings import ContrastReport as ContrastReport
from .critic_settings import Recover as Recover
from .critic_settings import RecoverReport as RecoverReport
from .kernel import Info as Info
from .kernel import State as State
from .presets import PRESETS as PRESETS
from .presets import preset as preset
from .recover import recover as recover
from .stream import refine_to as refine_to
