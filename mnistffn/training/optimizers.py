"""PyTorch's optimizers without what only ``torch.compile`` needs of them.

Its decorators have an optimizer import torch._dynamo, which takes as long as torch itself, and look for
a compiler at every step. Nothing here is compiled.
"""

from inspect import unwrap

import torch


class _Eager(torch.optim.Optimizer):
    """Methods without their decorators; where they have none, they are as they are."""

    add_param_group = unwrap(torch.optim.Optimizer.add_param_group)
    load_state_dict = unwrap(torch.optim.Optimizer.load_state_dict)
    state_dict = unwrap(torch.optim.Optimizer.state_dict)
    zero_grad = unwrap(torch.optim.Optimizer.zero_grad)


class AdamW(_Eager, torch.optim.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))


class SGD(_Eager, torch.optim.SGD):
    """Stochastic gradient descent, with momentum or without."""

    step = torch.no_grad()(unwrap(torch.optim.SGD.step))
