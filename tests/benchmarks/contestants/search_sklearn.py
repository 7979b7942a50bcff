"""scikit-learn's ``RandomizedSearchCV`` over skorch's ``NeuralNetClassifier``."""

from typing import Any

import numpy as np
import torch
from budget import BATCH, EPOCHS, FOLDS, JOBS, LR, SPACE, TRIALS
from clock import SEED, note_candidate
from images import load_data
from layers import Network
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from skorch import NeuralNetClassifier


def score(net: NeuralNetClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy on a fold, and note it: the search itself tells nothing before its end."""
    accuracy = net.score(X, y)
    note_candidate(net.module__hidden, net.module__dropout, accuracy)
    return accuracy


def search(X: np.ndarray, y: np.ndarray) -> Any:
    """Search."""
    net = NeuralNetClassifier(
        Network, module__n_features=X.shape[1], module__n_classes=y.max() + 1,
        module__as_probabilities=True, optimizer=torch.optim.Adam, lr=LR, batch_size=BATCH,
        max_epochs=EPOCHS, iterator_train__shuffle=True, train_split=None, verbose=0,
    )  # fmt: skip
    return RandomizedSearchCV(
        net,
        {f"module__{name}": values for name, values in SPACE.distributions().items()},
        n_iter=TRIALS,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=SEED),
        scoring=score,
        n_jobs=JOBS,
        random_state=SEED,
        refit=False,
    ).fit(X, y)


if __name__ == "__main__":
    search(*load_data()[0])
