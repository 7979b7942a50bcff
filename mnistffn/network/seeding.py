"""The one place that seeds torch and sets its threads."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

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
        Seed of the CPU's global generator inside the block.
    n_threads : int or None, default=None
        Threads of torch's operations inside the block; None keeps those that are set.
    device : torch.device or None, default=None
        A GPU whose random numbers are seeded too, and left as they were. Those of other devices are not
        touched.
    """
    threads_before, state_before = torch.get_num_threads(), torch.get_rng_state()
    gpu = getattr(torch, device.type) if device is not None and device.type != "cpu" else None
    with torch.cuda.device(device) if gpu is torch.cuda else nullcontext():
        gpu_state_before = gpu.get_rng_state() if gpu else None
        try:
            torch.default_generator.manual_seed(seed)
            if gpu:
                gpu.manual_seed(seed)
            torch.set_num_threads(n_threads or threads_before)
            yield
        finally:
            torch.set_num_threads(threads_before)
            torch.set_rng_state(state_before)
            if gpu:
                gpu.set_rng_state(gpu_state_before)
