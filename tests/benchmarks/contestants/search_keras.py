"""Keras Tuner's ``Hyperband`` as in its guide, over the same network of Keras.

It validates on one fold and trains one candidate after the other, on all cores. It goes through its
brackets, eight candidates in all, until it has tried at least as many candidates as the others.
"""

import math

import keras
import keras_tuner
from budget import BATCH, EPOCHS, FOLDS, LR, SPACE, TRIALS
from clock import FOLDER, SEED, note_candidate
from images import load_data
from keras import layers
from sklearn.model_selection import StratifiedKFold

PER_ITERATION = 8  # new candidates, with five epochs at the most and a factor of three

(X, y), _ = load_data()


class Tuner(keras_tuner.Hyperband):
    """Notes every trial that has ended."""

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """End the trial."""
        super().on_trial_end(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.score is None:
            raise RuntimeError(ended.message)
        drawn = ended.hyperparameters.values
        note_candidate((drawn["first"], drawn["second"]), drawn["dropout"], ended.score)


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Return a candidate's network."""
    low, high = SPACE.hidden
    widths = hp.Int("first", low, high), hp.Int("second", low // 2, high // 2)
    dropout = hp.Float("dropout", *SPACE.dropout)
    model = keras.Sequential([keras.Input(shape=(X.shape[1],))])
    for n_units in widths:
        model.add(layers.Dense(n_units))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("relu"))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(int(y.max()) + 1, activation="softmax"))
    optimizer = keras.optimizers.Adam(LR)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


keras.utils.set_random_seed(SEED)
tuner = Tuner(
    build_model,
    objective="val_accuracy",
    max_epochs=EPOCHS,
    factor=3,
    hyperband_iterations=math.ceil(TRIALS / PER_ITERATION),
    seed=SEED,
    directory=FOLDER,
)
train, valid = next(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(X, y))
tuner.search(X[train], y[train], batch_size=BATCH, validation_data=(X[valid], y[valid]), verbose=0)
