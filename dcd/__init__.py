"""Sample refinement: Langevin chains driven by the critic, from the generator's output."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
