"""Quality and speed of refinement, before and after, against peers."""

from .data import Images as Images
from .data import read_images as read_images
from .data import to_range as to_range
from .data import to_uint8 as to_uint8
from .evaluate import evaluate as evaluate
from .evaluate import evaluate_one as evaluate_one
from .evaluate import reference_from as reference_from
from .features import Features as Features
from .features import Reference as Reference
from .features import bundled_features as bundled_features
from .features import default_features as default_features
from .features import load_features as load_features
from .pictures import before_after_grid as before_after_grid
from .pictures import grid as grid
from .pictures import png_bytes as png_bytes
from .pictures import save_grid as save_grid
from .pictures import write_bytes as write_bytes
from .report import hardware as hardware
from .report import print_report as print_report
from .report import quality_table as quality_table
from .report import versions as versions
from .report import write_html as write_html
from .report import write_json as write_json
