"""Feature nets: what distances between distributions of images are measured in."""

from .bundle import bundled_features as bundled_features
from .bundle import default_features as default_features
from .bundle import load_features as load_features
from .choice import FeatureChoice as FeatureChoice
from .choice import choose as choose
from .feature_net import Features as Features
from .feature_net import Reference as Reference
from .fixed_features import random_features as random_features
from .resizing import RESIZES as RESIZES
from .self_supervised import SelfSupervised as SelfSupervised
from .self_supervised import self_supervised_features as self_supervised_features
