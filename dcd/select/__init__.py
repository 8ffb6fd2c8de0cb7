"""Selection among a generator's samples by their density ratio, alone or around a chain."""

from .candidates import Selection as Selection
from .drs import drs as drs
from .drs import drs_acceptance as drs_acceptance
from .ex2 import ex2 as ex2
from .isir import isir as isir
from .isir import isir_chain as isir_chain
from .isir import isir_pick as isir_pick
from .isir import isir_probabilities as isir_probabilities
from .mh_gan import mh_acceptance as mh_acceptance
from .mh_gan import mh_chain as mh_chain
from .mh_gan import mh_gan as mh_gan
from .mh_gan import pick_distribution as pick_distribution
from .obrs import obrs as obrs
from .obrs import obrs_acceptance as obrs_acceptance
from .obrs import obrs_log_scale as obrs_log_scale
from .pool import Winnowed as Winnowed
from .pool import pool_pair as pool_pair
from .pool import winnow as winnow
