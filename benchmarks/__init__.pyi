from .evaluation import evaluate as evaluate
from .evaluation import evaluate_one as evaluate_one
from .evaluation import reference_from as reference_from
from .features import Features as Features
from .features import Reference as Reference
from .features import bundled_features as bundled_features
from .features import default_features as default_features
from .features import load_features as load_features
