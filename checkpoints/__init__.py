"""Files to pairs and back: sealed storage, and safe import of foreign weights."""

from .archive import check_destination as check_destination
from .foreign import read_tensors as read_tensors
from .manifest import import_manifest as import_manifest
from .resolve import bundled_names as bundled_names
from .resolve import bundled_tuned as bundled_tuned
from .resolve import resolve as resolve
from .state import load_state as load_state
from .state import save_state as save_state
from .state import state_record as state_record
from .store import load_pair as load_pair
from .store import save_pair as save_pair
from .training import Trained as Trained
from .training import train as train
