"""Optuna with its ``MedianPruner``, as in its example on PyTorch, in processes that share a journal.

A trial goes through the folds, and reports the accuracy on the one held out after every epoch.
"""

from multiprocessing import Pool

import numpy as np
import optuna
import torch
from budget import BATCH, EPOCHS, FOLDS, JOBS, LR, SPACE, TRIALS
from clock import FOLDER, SEED, note_candidate
from images import load_data
from layers import Network
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sklearn.model_selection import StratifiedKFold
from torch.nn.functional import cross_entropy

Fold = tuple[np.ndarray, np.ndarray]


class Objective:
    """The mean accuracy over the folds."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.inputs, self.targets = torch.from_numpy(X), torch.from_numpy(y)
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        self.folds: list[Fold] = list(splitter.split(X, y))

    def __call__(self, trial: optuna.Trial) -> float:
        """Train and test; raise ``TrialPruned`` where the trial is worse than most."""
        (low, high), dropout_bounds = SPACE.hidden, SPACE.dropout
        hidden = trial.suggest_int("first", low, high), trial.suggest_int("second", low // 2, high // 2)
        dropout = trial.suggest_float("dropout", *dropout_bounds)
        accuracies = [self.train(trial, fold, hidden, dropout) for fold in range(len(self.folds))]
        score = float(np.mean(accuracies))
        note_candidate(hidden, dropout, score)
        return score

    def train(self, trial: optuna.Trial, fold: int, hidden: tuple[int, ...], dropout: float) -> float:
        """Return the accuracy on a fold after the last epoch."""
        train, test = map(torch.from_numpy, self.folds[fold])
        network = Network(self.inputs.shape[1], int(self.targets.max()) + 1, hidden, dropout)
        optimizer = torch.optim.Adam(network.parameters(), lr=LR)
        accuracy = 0.0
        for epoch in range(EPOCHS):
            network.train()
            for rows in train[torch.randperm(len(train))].split(BATCH):
                loss = cross_entropy(network(self.inputs[rows]), self.targets[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            network.eval()
            with torch.no_grad():
                found = network(self.inputs[test]).argmax(dim=1)
            accuracy = float((found == self.targets[test]).float().mean())
            trial.report(accuracy, fold * EPOCHS + epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy


def work(number: int) -> None:
    """Try candidates until both processes together have tried enough."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED + number)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(FOLDER / "journal.log"))),
        study_name="race",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=100 * SEED + number),
        pruner=optuna.pruners.MedianPruner(),
        load_if_exists=True,
    )
    enough = MaxTrialsCallback(TRIALS, states=(TrialState.COMPLETE, TrialState.PRUNED))
    study.optimize(Objective(*load_data()[0]), callbacks=[enough])


if __name__ == "__main__":
    with Pool(JOBS) as pool:
        pool.map(work, range(JOBS))
