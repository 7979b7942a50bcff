import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import UsageError
from mnistffn.training.device import check_precision, computing, has_bfloat16, mixed, resolve_device
from mnistffn.training.net import TrainingNet

CPU = torch.device("cpu")
digits = builtin_digits()
X, y = digits.flat, digits.labels


needs_bfloat16 = pytest.mark.skipif(not has_bfloat16(CPU), reason="this CPU has no bfloat16")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def test_auto_is_a_gpu_where_there_is_one() -> None:
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (resolve_device("auto").type != "cpu") == accelerated


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="device='cuda' is not there, only .*cpu"):
        FeedForwardClassifier(device="cuda").fit(X, y)


def test_tf32_is_refused_on_a_cpu() -> None:
    with pytest.raises(UsageError, match="precision='tf32' needs a CUDA device"):
        FeedForwardClassifier(precision="tf32").fit(X, y)


def test_a_cpu_without_bfloat16_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    with pytest.raises(UsageError, match="precision='bf16' needs a CPU with AVX-512 BF16"):
        check_precision("bf16", CPU)


def test_products_are_bfloat16_within_and_float32_after() -> None:
    a = torch.rand(4, 4)
    with mixed("bf16", CPU):
        assert (a @ a).dtype == torch.bfloat16
    with mixed("float32", CPU):
        assert (a @ a).dtype == torch.float32


def test_the_precision_of_products_is_left_as_it_was() -> None:
    with computing("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == "highest"


@needs_bfloat16
@pytest.mark.parametrize("modified", [{}, {"augment": True, "adversarial": 0.05}])
def test_bfloat16_trains_float32_weights_as_well(modified: dict[str, object]) -> None:
    accuracies = {}
    for precision in ("float32", "bf16"):
        classifier = FeedForwardClassifier(
            (64, 32), dropout=0.2, max_epochs=15, precision=precision, random_state=0, **modified
        ).fit(X[::2], y[::2])
        assert {p.dtype for p in classifier.module_.parameters()} == {torch.float32}
        accuracies[precision] = classifier.score(X[1::2], y[1::2])
        classifier.fit(X[::2], y[::2])
        assert classifier.score(X[1::2], y[1::2]) == accuracies[precision]
    assert accuracies["bf16"] == pytest.approx(accuracies["float32"], abs=0.02)


class _NoFloat64(TorchDispatchMode):
    """Refuses what a device without float64, such as Apple's MPS, would refuse."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> object:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, result)):
            # Single numbers of Python's are float64 by themselves, and never leave the CPU.
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float64 and tensor.dim():
                msg = f"{func} takes or makes float64"
                raise TypeError(msg)
        return result


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_nothing_on_the_device_is_float64(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refusing(original):
        def call(*args: object, **kwargs: object) -> object:
            calls.append(original.__name__)
            with _NoFloat64():
                return original(*args, **kwargs)

        return call

    for name in ("train_step", "validation_step", "_measure_under_attack"):
        monkeypatch.setattr(TrainingNet, name, refusing(getattr(TrainingNet, name)))
    FeedForwardClassifier(
        (16,), dropout=0.2, input_dropout=0.1, augment=True, adversarial=0.05, adversarial_norm=norm,
        ema_decay=0.9, max_epochs=2, random_state=0,
    ).fit(X[:900], y[:900])  # fmt: skip
    assert set(calls) == {"train_step", "validation_step", "_measure_under_attack"}
    with pytest.raises(TypeError, match="float64"), _NoFloat64():
        torch.rand(3).double()


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_an_epoch_on_a_gpu_neither_copies_nor_waits(precision: str) -> None:
    """The debug mode raises where an operation waits; between epochs figures are read."""
    classifier = FeedForwardClassifier(
        (64, 32), dropout=0.2, input_dropout=0.1, augment=True, adversarial=0.05, ema_decay=0.9,
        max_epochs=10, device="cuda", precision=precision, random_state=0,
    )  # fmt: skip
    original = TrainingNet.train_step
    steps = []

    def watched(self: TrainingNet, batch: tuple[torch.Tensor, torch.Tensor], **_: object) -> object:
        steps.append(batch[0].device)
        if len(steps) > 1:  # the first one brings the constants of the distortion
            torch.cuda.set_sync_debug_mode("error")
        try:
            return original(self, batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingNet, "train_step", watched)
        classifier.fit(X, y)
    assert {device.type for device in steps} == {"cuda"}
    assert next(classifier.module_.parameters()).device == CPU
    assert classifier.score(X, y) > 0.9


@needs_cuda
def test_a_gpu_learns_as_well_as_a_cpu() -> None:
    scores = [
        FeedForwardClassifier((64,), max_epochs=20, device=device, random_state=0)
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for device in ("cpu", "cuda")
    ]
    assert np.ptp(scores) < 0.02
