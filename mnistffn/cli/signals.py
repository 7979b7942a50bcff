"""Signals end the work within two seconds, with the exit codes that a shell expects."""

import os
import signal
import sys
from threading import Timer
from types import FrameType
from typing import NoReturn

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
WORDS = {130: "interrupted", 143: "terminated", 129: "hung up"}
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
        return f"{WORDS[self.code]}; run the same command to go on"


def watch_signals() -> None:
    """Let signals raise :class:`Stopped`; those that the caller ignores, as ``nohup`` does, stay so."""
    for name in CODES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def end(code: int) -> NoReturn:
    """End the process; a signal after the work is done changes nothing any more."""
    for number in _watched():
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _watched() -> list[int]:
    numbers = [getattr(signal, name) for name in CODES if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) in (_stop, _leave)]


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    stopped = Stopped(CODES[signal.Signals(number).name])
    for other in _watched():  # a second signal does not wait
        signal.signal(other, _leave)
    timer = Timer(GRACE, _leave_with, [stopped.code])
    timer.daemon = True
    timer.start()
    raise stopped


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    _leave_with(CODES[signal.Signals(number).name])


def _leave_with(code: int) -> NoReturn:
    os.write(2, f"error: {Stopped(code)}\n".encode())
    os._exit(code)
