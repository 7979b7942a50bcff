"""The one place that seeds torch and sets its threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(
    seed: int, n_threads: int | None = None, device: torch.device | None = None
) -> Iterator[None]:
    """Run a block under its own random numbers and threads; leave torch as it was.

    The same seed, versions and number of threads give bit-equal results on a CPU.

    Parameters
    ----------
    seed : int
        Seed of torch's global generator inside the block.
    n_threads : int or None, default=None
        Threads of torch's operations inside the block; None keeps those that are set.
    device : torch.device or None, default=None
        A CUDA device's random numbers are left as they were too.
    """
    threads_before = torch.get_num_threads()
    is_cuda = device is not None and device.type == "cuda"
    with torch.random.fork_rng([torch.cuda.current_device()] if is_cuda else [], device_type="cuda"):
        torch.manual_seed(seed)
        torch.set_num_threads(n_threads or threads_before)
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
