"""Selection among a generator's samples by their density ratio, alone or around a chain."""

from .discriminator_rejection import drs as drs
from .discriminator_rejection import drs_acceptance as drs_acceptance
from .explore_exploit import ex2 as ex2
from .importance_resampling import isir as isir
from .importance_resampling import isir_chain as isir_chain
from .importance_resampling import isir_pick as isir_pick
from .importance_resampling import isir_probabilities as isir_probabilities
from .metropolis_hastings import mh_acceptance as mh_acceptance
from .metropolis_hastings import mh_chain as mh_chain
from .metropolis_hastings import mh_gan as mh_gan
from .optimal_rejection import obrs as obrs
from .optimal_rejection import obrs_acceptance as obrs_acceptance
from .optimal_rejection import obrs_log_scale as obrs_log_scale
from .selected import Selection as Selection
from .winnowing import Winnowed as Winnowed
from .winnowing import pool_pair as pool_pair
from .winnowing import winnow as winnow
