import pytest
import torch

from mnistffn.network.seeding import seeded


def test_a_block_has_its_own_numbers_and_threads_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    with seeded(1, n_threads=threads + 1):
        inside = torch.rand(3)
        assert torch.get_num_threads() == threads + 1
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(3), expected)
    with seeded(1):
        assert torch.equal(torch.rand(3), inside)


def test_the_numbers_of_a_gpu_are_left_alone_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No GPU is needed: a stand-in has a generator of its own, as Apple's MPS has."""
    generator = torch.Generator().manual_seed(5)
    monkeypatch.setattr(torch.mps, "manual_seed", generator.manual_seed)
    monkeypatch.setattr(torch.mps, "get_rng_state", generator.get_state)
    monkeypatch.setattr(torch.mps, "set_rng_state", generator.set_state)
    before = generator.get_state()
    with seeded(1):
        assert torch.equal(generator.get_state(), before)
    with seeded(1, device=torch.device("mps")):
        inside = torch.rand(3, generator=generator)
    assert torch.equal(generator.get_state(), before)
    with seeded(1, device=torch.device("mps")):
        assert torch.equal(torch.rand(3, generator=generator), inside)
