"""Where a network is trained, and in which numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mnistffn.errors import ParameterError
from mnistffn.training.parameters import Device, Precision


def resolve_device(name: Device) -> torch.device:
    """Return the device of a name; ``auto`` is a GPU where there is one.

    Raises
    ------
    ParameterError
        There is none of this name.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    kind, _, index = name.partition(":")
    if index and torch.cuda.is_available() and int(index) >= (n := torch.cuda.device_count()):
        problem = f"is not there, only cuda:0 to cuda:{n - 1}"
        raise ParameterError(problem, device=name)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    found = [device for device, is_there in there.items() if is_there]
    if name != "auto" and kind not in found:
        problem = f"is not there, only {', '.join(found)}"
        raise ParameterError(problem, device=name)
    return torch.device(found[0] if name == "auto" else name)


def check_precision(precision: Precision, device: torch.device) -> None:
    """Raise ParameterError unless a device computes in these numbers, and not only imitates them."""
    if precision == "tf32" and not (device.type == "cuda" and torch.cuda.is_tf32_supported()):
        needs = "a CUDA device of compute capability 8 or more"
    elif precision == "bf16" and not has_bfloat16(device):
        needs = "a CPU with AVX-512 BF16 or AMX, or a GPU that has it"
    else:
        return
    problem = f"needs {needs}: this {device.type} has none, take float32"
    raise ParameterError(problem, precision=precision)


@contextmanager
def computing(precision: Precision) -> Iterator[None]:
    """Run a block with float32 products as they are, or with ``tf32`` rounded to 10 bits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def mixed(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which ``bf16`` takes products in bfloat16, which has 8 bits.

    After Micikevicius and others (2018): weights, the optimizer's sums and the loss stay float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device takes products in bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return True
    # Older versions of torch do not tell; the names are avx512_bf16, amx_bf16 and arm_bf16.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(there) for name, there in capabilities.items() if name.endswith("_bf16"))
