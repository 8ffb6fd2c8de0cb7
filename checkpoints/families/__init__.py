"""Published GANs that are known by the names and shapes of their tensors: one family a file."""

from .imports import import_family as import_family
from .imports import recognise as recognise
from .table import FAMILIES as FAMILIES
