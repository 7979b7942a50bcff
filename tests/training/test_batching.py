import pytest
import torch

from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.training.batching import ArrayBatches, Part, batch_sizes


@pytest.mark.parametrize("n", [2, 3, 9, 10, 11, 64, 65])
def test_batches_hold_every_row_once_and_are_never_of_one_row(n: int) -> None:
    inputs = torch.arange(2 * n, dtype=torch.float32)[:, None]
    part = Part(inputs, torch.arange(2 * n), torch.arange(0, 2 * n, 2))
    batches = list(ArrayBatches(part, 4, shuffle=True))
    assert sorted(torch.cat([targets for _, targets in batches]).tolist()) == part.rows.tolist()
    assert min(len(targets) for _, targets in batches) >= 2
    for batch, targets in batches:
        assert torch.equal(batch[:, 0], targets.float())


def test_shuffling_draws_a_new_order_for_every_pass() -> None:
    torch.manual_seed(0)
    part = Part(torch.zeros(100, 1), torch.arange(100), torch.arange(100))
    batches = ArrayBatches(part, 100, shuffle=True)
    assert not torch.equal(next(iter(batches))[1], next(iter(batches))[1])


def test_uint8_images_are_scaled_and_floats_are_left_alone() -> None:
    assert as_float(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx(
        [0, 0.2, 1]
    )
    assert as_float(torch.tensor([-3.0, 300.0])).tolist() == [-3, 300]


def test_sizes_add_up() -> None:
    assert all(sum(batch_sizes(n, size)) == n for n in range(1, 50) for size in range(2, 12))


def test_read_only_arrays_are_taken_without_a_warning() -> None:
    array = torch.arange(4).numpy()
    array.flags.writeable = False
    assert as_tensor(array).tolist() == [0, 1, 2, 3]
