"""What a training leaves behind from time to time, so that one that is killed can go on."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from mnistffn.errors import RunDirectoryError
from mnistffn.run.files import replace_file
from mnistffn.run.journal import COMMAND, keep_command, refuse
from mnistffn.wording import count

FIRST = 10.0  # seconds of training; what is shorter is soon done again
SPARING = 50  # times as long as it took to write it: no more than 2% of the time


class Checkpoint:
    """A file that holds the state of a training under way.

    Parameters
    ----------
    path : Path
    settings : mapping
        Plain values that the training depends on.
    command : str or None
        What was typed for it.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], command: str | None = None) -> None:
        self.path = path
        self.settings = json.loads(json.dumps(dict(settings)))
        self.command = command
        self._due = time.monotonic() + FIRST

    def load(self, *, fresh: bool = False) -> dict[str, Any] | None:
        """Return the state that a training of these settings has left, None if there is none.

        A file that is damaged counts for nothing.

        Parameters
        ----------
        fresh : bool
            There is none, whatever is kept.

        Raises
        ------
        RunDirectoryError
            A training of other settings was stopped: the message names the first that differs.
        """
        if fresh:
            self.remove()
        content = self._read()
        if content is None:
            return None
        if content["settings"] != self.settings:
            stopped = (
                f"training, which was stopped after {count(len(content['state']['history']), 'epoch')}"
            )
            refuse(self.path.parent, stopped, content["settings"], self.settings)
        state: dict[str, Any] = content["state"]
        return state

    def save(self, make_state: Callable[[], Mapping[str, Any]]) -> None:
        """Write the state, if it is time again; without space for it, the training goes on without.

        Parameters
        ----------
        make_state : callable
            Returns tensors and plain values, in dicts and lists.
        """
        if time.monotonic() < self._due:
            return
        start = time.monotonic()
        buffer = io.BytesIO()
        torch.save({"settings": self.settings, "state": dict(make_state())}, buffer)
        payload = buffer.getbuffer()
        digest = hashlib.sha256(payload).digest()
        with suppress(RunDirectoryError, OSError):
            self.path.parent.mkdir(exist_ok=True)
            keep_command(self.path.parent, self.command)
            replace_file(self.path, lambda file: file.write(digest) + file.write(payload))
        now = time.monotonic()
        self._due = now + SPARING * (now - start)

    def remove(self) -> None:
        """Remove the file: the training is done."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            (self.path.parent / COMMAND).unlink(missing_ok=True)
            self.path.parent.rmdir()

    def _read(self) -> dict[str, Any] | None:
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        digest, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        found: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
        return found
