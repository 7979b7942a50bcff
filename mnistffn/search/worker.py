"""A worker process of a search: reads fits from its standard input, answers on its standard output.

    python -m mnistffn.search.worker FOLDER

Each line of either is JSON. A line in is a fit and its seconds, a line out its outcome, null if the
time did not suffice, or what it raised, and before it one that says that it has begun. The first line
out says that all is loaded. The worker ends with its input, and so with the process that has started
it, however that ends.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: who has started it is told as well
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what anybody prints is no answer
    requests = _listen()
    import warnings
    from dataclasses import asdict

    from mnistffn.search.fit import Fit, FitData, carry_out, warm_up

    warnings.simplefilter("ignore")
    data = FitData.load(Path(sys.argv[1]))

    def answer(content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    warm_up()
    answer("ready")
    for request in requests:
        answer("begun")
        try:
            outcome = carry_out(Fit(**request["fit"]), data, request["seconds"])
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})
        else:
            answer(None if outcome is None else asdict(outcome))


def _listen() -> Iterator[Any]:
    """Return the requests as they come; their end, whatever goes on then, is that of the process."""
    requests: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(line)
        os._exit(0)

    Thread(target=listen, daemon=True).start()
    return (json.loads(line) for line in iter(requests.get, ""))


if __name__ == "__main__":
    main()
