"""The protocol: what a generator/critic pair is, and the model families that are one."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
