"""Latent interpolation along geodesics weighted by the critic."""

from .baselines import BASELINES as BASELINES
from .baselines import baseline_path as baseline_path
from .baselines import cross_fade as cross_fade
from .baselines import lerp as lerp
from .baselines import matched as matched
from .baselines import slerp as slerp
from .calibrate import Calibration as Calibration
from .calibrate import CalibrationConfig as CalibrationConfig
from .calibrate import calibrate as calibrate
from .curve import Curve as Curve
from .energy import Metric as Metric
from .geodesic import geodesic as geodesic
from .geodesic import make_metric as make_metric
from .measure import Diagnostics as Diagnostics
from .measure import constant_speed as constant_speed
from .measure import diagnose as diagnose
from .settings import Flags as Flags
from .settings import GeodesicConfig as GeodesicConfig
from .settings import GeodesicResult as GeodesicResult
