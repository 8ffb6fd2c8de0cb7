"""The protocol: what a generator/critic pair is, and the model families that are one."""

from .affine import affine as affine
from .class_mixture import ClassMixture as ClassMixture
from .errors import InputError as InputError
from .feature_critic import feature_critic as feature_critic
from .prior_records import prior_from_record as prior_from_record
from .priors import Normal as Normal
from .priors import Prior as Prior
from .priors import Sphere as Sphere
from .priors import TruncatedNormal as TruncatedNormal
from .priors import Uniform as Uniform
from .protocol import CriticKind as CriticKind
from .protocol import Net as Net
from .protocol import Pair as Pair
from .record import Record as Record
from .registry import Architecture as Architecture
from .registry import build as build
from .registry import known as known
from .registry import register as register
from .score_head import score_head as score_head
from .wrap import check_classifier as check_classifier
from .wrap import check_pair as check_pair
from .wrap import make_pair as make_pair
from .wrap import wrap as wrap
