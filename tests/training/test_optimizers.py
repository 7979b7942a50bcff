import pickle
import subprocess
import sys

import pytest
import torch

from mnistffn.training.optimizers import SGD, AdamW

PAIRS = {"adam": (AdamW, torch.optim.AdamW), "sgd": (SGD, torch.optim.SGD)}
SETTINGS = {"adam": {"weight_decay": 0.01}, "sgd": {"momentum": 0.9, "nesterov": True}}


def train(optimizer, network, n_steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_steps):
        optimizer.zero_grad()
        network(torch.randn(16, 5, generator=generator)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_steps_are_those_of_pytorch_bit_for_bit(name, fused):
    states = []
    for kind in PAIRS[name]:
        torch.manual_seed(0)
        network = torch.nn.Linear(5, 3)
        optimizer = kind(network.parameters(), lr=0.1, fused=fused, **SETTINGS[name])
        train(optimizer, network, 3)
        state = pickle.loads(pickle.dumps(optimizer.state_dict()))
        other = kind(network.parameters(), lr=0.5, fused=fused)
        other.load_state_dict(state)
        train(other, network, 3, seed=1)
        states.append(network.state_dict())
    own, theirs = states
    assert all(torch.equal(own[key], theirs[key]) for key in own)


@pytest.mark.parametrize("name", PAIRS)
def test_survives_pickling(name):
    network = torch.nn.Linear(5, 3)
    optimizer = PAIRS[name][0](network.parameters(), lr=0.1)
    train(optimizer, network, 1)
    assert type(pickle.loads(pickle.dumps(optimizer))) is PAIRS[name][0]


def test_training_needs_no_compiler():
    code = """
import sys, numpy as np
from mnistffn import FeedForwardClassifier
X, y = np.random.default_rng(0).random((200, 16), np.float32), np.arange(200) % 2
for optimizer in ("adam", "sgd"):
    classifier = FeedForwardClassifier((8,), optimizer=optimizer, ema_decay=0.9, augment=True)
    classifier.set_params(adversarial=0.05, max_epochs=1).fit(X, y)
    assert "torch._dynamo" not in sys.modules, optimizer
"""
    subprocess.run([sys.executable, "-c", code], check=True)
