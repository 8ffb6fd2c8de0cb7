"""SIGINT and SIGTERM as exceptions, so that what a command was at is put away before it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

__all__ = ["signals_raise"]


@contextlib.contextmanager
def signals_raise(came: list[int]) -> Iterator[None]:
    """SIGINT and SIGTERM unwind the stack, so that temporary files go; ``came`` then holds the signal.

    Only a main thread may ask for that. A signal that is ignored stays so.
    """

    def unwind(number: int, frame: FrameType | None) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    def again(lost: sys.UnraisableHookArgs) -> None:
        if came and lost.exc_type is KeyboardInterrupt:  # it hit a callback or a finaliser, which cannot be left
            timers.append(threading.Timer(0.02, os.kill, (os.getpid(), came[0])))
            timers[-1].start()
        else:
            hook(lost)

    hook, timers = sys.unraisablehook, list[threading.Timer]()
    main, usual = threading.current_thread() is threading.main_thread(), (signal.SIG_DFL, signal.default_int_handler)
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if main and signal.getsignal(n) in usual]
    before = {number: signal.signal(number, unwind) for number in numbers}
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
