"""Signals end the work within two seconds, with the exit codes that a shell expects."""

import os
import signal
import sys
from threading import Timer
from types import FrameType
from typing import NoReturn

from mnistffn.errors import EXIT_CODES

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
GRACE = 1.5  # seconds for the work to put things in order before the process ends all the same


class Stopped(BaseException):
    """Unwinds the work that a signal ends: no ``except Exception`` or KeyboardInterrupt stops it.

    Attributes
    ----------
    code : int
        What the process exits with.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"{EXIT_CODES[self.code]}; run the same command again"


def watch_signals() -> None:
    """Let signals raise :class:`Stopped`; those that the caller ignores, as ``nohup`` does, stay so."""
    for name in CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def end(code: int) -> NoReturn:
    """End the process; a signal after the work is done changes nothing any more."""
    _ignore_signals()
    sys.exit(code)


def _ignore_signals() -> None:
    """Ignore the signals that are watched: the process is about to end already."""
    for name in CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    stopped = Stopped(CODES[signal.Signals(number).name])
    _ignore_signals()  # a second one cannot break what the first has begun
    timer = Timer(GRACE, _leave, [stopped])
    timer.daemon = True
    timer.start()
    raise stopped


def _leave(stopped: Stopped) -> NoReturn:
    os.write(2, f"error: {stopped}\n".encode())
    os._exit(stopped.code)
