"""Files to pairs and back: sealed storage, and safe import of foreign weights."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
