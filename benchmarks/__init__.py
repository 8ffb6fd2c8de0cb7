"""Quality and speed of refinement, before and after, against peers."""

from .data import Images as Images
from .data import read_images as read_images
from .data import to_range as to_range
from .data import to_uint8 as to_uint8
from .features import Features as Features
from .features import Reference as Reference
from .features import bundled_features as bundled_features
from .features import default_features as default_features
from .features import load_features as load_features
