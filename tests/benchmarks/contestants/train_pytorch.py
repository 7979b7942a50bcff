"""A loop as in PyTorch's quickstart: a ``DataLoader``, batches of 64.

With Adam at its default rate and shuffled: the quickstart's SGD at 0.001 would take hours.
"""

import torch
from clock import FOLDER, SEED, Clock
from images import load_data
from layers import Network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

clock = Clock()
train_arrays, test_arrays = load_data()
torch.manual_seed(SEED)
training_data = TensorDataset(*map(torch.from_numpy, train_arrays))
test_data = TensorDataset(*map(torch.from_numpy, test_arrays))
train_dataloader = DataLoader(training_data, batch_size=64, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=64)

model = Network(train_arrays[0].shape[1], train_arrays[1].max() + 1)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())


def train() -> None:
    """Train for an epoch."""
    model.train()
    for X, y in train_dataloader:
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def test() -> float:
    """Return the test accuracy."""
    model.eval()
    correct = 0.0
    with torch.no_grad():
        for X, y in test_dataloader:
            correct += (model(X).argmax(1) == y).sum().item()
    return correct / len(test_data)


train()
while not clock.end_epoch(test):
    train()
torch.save(model.state_dict(), FOLDER / "model.pth")
