"""skorch's ``NeuralNetClassifier`` as in its README and its notebook on MNIST.

SGD at 0.1, batches of 128, shuffled; a fifth of the training images is for validation, by default.
"""

from typing import Any

import torch
from clock import FOLDER, SEED, Clock
from images import load_data
from layers import Network
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

clock = Clock()
(X, y), (X_test, y_test) = load_data()


class Observer(Callback):
    """Measures after every epoch."""

    def on_epoch_end(self, net: NeuralNetClassifier, **_: Any) -> None:
        """Stop when time is up."""
        if clock.end_epoch(lambda: net.score(X_test, y_test)):
            raise KeyboardInterrupt  # upon which ``fit`` ends in good order


torch.manual_seed(SEED)
net = NeuralNetClassifier(
    Network(X.shape[1], y.max() + 1, as_probabilities=True),
    max_epochs=1000,
    lr=0.1,
    iterator_train__shuffle=True,
    callbacks=[Observer()],
)
net.fit(X, y)
net.save_params(f_params=FOLDER / "model.pt")
