"""Distances between sets of features, in numpy float64."""

from .class_scores import inception_score as inception_score
from .fid import Moments as Moments
from .fid import covariance_factor as covariance_factor
from .fid import frechet_distance as frechet_distance
from .fid import frechet_from_features as frechet_from_features
from .fid import frechet_infinity as frechet_infinity
from .fid import moments as moments
from .fid import moments_of_stream as moments_of_stream
from .fid_interval import fid_between as fid_between
from .fid_interval import fid_change as fid_change
from .fid_interval import fid_influence as fid_influence
from .fid_interval import fid_spread as fid_spread
from .fid_stream import fid_change_of_stream as fid_change_of_stream
from .kid import kernel_distance as kernel_distance
from .kid import kernel_distance_subsets as kernel_distance_subsets
from .kid import kid_change as kid_change
from .metric_change import MetricChange as MetricChange
from .neighbours import neighbour_change as neighbour_change
from .prdc import density_coverage as density_coverage
from .prdc import precision_recall as precision_recall
from .row_draw import drawn_rows as drawn_rows
from .sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
from .sliced_wasserstein import sliced_distance as sliced_distance
from .sliced_wasserstein import sliced_wasserstein as sliced_wasserstein
