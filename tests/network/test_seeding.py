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
